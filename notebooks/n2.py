"""N2 in cc-pVDZ, 6 electrons in 6 orbitals, with UCCSD; recorded in the folder n2.run.

    python notebooks/n2.py
    mpiexec -n 4 python notebooks/n2.py

A second run takes up the journal of the first and evaluates nothing again.
"""

import pyscf

import hybridq as hq

mf = pyscf.M(atom="N 0 0 0; N 0 0 1.1", basis="cc-pvdz", verbose=0).RHF().run()
problem = hq.Problem.from_pyscf(mf, active_electrons=6, active_orbitals=6)
vqe = hq.VQE(problem, hq.ansatz("uccsd"), backend="auto", run="n2.run")
if vqe.comm.is_root:
    print(problem, vqe.circuit, vqe.plan(), sep="\n\n", end="\n\n", flush=True)

result = vqe.run()

if vqe.comm.is_root:
    exact = result.references["casci"]
    print("iteration   energy, hartree   above CASCI, millihartree   largest gradient")
    for number, (energy, slope) in enumerate(zip(result.history.energies, result.history.gradients, strict=True), 1):
        print(f"{number:9}   {energy:.10f}   {1e3 * (energy - exact):25.4f}   {slope:16.1e}")
    print(f"\n{result}")
    if result.replayed:
        print(f"  journal      taken up: {result.replayed} evaluations were there already; remove n2.run to start anew")
    print(f"  plot         {result.run}/convergence.png")

"""Arguments that several commands share."""

from __future__ import annotations

import argparse

from hybridq.cli.options import duration, electrons, key_value, number_list, orbital_list, seed


def add_common(parser: argparse.ArgumentParser) -> None:
    """--json, and the hidden --traceback."""
    parser.add_argument("--json", action="store_true", help="print exactly one JSON object on stdout, nothing else")
    parser.add_argument("--traceback", action="store_true", help=argparse.SUPPRESS)


def add_problem(parser: argparse.ArgumentParser, *, qubits: bool = False) -> None:
    """The input and how it becomes a problem; with `qubits`, an observable or a graph instead of a molecule too."""
    parser.add_argument(
        "input",
        metavar="FILE|XYZ",
        nargs="?" if qubits else None,
        help='an xyz file, an FCIDUMP file, or a geometry in angstrom such as "N 0 0 0; N 0 0 1.1"',
    )
    if qubits:
        group = parser.add_argument_group("problem on qubits, instead of a molecule")
        group.add_argument(
            "--observable", metavar="FILE", help='JSON such as {"ZZ": 0.5}, or terms as OpenFermion prints them'
        )
        group.add_argument(
            "--graph", metavar="FILE", help='maximum cut of a graph: a line "i j" or "i j weight" an edge'
        )
    group = parser.add_argument_group("problem (of a geometry; an FCIDUMP file holds its own)")
    group.add_argument("--basis", help="basis set, as PySCF knows it: sto-3g, cc-pvdz, ...")
    group.add_argument("--charge", type=int, help="total charge (default 0)")
    group.add_argument("--spin", type=int, help="unpaired electrons, n_alpha - n_beta (default 0)")
    group.add_argument("--active-electrons", type=electrons, metavar="N", help="electrons to correlate: 6, or 4,2")
    group.add_argument("--active-orbitals", type=int, metavar="N", help="orbitals to correlate")
    group.add_argument("--orbitals", type=orbital_list, metavar="LIST", help="the active orbitals, from 0: 3,4,5")
    group.add_argument("--frozen-core", action="store_true", help="leave the chemical core doubly occupied")
    group.add_argument("--no-symmetry", action="store_true", help="use no point group")
    group.add_argument("--allow-unconverged", action="store_true", help="go on where SCF did not converge")
    group.add_argument("--max-cycle", type=int, help=argparse.SUPPRESS)


def add_calculation(parser: argparse.ArgumentParser) -> None:
    """Circuit, backend and optimizer."""
    group = parser.add_argument_group("calculation")
    group.add_argument(
        "--circuit",
        "--ansatz",
        default="uccsd",
        metavar="NAME",
        help="circuit family (default uccsd); for vqe also a file, .qasm or .qpy",
    )
    group.add_argument(
        "--circuit-option", action="append", default=[], type=key_value, metavar="KEY=VALUE", help="may be repeated"
    )
    add_method(group)


def add_growth(parser: argparse.ArgumentParser) -> None:
    """Pool, growth, backend and optimizer of an ADAPT-VQE."""
    group = parser.add_argument_group("growth")
    group.add_argument("--pool", default="spin-adapted", metavar="NAME", help="operator pool (default spin-adapted)")
    group.add_argument(
        "--pool-option", action="append", default=[], type=key_value, metavar="KEY=VALUE", help="may be repeated"
    )
    group.add_argument("--batch", type=int, metavar="N", help="operators appended at once, at most (default 1)")
    group.add_argument(
        "--batch-ratio", type=float, metavar="SHARE", help="of these only such with this share of the largest gradient"
    )
    group.add_argument("--disjoint", action="store_true", help="append together only operators on different orbitals")
    group.add_argument(
        "--pool-tolerance", type=float, metavar="HARTREE/RADIAN", help="largest gradient to end at (default 1e-3)"
    )
    group.add_argument("--max-operators", type=int, metavar="N", help="grow to so many operators at most")
    add_method(parser.add_argument_group("calculation"))


def add_method(group: argparse._ArgumentGroup) -> None:
    """Backend and optimizer."""
    group.add_argument("--backend", default="auto", metavar="NAME", help="backend (default: the cheapest that can)")
    group.add_argument(
        "--backend-option", action="append", default=[], type=key_value, metavar="KEY=VALUE", help="may be repeated"
    )
    group.add_argument("--optimizer", default="auto", metavar="NAME", help="L-BFGS-B, SPSA, COBYLA, ...")
    group.add_argument(
        "--optimizer-option", action="append", default=[], type=key_value, metavar="KEY=VALUE", help="may be repeated"
    )
    group.add_argument("--precision", type=float, metavar="HARTREE", help="wanted standard error of an energy")
    group.add_argument("--shots", type=int, metavar="N", help="samples for each row of parameters")
    group.add_argument("--seed", type=seed, default=0, metavar="N", help="seed of everything random (default 0)")
    group.add_argument("--max-iterations", type=int, metavar="N", help="stop after so many iterations")
    group.add_argument("--max-evaluations", type=int, metavar="N", help="stop after so many rows of parameters")
    add_budget(group)
    group.add_argument("--energy-tolerance", type=float, metavar="HARTREE", help="default 1e-10")
    group.add_argument("--gradient-tolerance", type=float, metavar="HARTREE/RADIAN", help="default 1e-5")


def add_run(parser: argparse.ArgumentParser, *, of_circuit: bool = True) -> None:
    """Where a run leaves what it found, how it may end, and what it says meanwhile."""
    group = parser.add_argument_group("run")
    group.add_argument(
        "--run", metavar="DIR", help="keep journal, result and plot there; the same command goes on where it stopped"
    )
    if of_circuit:
        group.add_argument("--start-from", metavar="DIR", help="begin at the best point of another run of this circuit")
        group.add_argument("--plan", action="store_true", help="show what each backend predicts, and stop")
        group.add_argument(
            "--dry-run", action="store_true", help="show what hardware would be sent first, send nothing, and stop"
        )
    add_ending(group)


def add_budget(group: argparse._ArgumentGroup) -> None:
    """--budget."""
    group.add_argument(
        "--budget",
        action="append",
        type=key_value,
        metavar="KEY=VALUE",
        help="what to spend at most, in all lives of the run: shots=1e6, qpu_seconds=600, dollars=100; may be repeated",
    )


def add_ending(group: argparse._ArgumentGroup) -> None:
    """--wall-time, --plot and --quiet."""
    group.add_argument(
        "--wall-time",
        type=duration,
        metavar="TIME",
        help="stop in good order before so much time has gone since the start: 3600, 1:00:00, 90m",
    )
    group.add_argument("--plot", metavar="FILE", help="write a plot of the energies (png, pdf or svg)")
    group.add_argument("--quiet", action="store_true", help="print the result only, and no progress")


def add_scan(parser: argparse.ArgumentParser) -> None:
    """The values of a scan, and where it leaves what it found."""
    group = parser.add_argument_group("scan (the geometry has {r} wherever the coordinate stands, angstrom)")
    group.add_argument("--from", dest="first", type=float, metavar="R", help="first value")
    group.add_argument("--to", dest="last", type=float, metavar="R", help="last value")
    group.add_argument("--points", type=int, metavar="N", help="how many, both ends included")
    group.add_argument(
        "--values", type=number_list, metavar="LIST", help="the values themselves: 0.9,1.0,1.1; --values=-0.1,0.1"
    )
    group.add_argument(
        "--start",
        default="auto",
        choices=("auto", "warm", "cold"),
        help="where a point begins: the best of what is known (default), its neighbours, or the circuit's own start",
    )
    group.add_argument("--ranks-per-group", type=int, default=1, metavar="N", help="ranks for one point (default 1)")
    group = parser.add_argument_group("run")
    group.add_argument(
        "--run", metavar="DIR", help="keep journals, results and plot there; the same command goes on where it stopped"
    )
    add_ending(group)


def add_resume(parser: argparse.ArgumentParser) -> None:
    """The folder of a run, and what may differ in its next life."""
    parser.add_argument("folder", metavar="RUN", help="the folder of the run")
    group = parser.add_argument_group("run")
    group.add_argument("--max-iterations", type=int, metavar="N", help="a new limit on iterations")
    group.add_argument("--max-evaluations", type=int, metavar="N", help="a new limit on rows of parameters")
    group.add_argument("--max-operators", type=int, metavar="N", help="a new limit on operators of ADAPT")
    add_budget(group)
    add_ending(group)

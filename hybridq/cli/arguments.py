"""Arguments that several commands share."""

from __future__ import annotations

import argparse

from hybridq.cli.options import electrons, key_value, orbital_list, seed


def add_common(parser: argparse.ArgumentParser) -> None:
    """--json, and the hidden --traceback."""
    parser.add_argument("--json", action="store_true", help="print exactly one JSON object on stdout, nothing else")
    parser.add_argument("--traceback", action="store_true", help=argparse.SUPPRESS)


def add_problem(parser: argparse.ArgumentParser) -> None:
    """The input and how it becomes a problem."""
    parser.add_argument(
        "input",
        metavar="FILE|XYZ",
        help='an xyz file, an FCIDUMP file, or a geometry in angstrom such as "N 0 0 0; N 0 0 1.1"',
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
    group.add_argument("--circuit", default="uccsd", metavar="NAME", help="circuit family (default uccsd)")
    group.add_argument(
        "--circuit-option", action="append", default=[], type=key_value, metavar="KEY=VALUE", help="may be repeated"
    )
    group.add_argument("--backend", default="auto", metavar="NAME", help="backend (default: the cheapest that can)")
    group.add_argument("--optimizer", default="auto", metavar="NAME", help="L-BFGS-B, SPSA, COBYLA, ...")
    group.add_argument(
        "--optimizer-option", action="append", default=[], type=key_value, metavar="KEY=VALUE", help="may be repeated"
    )
    group.add_argument("--precision", type=float, metavar="HARTREE", help="wanted standard error of an energy")
    group.add_argument("--shots", type=int, metavar="N", help="samples for each row of parameters")
    group.add_argument("--seed", type=seed, default=0, metavar="N", help="seed of everything random (default 0)")
    group.add_argument("--max-iterations", type=int, metavar="N", help="stop after so many iterations")
    group.add_argument("--max-evaluations", type=int, metavar="N", help="stop after so many rows of parameters")
    group.add_argument("--energy-tolerance", type=float, metavar="HARTREE", help="default 1e-10")
    group.add_argument("--gradient-tolerance", type=float, metavar="HARTREE/RADIAN", help="default 1e-5")


def add_run(parser: argparse.ArgumentParser) -> None:
    """Where a run leaves what it found, and what it says meanwhile."""
    group = parser.add_argument_group("run")
    group.add_argument(
        "--run", metavar="DIR", help="keep journal, result and plot there; the same command goes on where it stopped"
    )
    group.add_argument("--plot", metavar="FILE", help="write a plot of the energies (png, pdf or svg)")
    group.add_argument("--plan", action="store_true", help="show what each backend predicts, and stop")
    group.add_argument("--quiet", action="store_true", help="print the result only, and no progress")

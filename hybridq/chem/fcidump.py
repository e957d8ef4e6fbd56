"""FCIDUMP files: Knowles and Handy, doi:10.1016/0010-4655(89)90033-7.

ORBSYM is written in Molpro's order (1..8) for the point group that the problem's source names. Readers cannot see
the point group in a file, so `read` takes it as an argument; without it, it assumes D2h where an irrep above 4
occurs, C2v (the same table as C2h) above 2, and a group of two irreps otherwise. A wrong guess renames the irreps and
leaves their products as they are.
"""

from __future__ import annotations

import math
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from hybridq.chem import symmetry
from hybridq.chem.problem import Problem, assemble
from hybridq.contract.errors import InputError, unknown_name
from hybridq.contract.hamiltonian import Hamiltonian

# Molpro's number of each irrep, by PySCF's id (molpro.net manual, "Symmetry").
MOLPRO: dict[str, tuple[int, ...]] = {
    "D2h": (1, 4, 6, 7, 8, 5, 3, 2),
    "C2v": (1, 4, 2, 3),
    "C2h": (1, 4, 2, 3),
    "D2": (1, 4, 3, 2),
    "Cs": (1, 2),
    "C2": (1, 2),
    "Ci": (1, 2),
    "C1": (1,),
}
# Irreps of the larger groups, modulo 10, are those of these subgroups.
SUBGROUP = {"Dooh": "D2h", "Coov": "C2v", "SO3": "D2h"}


def write(problem: Problem, path: str | Path) -> None:
    """Write `problem` to `path`, whole or not at all, with 17 significant digits.

    Raises:
        InputError: the file cannot be written.
    """
    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent or Path("."))
    except OSError as error:
        raise InputError(f"cannot write {str(path)!r}: {error.strerror}; give a path in a folder that exists") from None
    try:
        with os.fdopen(handle, "w", encoding="ascii") as out:
            _write_lines(problem, out)
            out.flush()
            os.fsync(out.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, target)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise InputError(f"cannot write {str(path)!r}: {error.strerror}") from None
        raise


def _write_lines(problem: Problem, out: TextIO) -> None:
    h, n = problem.hamiltonian, problem.n_orbitals
    out.write(f" &FCI NORB={n},NELEC={problem.n_electrons},MS2={problem.spin},\n")
    out.write(f"  ORBSYM={','.join(map(str, _to_molpro(problem)))},\n  ISYM=1,\n &END\n")
    two = h.two_body
    for p in range(n):
        for q in range(p + 1):
            for r in range(p + 1):
                for s in range((q if r == p else r) + 1):
                    if two[p, q, r, s] != 0.0:
                        out.write(f"{two[p, q, r, s]: .16e} {p + 1:4d} {q + 1:4d} {r + 1:4d} {s + 1:4d}\n")
    for p in range(n):
        for q in range(p + 1):
            if h.one_body[p, q] != 0.0:
                out.write(f"{h.one_body[p, q]: .16e} {p + 1:4d} {q + 1:4d}    0    0\n")
    out.write(f"{h.constant: .16e}    0    0    0    0\n")


def _to_molpro(problem: Problem) -> list[int]:
    irreps = problem.irreps or (0,) * problem.n_orbitals
    group = str(problem.source.get("point_group"))
    table = MOLPRO.get(SUBGROUP.get(group, group), ())
    if max(irreps) < len(table):
        return [table[irrep] for irrep in irreps]
    return [irrep + 1 for irrep in irreps]


def read(path: str | Path, point_group: str | None = None) -> Problem:
    """Read an FCIDUMP file of real, spin-free integrals.

    The scalar energy (`value 0 0 0 0`) must be the last line, so that a torn file is not taken for a whole one.

    Args:
        path: the file.
        point_group: what ORBSYM refers to, such as "D2h"; None guesses as the module says.

    Raises:
        InputError: no such file, or not a whole FCIDUMP; the message names file and line.
    """
    if point_group is not None and SUBGROUP.get(point_group, point_group) not in MOLPRO:
        raise unknown_name("point group", point_group, [*MOLPRO, *SUBGROUP])
    try:
        lines = Path(path).read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise InputError(f"cannot read the FCIDUMP file {str(path)!r}: {reason}") from None
    header, n_header = _header(path, lines)
    n, n_electrons, ms2 = _sizes(path, header)
    hamiltonian = _integrals(path, lines, n_header, n)
    n_beta = (n_electrons - ms2) // 2
    notes: list[str] = []
    irreps = _irreps(path, header.get("ORBSYM", []), point_group, hamiltonian, notes)
    source = {
        "kind": "fcidump",
        "path": str(path),
        "point_group": None if irreps is None else point_group or _guess(header["ORBSYM"]),
        "notes": notes,
    }
    return assemble(hamiltonian, (n_electrons - n_beta, n_beta), irreps, name=Path(path).name, source=source)


def _header(path: str | Path, lines: Sequence[str]) -> tuple[dict[str, list[int]], int]:
    """Integer lists by key, and the number of header lines."""
    if not lines or not re.match(r"\s*[&$]FCI\b", lines[0], re.IGNORECASE):
        raise InputError(f"{path}, line 1: an FCIDUMP file begins with &FCI, got {lines[0][:60] if lines else ''!r}")
    end = next((k for k, line in enumerate(lines) if re.search(r"[&$]END|/", line, re.IGNORECASE)), None)
    if end is None:
        raise InputError(f"{path}, line {len(lines)}: the header is not closed by &END or /; the file is torn")
    text = " ".join(lines[: end + 1]).upper()
    text = re.sub(r"[&$]FCI\b|[&$]END.*|/.*", " ", text)
    header: dict[str, list[int]] = {}
    for match in re.finditer(r"([A-Z]\w*)\s*=([^=]*?)(?=[A-Z]\w*\s*=|$)", text):
        key, words = match[1], match[2].replace(",", " ").split()
        if key in ("IUHF", "UHF") and words and words[0].strip(".") not in ("0", "F", "FALSE"):
            raise InputError(
                f"{path}: {key}={words[0]}: separate alpha and beta integrals are not taken; use ROHF orbitals"
            )
        if key not in ("NORB", "NELEC", "MS2", "ORBSYM"):
            continue
        try:
            header[key] = [value for word in words for value in _repeated(word)]
        except ValueError:
            raise InputError(
                f"{path}, lines 1 to {end + 1}: {key} must be whole numbers, got {' '.join(words)!r}"
            ) from None
    return header, end + 1


def _repeated(word: str) -> list[int]:
    """Fortran's ``4*1`` stands for 1,1,1,1."""
    count, star, value = word.partition("*")
    return [int(value)] * int(count) if star else [int(word)]


def _sizes(path: str | Path, header: dict[str, list[int]]) -> tuple[int, int, int]:
    for key in ("NORB", "NELEC"):
        if len(header.get(key, [])) != 1:
            raise InputError(f"{path}: the header needs {key}=one number, got {header.get(key)}")
    n, n_electrons, ms2 = header["NORB"][0], header["NELEC"][0], (header.get("MS2") or [0])[0]
    if not 1 <= n <= 1000:
        raise InputError(f"{path}: NORB={n}; between 1 and 1000 orbitals can be read")
    if n_electrons < 1 or (n_electrons - ms2) % 2 or max(n_electrons + ms2, n_electrons - ms2) > 2 * n:
        raise InputError(f"{path}: NELEC={n_electrons} and MS2={ms2} do not fit each other or the {n} orbitals")
    if abs(ms2) > n_electrons:
        raise InputError(f"{path}: MS2={ms2} is more than the {n_electrons} electrons")
    return n, n_electrons, ms2


def _integrals(path: str | Path, lines: Sequence[str], start: int, n: int) -> Hamiltonian:
    # Triangles of pairs: four times smaller than the full array, and NaN marks what no line has given.
    one = np.full((n, n), np.nan)
    n_pairs = n * (n + 1) // 2
    two = np.full((n_pairs, n_pairs), np.nan)
    constant: float | None = None
    last = start
    for number, value, (p, q, r, s) in _entries(path, lines, start, n):
        last = number
        if constant is not None:
            raise InputError(f"{path}, line {number}: the scalar energy '0 0 0 0' must be the last line")
        if r and s and p and q:
            left, right = _pair(p, q), _pair(r, s)
            _store(path, number, two, max(left, right), min(left, right), value)
        elif p and q and not (r or s):
            _store(path, number, one, max(p, q) - 1, min(p, q) - 1, value)
        elif not (p or q or r or s):
            constant = value
        elif not p or q or r or s:
            raise InputError(f"{path}, line {number}: indices {p} {q} {r} {s} name no integral")
        # What remains, 'value p 0 0 0', is an orbital energy, which nothing here needs.
    if constant is None:
        raise InputError(
            f"{path}, line {last}: the last line must be the scalar energy 'value 0 0 0 0'; the file is torn"
        )
    one, two = np.nan_to_num(np.tril(one)), np.nan_to_num(np.tril(two))
    one += np.tril(one, -1).T
    two += np.tril(two, -1).T
    index = np.fromfunction(
        lambda p, q: np.maximum(p, q) * (np.maximum(p, q) + 1) // 2 + np.minimum(p, q), (n, n), dtype=int
    )
    full = two[index[:, :, None, None], index[None, None, :, :]]
    return Hamiltonian(constant, one, full)


def _entries(
    path: str | Path, lines: Sequence[str], start: int, n: int
) -> Iterator[tuple[int, float, tuple[int, int, int, int]]]:
    for number, line in enumerate(lines[start:], start + 1):
        words = line.split()
        if not words:
            continue
        if words[0].startswith("("):
            raise InputError(f"{path}, line {number}: complex integrals are not taken; hybridq needs real orbitals")
        try:
            value = float(words[0].upper().replace("D", "E"))
            p, q, r, s = (int(word) for word in words[1:])
        except ValueError:
            raise InputError(
                f"{path}, line {number}: a number and four indices are needed, got {line.strip()[:60]!r}"
            ) from None
        if not math.isfinite(value):
            raise InputError(f"{path}, line {number}: the integral is {value}; it must be finite")
        if not all(0 <= i <= n for i in (p, q, r, s)):
            raise InputError(f"{path}, line {number}: an index is not between 0 and NORB={n}: {p} {q} {r} {s}")
        yield number, value, (p, q, r, s)


def _pair(p: int, q: int) -> int:
    high, low = max(p, q) - 1, min(p, q) - 1
    return high * (high + 1) // 2 + low


def _store(path: str | Path, number: int, array: NDArray[np.float64], row: int, column: int, value: float) -> None:
    old = array[row, column]
    if not np.isnan(old) and abs(old - value) > 1e-8:
        raise InputError(f"{path}, line {number}: this integral was {old} before and is {value} now")
    array[row, column] = value


def _guess(orbsym: Sequence[int]) -> str:
    top = max(orbsym)
    return "D2h" if top > 4 else "C2v" if top > 2 else "Cs" if top > 1 else "C1"


def _irreps(
    path: str | Path, orbsym: Sequence[int], point_group: str | None, hamiltonian: Hamiltonian, notes: list[str]
) -> tuple[int, ...] | None:
    """PySCF's ids: from Molpro's numbers 1..8, or from PySCF's own numbers 0..7, whichever the integrals allow."""
    if not orbsym or len(set(orbsym)) == 1:
        return None
    if len(orbsym) != hamiltonian.n_orbitals:
        raise InputError(f"{path}: ORBSYM has {len(orbsym)} entries for NORB={hamiltonian.n_orbitals}")
    if not all(0 <= irrep <= 8 for irrep in orbsym):
        raise InputError(f"{path}: ORBSYM must be numbers from 1 to 8 (Molpro) or 0 to 7 (PySCF), got {list(orbsym)}")
    readings = []
    table = MOLPRO[SUBGROUP.get(point_group, point_group) if point_group else _guess(orbsym)]
    if set(orbsym) <= set(table):
        readings.append(tuple(table.index(irrep) for irrep in orbsym))
    if max(orbsym) <= 7:
        readings.append(tuple(orbsym))
    for irreps in readings:
        if symmetry.violation(hamiltonian.one_body, hamiltonian.two_body, irreps)[0] <= symmetry.FORBIDDEN_TOLERANCE:
            return irreps
    notes.append("the integrals contradict ORBSYM, in Molpro's and in PySCF's numbering; it is not used")
    return None

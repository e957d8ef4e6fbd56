from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyscf import gto, mcscf, scf
from pyscf.tools import fcidump as pyscf_fcidump
from test_problem import random_integrals

from hybridq.chem.fcidump import MOLPRO
from hybridq.chem.problem import Problem
from hybridq.contract.errors import InputError

HEADER = " &FCI NORB=2,NELEC=2,MS2=0,\n  ORBSYM=1,1,\n  ISYM=1,\n &END\n"
BODY = "0.5 1 1 1 1\n0.1 2 1 2 1\n0.4 2 2 1 1\n0.6 2 2 2 2\n-1.5 1 1 0 0\n-0.5 2 2 0 0\n"
CORE = "0.7 0 0 0 0\n"


def nitrogen() -> Problem:
    return Problem.from_xyz("N 0 0 0; N 0 0 1.1", "cc-pvdz", active_electrons=6, active_orbitals=6)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "file.fcidump"
    path.write_text(text)
    return path


@given(n=st.integers(1, 4), seed=st.integers(0, 10**6), constant=st.floats(-1e3, 1e3), odd=st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_round_trip_keeps_every_bit(tmp_path_factory, n, seed, constant, odd):
    path = tmp_path_factory.mktemp("dump") / "x.fcidump"
    p = Problem.from_integrals(*random_integrals(n, seed), (1, 0) if odd else (n, n), constant=constant)
    p.to_fcidump(path)
    assert Problem.from_fcidump(path) == p


@pytest.mark.parametrize(
    ("atom", "spin", "group"),
    [
        ("N 0 0 0; N 0 0 1.1", 0, "D2h"),
        ("O 0 0 0; O 0 0 1.2", 2, "D2h"),
        ("O 0 0 0; H 0 0.757 0.587; H 0 -0.757 0.587", 0, "C2v"),
        ("O 0 0 0; H 0 0 1; F 1.4 0 -0.3", 0, "Cs"),
        ("O 0 0.7 0.1; O 0 -0.7 0.1; H 0.8 0.9 -0.4; H -0.8 -0.9 -0.4", 0, "C2"),
        ("O 0 0.7 0; O 0 -0.7 0; H 0.9 0.9 0; H -0.9 -0.9 0", 0, "C2h"),
    ],
)
def test_a_round_trip_keeps_the_irreps(tmp_path, atom, spin, group):
    p = Problem.from_xyz(atom, "sto-3g", spin=spin)
    assert p.source["point_group"] == group
    assert p.irreps is not None
    p.to_fcidump(tmp_path / "x")
    q = Problem.from_fcidump(tmp_path / "x", group)
    assert q == p
    # Without the group the irreps may be renamed, but what they allow stays.
    guessed = Problem.from_fcidump(tmp_path / "x")
    products = [np.bitwise_xor.outer(problem.irreps, problem.irreps) for problem in (p, guessed)]
    same = [(m[:, :, None, None] ^ m) == 0 for m in products]
    assert np.array_equal(*same)
    assert guessed.hamiltonian == p.hamiltonian


@pytest.mark.parametrize("group", sorted(MOLPRO))
def test_molpro_s_numbers_multiply_like_pyscf_s(group):
    table = MOLPRO[group]
    assert sorted(table) == list(range(1, len(table) + 1))
    for a, x in enumerate(table):
        for b, y in enumerate(table):
            assert table[a ^ b] - 1 == (x - 1) ^ (y - 1)


def test_molpro_s_numbers_are_pyscf_s_own_table():
    assert dict(pyscf_fcidump.ORBSYM_MAP) == MOLPRO


def test_pyscf_reads_what_we_write(tmp_path):
    p = nitrogen()
    p.to_fcidump(tmp_path / "n2")
    data = pyscf_fcidump.read(str(tmp_path / "n2"), molpro_orbsym=True, verbose=False)
    assert tuple(data["ORBSYM"]) == p.irreps
    assert (data["NORB"], data["NELEC"], data["MS2"]) == (6, 6, 0)
    assert data["ECORE"] == p.hamiltonian.constant
    np.testing.assert_array_equal(data["H1"], p.hamiltonian.one_body)
    mf = pyscf_fcidump.to_scf(str(tmp_path / "n2"), molpro_orbsym=True)
    mf.verbose = 0
    assert mf.kernel() == pytest.approx(p.known["hf"], abs=1e-8)


@pytest.mark.parametrize("molpro", [True, False])
def test_we_read_what_pyscf_writes(tmp_path, molpro):
    mol = gto.M(atom="N 0 0 0; N 0 0 1.1", basis="cc-pvdz", symmetry="D2h", verbose=0)
    mc = mcscf.CASCI(scf.RHF(mol).run(conv_tol=1e-11), 6, 6)
    mc.verbose = 0
    energy = mc.kernel()[0]
    mc.mo_coeff = mc._scf.mo_coeff
    pyscf_fcidump.from_mcscf(mc, str(tmp_path / "n2"), molpro_orbsym=molpro)
    p = Problem.from_fcidump(tmp_path / "n2")
    assert p.references().casci == pytest.approx(energy, abs=1e-8)
    assert p.irreps == tuple(mc._scf.mo_coeff.orbsym[4:10])


def test_a_triplet_keeps_its_spin(tmp_path):
    p = Problem.from_xyz("O 0 0 0; O 0 0 1.2", "sto-3g", spin=2, active_electrons=8, active_orbitals=6)
    p.to_fcidump(tmp_path / "o2")
    assert Problem.from_fcidump(tmp_path / "o2").spin == 2


def test_a_file_cut_after_any_line_is_refused(tmp_path):
    nitrogen().to_fcidump(tmp_path / "whole")
    lines = (tmp_path / "whole").read_text().splitlines(keepends=True)
    for k in range(len(lines)):
        torn = written(tmp_path, "".join(lines[:k]))
        with pytest.raises(InputError, match=r"file\.fcidump"):
            Problem.from_fcidump(torn)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_file_cut_at_any_character_is_refused_or_whole(tmp_path_factory, data):
    whole = HEADER + BODY + CORE
    cut = data.draw(st.integers(0, len(whole)))
    path = written(tmp_path_factory.mktemp("cut"), whole[:cut])
    if cut >= len(whole) - 1:
        assert Problem.from_fcidump(path).hamiltonian.constant == 0.7
    else:
        with pytest.raises(InputError, match=r"file\.fcidump"):
            Problem.from_fcidump(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: an FCIDUMP file begins with &FCI"),
        ("garbage\n", "line 1: an FCIDUMP file begins with &FCI, got 'garbage'"),
        (HEADER.replace("&END", "") + BODY.replace("/", ""), "not closed"),
        (HEADER.replace("NORB=2,", "") + BODY + CORE, "needs NORB"),
        (HEADER.replace("NELEC=2", "NELEC=x") + BODY + CORE, "NELEC must be whole numbers"),
        (HEADER.replace("NELEC=2", "NELEC=5") + BODY + CORE, "NELEC=5 and MS2=0 do not fit"),
        (HEADER.replace("NELEC=2", "NELEC=3") + BODY + CORE, "NELEC=3 and MS2=0 do not fit"),
        (HEADER.replace("MS2=0", "MS2=4") + BODY + CORE, "MS2=4"),
        (HEADER.replace("ISYM=1", "IUHF=1") + BODY + CORE, "IUHF=1"),
        (HEADER.replace("1,1,", "1,2,1,") + BODY + CORE, "ORBSYM has 3 entries for NORB=2"),
        (HEADER.replace("1,1,", "1,9,") + BODY + CORE, "ORBSYM must be numbers"),
        (HEADER + "x 1 1 1 1\n" + CORE, "line 5: a number and four indices .* got 'x 1 1 1 1'"),
        (HEADER + "1.0 1 1 1\n" + CORE, "line 5: a number and four indices"),
        (HEADER + "1.0 1 1 1 1 1\n" + CORE, "line 5: a number and four indices"),
        (HEADER + "(1.0,0.0) 1 1 1 1\n" + CORE, "line 5: complex"),
        (HEADER + "nan 1 1 1 1\n" + CORE, "line 5: the integral is nan"),
        (HEADER + "1.0 3 1 1 1\n" + CORE, "line 5: an index is not between 0 and NORB=2: 3 1 1 1"),
        (HEADER + "1.0 -1 1 1 1\n" + CORE, "line 5: an index"),
        (HEADER + "1.0 1 0 1 1\n" + CORE, "line 5: indices 1 0 1 1 name no integral"),
        (HEADER + "1.0 0 1 0 0\n" + CORE, "line 5: indices 0 1 0 0"),
        (HEADER + BODY + "0.3 2 1 1 2\n" + CORE, "line 11: this integral was 0.1 before"),
        (HEADER + BODY, "line 10: the last line must be the scalar energy"),
        (HEADER + CORE + BODY, "line 6: the scalar energy '0 0 0 0' must be the last"),
        (HEADER + BODY + CORE + CORE, "line 12: the scalar energy"),
    ],
)
def test_garbage_is_refused_with_file_and_line(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(InputError, match=message) as caught:
        Problem.from_fcidump(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "&FCI NORB=2,NELEC=2 /\n" + BODY + CORE,
        "&fci norb= 2 nelec = 2, ms2=0,\n orbsym=2*1\n isym=1\n&end\n" + BODY + CORE,
        "$FCI NORB=2,NELEC=2,\n$END\n" + BODY.replace("0.5 ", "0.5D0 ").replace("-1.5", "-0.15D+01") + "\n" + CORE,
        HEADER + BODY + "-0.9 1 0 0 0\n0.2 2 0 0 0\n" + CORE,
        HEADER + BODY.replace("2 1 2 1", "1 2 1 2").replace("2 2 1 1", "1 1 2 2") + CORE + "\n",
    ],
)
def test_other_programs_spellings_are_read(tmp_path, text):
    plain = Problem.from_fcidump(written(tmp_path, HEADER + BODY + CORE))
    assert Problem.from_fcidump(written(tmp_path, text)).hamiltonian == plain.hamiltonian


def test_orbsym_that_the_integrals_contradict_is_dropped_with_a_note(tmp_path):
    p = Problem.from_fcidump(written(tmp_path, HEADER.replace("1,1,", "1,2,") + BODY + "0.1 2 1 0 0\n" + CORE))
    assert p.irreps is None
    assert "contradict ORBSYM" in p.source["notes"][0]


def test_missing_binary_and_unknown_group_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"none\.fcidump': No such file"):
        Problem.from_fcidump(tmp_path / "none.fcidump")
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match="not a text file"):
        Problem.from_fcidump(tmp_path / "binary")
    with pytest.raises(InputError, match="unknown point group 'D3h'"):
        Problem.from_fcidump(written(tmp_path, HEADER + BODY + CORE), "D3h")


def test_writing_is_whole_or_not_at_all(tmp_path):
    p = nitrogen()
    with pytest.raises(InputError, match="give a path in a folder that exists"):
        p.to_fcidump(tmp_path / "none" / "x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        p.to_fcidump(tmp_path / "folder")
    p.to_fcidump(tmp_path / "x")
    p.to_fcidump(tmp_path / "x")
    assert sorted(os.listdir(tmp_path)) == ["folder", "x"]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o666 & ~umask

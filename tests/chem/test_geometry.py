from __future__ import annotations

from pathlib import Path

import pytest

from hybridq.chem.geometry import read_geometry
from hybridq.chem.problem import Problem
from hybridq.chem.problem_file import same_physics
from hybridq.contract.errors import InputError

WATER = [("O", (0.0, 0.0, 0.0)), ("H", (0.0, 0.757, 0.587)), ("H", (0.0, -0.757, 0.587))]
XYZ = "3\nwater; a comment\nO 0 0 0\nH 0 0.757 0.587\nH 0 -0.757 0.587\n"


@pytest.mark.parametrize(
    "text",
    [
        XYZ,
        "O 0 0 0; H 0 0.757 0.587; H 0 -0.757 0.587",
        "O 0 0 0\nH 0 0.757 0.587\nH 0 -0.757 0.587",
        "8 0 0 0; 1 0 .757 .587; h2 0 -0.757 0.587;",
        "O,0,0,0; H,0,0.757,0.587; H,0,-0.757,0.587",
    ],
)
def test_every_way_to_write_a_geometry_gives_the_same_atoms(text):
    assert read_geometry(text) == WATER


def test_an_xyz_file_is_read_by_path_and_by_name(tmp_path):
    path = tmp_path / "water.xyz"
    path.write_text(XYZ)
    assert read_geometry(path) == read_geometry(str(path)) == WATER
    p = Problem.from_xyz(path, "sto-3g")
    assert same_physics(p, Problem.from_xyz(XYZ, "sto-3g"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Xx 0 0 0", "unknown element 'Xx' in line 1"),
        ("H 0 0 0\nHee 0 0 1", "unknown element 'Hee' in line 2 .*did you mean He"),
        ("119 0 0 0", "unknown element '119'"),
        ("H 0 0; H 0 0 1", '"element x y z" is needed'),
        ("H 0 0 zero", "three numbers in angstrom"),
        ("H 0 0 nan", "must be finite"),
        ("3\nwater\nO 0 0 0\nH 0 0 1\n", "promises 3 atoms .* has 2 lines"),
        ("1\nframe 1\nH 0 0 0\n1\nframe 2\nH 0 0 0\n", "promises 1 atoms .* has 4 lines"),
        ("", "geometry is empty"),
        (";", "has no atoms"),
        ("0\n\n", "has no atoms"),
        ("no/such/file.xyz", "cannot read the geometry 'no/such/file.xyz': No such file"),
        ("H 0 0 0; F 0 0 1; H 0 0.05 0", r"atoms 0 \(H\) and 2 \(H\) .* 0.0500 angstrom apart"),
        ("H 0 0 0; H 0 0 0", "0.0000 angstrom apart"),
    ],
)
def test_a_bad_geometry_is_refused_with_its_place(text, message):
    with pytest.raises(InputError, match=message):
        read_geometry(text)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_geometry(Path(tmp_path / "none.xyz"))
    with pytest.raises(InputError, match="Is a directory"):
        read_geometry(tmp_path)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "binary.xyz"
    path.write_bytes(bytes(range(128, 256)))
    with pytest.raises(InputError, match=r"cannot read the geometry .*binary\.xyz"):
        read_geometry(path)

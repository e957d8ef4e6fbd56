"""The examples of the README and the documentation: run as they stand, their output held against what is printed.

A ``python`` block is run; a ``text`` block right after it is its output. A ``console`` block holds commands after
``$`` and their output. Blocks of one page share one namespace and one folder. Other fences are not run.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from hybridq.contract import errors
from hybridq.loops.optimizers import NAMES
from hybridq.qubits import ENCODINGS
from hybridq.registry import circuit_family, circuit_names, pool_function, pool_names

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "pages").rglob("*.md"))]
FENCE = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VARIES = re.compile(r"^\s*(effort|time|written to|provenance)\b|^-> |^plan for|^hybridq \d|traceback", re.IGNORECASE)
EXTRA = re.compile(r"^   (aer|pennylane|tensornet)\S* +(\S+ \S+, |refused)")  # plans: backends that come with extras
NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
UNITS = re.compile(r"\b(us|ms|s|B|KiB|MiB|GiB)\b")


def blocks(page):
    return [(m[1], m[2]) for m in FENCE.finditer(page.read_text())]


def differences(expected, found):
    """Lines that differ: words exactly, long decimals to 2e-6, figures that change from run to run not at all."""
    left, right = ([line for line in text.rstrip().splitlines() if not EXTRA.match(line)] for text in (expected, found))
    if len(left) != len(right):
        return [f"{len(left)} lines are printed in the page, {len(right)} by the code:\n{found}"]
    return [f"- {a}\n+ {b}" for a, b in zip(left, right, strict=True) if not same(a, b)]


def same(a, b):
    words = [UNITS.sub("unit", re.sub(r"\s+", " ", NUMBER.sub("#", line))).strip() for line in (a, b)]
    if words[0] != words[1]:
        return False
    if VARIES.search(a):
        return True
    pairs = zip(NUMBER.findall(a), NUMBER.findall(b), strict=True)
    return all(x == y or close(x, y) for x, y in pairs)


def close(x, y):
    if "e" in x + y:
        return True
    places = len(x.partition(".")[2])
    tolerance = 2e-6 if places > 6 else 5.0 * 10.0**-places if places else 0.0
    return abs(float(x.replace(",", "")) - float(y.replace(",", ""))) <= tolerance


def shell(text):
    """The commands of a console block with what they print."""
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]


def environment():
    """The commands of this environment, and a width that pages are written for."""
    beside = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": beside + os.pathsep + os.environ["PATH"], "COLUMNS": "100"}


@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if {"python", "console"} & {kind for kind, _ in blocks(p)}],
    ids=lambda p: f"{p.parent.name}-{p.stem}",
)
def test_examples_print_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = blocks(page)
    namespace = {"__name__": "page"}
    for k, (kind, text) in enumerate(found):
        if kind == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(text, f"{page.name}, block {k}", "exec"), namespace)
            if k + 1 < len(found) and found[k + 1][0] == "text":
                gaps = differences(found[k + 1][1], out.getvalue())
                assert not gaps, "\n".join(gaps)
        elif kind == "console":
            for command, output in shell(text):
                done = subprocess.run(
                    shlex.split(command, comments=True), capture_output=True, text=True, env=environment(), timeout=120
                )
                gaps = differences(output, done.stdout + done.stderr)
                assert not gaps, "\n".join([command, *gaps])


def test_what_differs_is_seen():
    assert same("  casci  -109.0219049953 hartree", "  casci  -109.0219049951 hartree")
    assert same("-> sector    91 us, 59.8 KiB", "-> sector    1.2 ms, 60.1 KiB")
    assert not same("  casci  -109.0219049953 hartree", "  casci  -109.0219149953 hartree")
    assert not same("  parameters  117", "  parameters  118")
    assert not same("  note  left out", "  note  kept")
    assert differences("one\n", "one\ntwo\n")


def page(name):
    return (ROOT / "docs" / "pages" / f"{name}.md").read_text()


def test_every_error_has_its_remedy_on_the_page_of_errors():
    kinds = [n for n, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.HybridqError)]
    assert [n for n in kinds if f"`{n}`" not in page("errors")] == []


def test_every_circuit_family_and_option_is_on_the_page_of_circuits():
    text = page("circuits")
    for entry in circuit_names():
        assert f"`{entry.name}`" in text
        options = list(inspect.signature(circuit_family(entry.name)).parameters)[1:]
        assert [name for name in options if f"`{name}`" not in text] == []
    assert [name for name in ENCODINGS if f"`{name}`" not in text] == []


def test_every_pool_and_option_is_on_the_page_of_circuits():
    text = page("circuits").partition("## Operator pools")[2]
    assert len(pool_names()) >= 5
    for entry in pool_names():
        assert f"`{entry.name}`" in text
        options = list(inspect.signature(pool_function(entry.name)).parameters)[1:]
        assert [name for name in options if f"`{name}`" not in text] == []


def test_every_optimizer_is_on_its_page():
    assert [name for name in NAMES if f"`{name}`" not in page("optimizers")] == []


def test_every_page_is_in_the_table_of_contents():
    contents = (ROOT / "docs" / "mkdocs.yml").read_text()
    root = ROOT / "docs" / "pages"
    assert [str(p.relative_to(root)) for p in PAGES[1:] if str(p.relative_to(root)) not in contents] == []


def test_every_link_between_pages_leads_somewhere():
    for source in PAGES:
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", source.read_text()):
            assert (source.parent / target).exists(), f"{source.name}: {target}"

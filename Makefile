# The commands of this repository; CI calls the same ones. Wanted: Python >= 3.11 with venv, make, git.

PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed
UV_VERSION := $(shell sed -n '/^name = "uv"$$/{n;s/^version = "\(.*\)"$$/\1/p;}' uv.lock)
BENCHMARKS := $(sort $(filter-out benchmarks/make_%.py,$(wildcard benchmarks/*.py)))
CODE := inventory migrations tests $(wildcard benchmarks)

# uv works on .venv with the Python that made it, and trusts the certificates that the system trusts.
export UV_PROJECT_ENVIRONMENT := $(VENV)
export UV_PYTHON := $(VENV)/bin/python
export UV_PYTHON_DOWNLOADS := never
export UV_SYSTEM_CERTS := true
unexport VIRTUAL_ENV

.DEFAULT_GOAL := help
.PHONY: help install demo check test test-long bench fix clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

install: $(STAMP) ## .venv with everything in uv.lock; again: nothing to do

$(STAMP): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, $(PYTHON) is " + sys.version.split()[0] + "; name another: make PYTHON=python3.13 ...")'
	@echo "setting up $(VENV) from uv.lock"
	@test -x $(VENV)/bin/uv || $(PYTHON) -m venv --clear $(VENV)
	@test -x $(VENV)/bin/uv || $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(VENV)/bin/uv sync --locked --all-extras --quiet
	@touch $@

demo: $(STAMP) ## the whole job on example data: no AWS, no configuration
	@$(VENV)/bin/efs-inventory demo

check: $(STAMP) ## lint, format, types, import contracts
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy $(CODE)
	$(VENV)/bin/lint-imports --no-logo

test: $(STAMP) ## all tests, with a seeded sample of the long programmes
	$(VENV)/bin/pytest --numprocesses=auto

test-long: $(STAMP) ## all tests and the whole programmes
	$(VENV)/bin/pytest --numprocesses=auto --long --timeout=3600

bench: $(STAMP) ## the figures of docs: speed and memory, against the fastest engine we know
	@set -e; for script in $(BENCHMARKS); do $(VENV)/bin/python $$script; done

fix: $(STAMP) ## what the linter and the formatter can mend by themselves
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean: ## remove .venv, caches and built files
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage .coverage.* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

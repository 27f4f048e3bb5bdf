# Every target sets itself up: `make demo` and `make test` work on a fresh clone. Needs python3.11 (or newer), gcc, make.
# GPU=1 uses the CUDA lock; the choice is remembered in the environment until GPU=0.

VENV := .venv
PY := $(VENV)/bin/python
PYTHON ?= $(or $(shell command -v python3.11 2>/dev/null),python3)
INSTALLED := $(shell cat $(VENV)/lock-name 2>/dev/null)
LOCK := $(if $(GPU),$(if $(filter 0,$(GPU)),cpu,gpu),$(or $(INSTALLED),cpu))
READY := $(VENV)/ready-$(LOCK)
DEMO ?= full
PYTEST_ARGS ?=
NONE = [ $$? = 5 -a -n "$(PYTEST_ARGS)" ] # what was asked for selects no test of one of the two runs
UV_COMPILE := $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url $(UPGRADE)

.DEFAULT_GOAL := help
.PHONY: help setup demo test torture check format bench docs dist lock clean

help: ## this list
	@echo "make TARGET, one of:"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## an environment in .venv, from the lock with hashes (GPU=1: with CUDA)
	@echo "Ready. Next:"
	@echo "  make demo                   collect data, train PARS offline and online, write a report (minutes)"
	@echo "  make test                   the tests"
	@echo "  $(VENV)/bin/pars --help        the command; or first: source $(VENV)/bin/activate"

demo: $(READY) ## the demo (DEMO=short: a shorter one)
	@$(VENV)/bin/pars demo $(if $(filter short,$(DEMO)),--short)

test: $(READY) ## the tests, in two processes (PYTEST_ARGS="--slow": the longer tier too; "-n 0": in one process)
	@$(PY) -m pytest -n 2 --dist worksteal --quick-compile $(PYTEST_ARGS) || $(NONE)
	@$(PY) -m pytest -n 2 --dist worksteal -m shipped $(PYTEST_ARGS) || $(NONE)

torture: $(READY) ## kills, failing disks, flipped bits, random files, to docs/reliability.md (hours; PARTS="saves --minutes 5")
	@$(PY) -m tests.torture $(PARTS)
	@$(PY) -m tests.torture --write

check: $(READY) ## formatting, lint and types
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy

format: $(READY) ## mend formatting and what lint can mend
	@$(PY) -m ruff check --fix-only .
	@$(PY) -m ruff format .

bench: $(READY) ## speeds beside this machine's limits, to runs/bench (GPU=1: a GPU's table; PARTS="...": see --help)
	@$(PY) -m benchmarks $(or $(PARTS),$(if $(filter-out 0,$(GPU)),gpu))

docs: $(READY) ## README and docs/ as a site in build/docs, whole without a network; every link is checked
	@log=$$(NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build 2>&1) || { echo "$$log" | grep -v ^INFO >&2; exit 1; }
	@echo "build/docs/index.html" # --quiet would not see warnings, which end the build as `strict` says in mkdocs.yml

dist: $(READY) ## wheel and sdist in dist/, checked by twine and tried in bare environments on 3.11, 3.12 and 3.13
	@rm -rf dist
	@$(PY) -m uv build --quiet --no-build-isolation --python $(PY) --out-dir dist
	@bash scripts/check_dist.sh

lock: $(READY) ## write requirements/*.txt anew from pyproject.toml (UPGRADE=--upgrade: newest versions)
	export UV_CUSTOM_COMPILE_COMMAND="make lock" && \
	$(UV_COMPILE) -o requirements/uv.txt requirements/uv.in && \
	$(UV_COMPILE) -o requirements/release.txt requirements/release.in && \
	$(UV_COMPILE) -o requirements/cpu.txt --extra dev pyproject.toml requirements/build.in && \
	$(UV_COMPILE) -o requirements/gpu.txt --extra dev --extra gpu -c requirements/cpu.txt -c requirements/cuda.in pyproject.toml requirements/build.in

clean: ## remove the environment and caches of the tools; runs are kept
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build dist

$(READY): pyproject.toml requirements/$(LOCK).txt requirements/uv.txt scripts/setup.sh
	@PYTHON="$(PYTHON)" bash scripts/setup.sh $(LOCK)

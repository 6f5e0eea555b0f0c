# persx: everything that is done with this checkout. `make` alone lists it.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

export PYTHON ?=
PERSX_HOME ?= ./home
PORT ?=
ARGS ?=

BIN := .venv/bin
PY := $(BIN)/python

.PHONY: help run test check bench proof reference screenshots lock format clean

help: ## List what make can do
	@grep -hE '^[a-z]+:.*## ' Makefile | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'
	@echo
	@echo "  PERSX_HOME=DIR, PORT=N, ARGS='…' and PYTHON=/path/to/python3 change what these use."

run: .make/run ## Serve the demo site (PERSX_HOME=./home, PORT=N); Ctrl+C stops it
	@exec $(BIN)/persx serve --demo --simulate 12000 --home $(PERSX_HOME) $(if $(PORT),--port $(PORT)) $(ARGS)

test: .make/dev .make/chromium ## Run all tests, fast ones first, side by side (ARGS='-k word' for some)
	@$(PY) -m pytest -n auto --maxprocesses 4 -p scripts.fast_first tests docs $(ARGS)

check: .make/dev ## Lint, format, types, import contracts, docs completeness
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(PY) -m mypy
	$(BIN)/lint-imports
	$(PY) -m scripts.completeness
	$(PY) -m scripts.reference --check

bench: .make/dev ## Measure, and print where each budget stands (ARGS=NAME for one)
	@$(PY) -m benchmarks $(ARGS)

proof: .make/dev ## Run every proof and write docs/proofs (ARGS=NAME for one)
	@$(PY) -m scripts.prove $(ARGS)

reference: .make/dev ## Write docs/reference anew from the registries
	@$(PY) -m scripts.reference

screenshots: .make/dev .make/chromium ## Take the pictures in docs/pictures
	@$(PY) -m scripts.screenshots $(ARGS)

format: .make/dev ## Put the code into the house's form
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

lock: ## Write requirements*.lock anew from pyproject.toml (needs uv; ARGS=--upgrade)
	@scripts/lock $(ARGS)

clean: ## Remove the environment and all caches (not ./home)
	rm -rf .venv .make build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find src tests benchmarks proofs scripts -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: what has been installed, so that a second run starts at once.

.venv/pyvenv.cfg:
	@echo "Making .venv …"
	@scripts/make_venv
	@touch $@

.make/run: .venv/pyvenv.cfg pyproject.toml requirements.lock
	@echo "Installing persx …"
	@scripts/install requirements.lock
	@mkdir -p .make && touch $@

.make/dev: .venv/pyvenv.cfg pyproject.toml requirements-dev.lock
	@echo "Installing persx and what its tests need …"
	@scripts/install requirements-dev.lock
	@mkdir -p .make && touch .make/run $@

.make/chromium: .make/dev
	@scripts/chromium
	@touch $@

# Every target sets up .venv with pinned, hashed dependencies: requirements.lock to run the program,
# requirements-dev.lock to work on it.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCK = .venv/bin/uv pip compile --quiet --universal --upgrade --generate-hashes --no-emit-index-url --no-annotate \
	--no-header --python-version 3.11 --group build pyproject.toml
# Twice the cores of a small machine, as many tests wait for processes and sockets.
WORKERS ?= 4
# Each worker reads every test; what pytest makes of them is kept even where Python is told to keep no bytecode, as it
# takes six seconds.
PYTEST = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal
QUICK = -m "not docker and not slow"
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast test-dates chaos chaos-fleet nightly bench bench-scale bench-reports bench-peers lint format lock docker-test clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.venv/run: requirements.lock pyproject.toml
	@echo "Setting up .venv with pinned dependencies ..." >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	@$(PYTHON) -m venv .venv
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/work: .venv/run requirements-dev.lock
	@echo "Setting up what the tests need, a minute the first time ..." >&2
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

setup: .venv/work  ## the virtual environment, pinned

demo: .venv/run  ## 90 days into an embedded Postgres, from the built-in exchange simulator
	@$(BIN)/force-orders demo

test: setup lint  ## lint, and every test but those of docker-test and nightly
	@$(PYTEST) $(QUICK)

test-fast: setup  ## what needs neither a database nor a process, in seconds
	@HYPOTHESIS_PROFILE=fast $(PYTEST) tests/unit tests/test_architecture.py tests/property/test_walk.py

test-dates: setup  ## the suite on five dates, at three hours, in three time zones; needs cc
	@$(BIN)/python -m tests.dates -n $(WORKERS) --dist worksteal $(QUICK)

docker-test: setup  ## the tests that need a container engine
	@$(BIN)/python -m pytest -q -m docker -rs

chaos: setup  ## 300 runs with kills, cut connections, rate limits and wrong responses, drawn by seed (CHAOS_RUNS, CHAOS_SEED)
	@$(BIN)/python -m tests.chaos

chaos-fleet: setup  ## an hour of three workers that lose process, connections, rights and tables in turn (FLEET_SECONDS)
	@$(BIN)/python -m tests.chaos.fleet

nightly: setup  ## 2,000 examples, a hundred kills, every combination of parameters, and what takes a real minute
	@HYPOTHESIS_PROFILE=nightly $(PYTEST) tests/property tests/chaos/test_kills.py
	@$(PYTEST) -m slow

bench: setup  ## measure time, memory and requests against the least possible; takes ten minutes
	@$(BIN)/python -m benchmarks

bench-scale: setup  ## a year of 5,000 accounts: what commands, scrapes and jobs cost; takes six minutes
	@$(BIN)/python -m benchmarks.scale

bench-reports: setup  ## questions about a million orders, as multiples of one sum over the table; takes three minutes
	@$(BIN)/python -m benchmarks.reports

bench-peers: setup  ## the same for dlt, ccxt and Singer, each in a virtual environment of its own
	@$(BIN)/python -m benchmarks.peers

lint: setup  ## ruff, and mypy --strict over code, tests and benchmarks
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: setup  ## let ruff arrange the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock:  ## pin the newest dependencies, with hashes
	@$(PYTHON) -m venv .venv
	@$(PIP) uv
	@$(LOCK) --all-extras --group dev --output-file requirements-dev.lock
	@$(LOCK) --extra embedded --constraint requirements-dev.lock --output-file requirements.lock

clean:  ## remove generated files, but no data
	rm -rf .venv .venv-peers .pytest_cache .mypy_cache .ruff_cache .hypothesis dist

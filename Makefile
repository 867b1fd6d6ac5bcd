# Everything sets itself up: a .venv with the pinned, hashed dependencies of requirements.lock.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format lock docker-test clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/ready  ## the virtual environment, pinned

.venv/ready: requirements.lock pyproject.toml
	@echo "Setting up .venv (pinned dependencies, a minute the first time) ..." >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## 90 days into an embedded Postgres, from the built-in exchange simulator
	@$(BIN)/force-orders demo

test: setup lint  ## everything that needs no container engine
	@$(BIN)/python -m pytest -q -n $(WORKERS) -m "not docker"

docker-test: setup  ## the tests that need a container engine
	@$(BIN)/python -m pytest -q -m docker -rs

lint: setup  ## ruff and mypy --strict
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: setup  ## let ruff arrange the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock:  ## pin the newest dependencies anew, with hashes and without addresses
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip compile --quiet --universal --upgrade --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--python-version 3.11 --all-extras --group dev pyproject.toml --output-file requirements.lock

clean:  ## remove what was made here (not the data)
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis dist

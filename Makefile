# The mesh, from a clone: `make demo` or `make test` need Python 3.11 and make, nothing else.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST := $(BIN)/pytest
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup up down demo test test-unit test-contract test-integration test-e2e lint proto proto-check fuzz bench chaos chaos-quick check lock clean

help: ## what there is
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

setup: $(STAMP) ## install everything into .venv, pinned with hashes

$(STAMP): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed, and there is no $(PYTHON) here" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: set PYTHON=/path/to/python3.11")'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "this Python can not make environments: install python3-venv (Debian, Ubuntu: python3.11-venv)" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing dependencies into $(VENV) (a minute the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

up: setup ## run the mesh on http://localhost:8000/v1 until Ctrl-C
	@$(BIN)/mesh up

down: setup ## stop a mesh that runs
	@$(BIN)/mesh down

demo: setup ## one agent run through REST, with a tool call in the sandbox, shown and checked
	@$(BIN)/mesh demo

test: setup ## every test, against real Postgres, Redis and Envoy
	$(PYTEST) -n $(WORKERS) --max-worker-restart 0 --dist loadgroup tests

test-unit: setup ## no I/O
	$(PYTEST) -n $(WORKERS) --max-worker-restart 0 tests/unit

test-contract: setup ## the suites that fakes, storages and adapters share; policy, protos, stream frames
	$(PYTEST) -n $(WORKERS) --max-worker-restart 0 --dist loadgroup tests/contract

test-integration: setup ## each service as in production, on real Postgres and Redis
	$(PYTEST) -n $(WORKERS) --max-worker-restart 0 --dist loadgroup tests/integration

test-e2e: setup ## user stories through Envoy
	$(PYTEST) -n $(WORKERS) --max-worker-restart 0 --dist loadgroup tests/e2e

lint: setup ## ruff, types, import rules, sizes, protos
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy services tests protos/generate.py
	$(BIN)/lint-imports
	$(BIN)/python -m tests.support.sizes
	$(BIN)/buf lint protos/gen/mesh.binpb --config protos/buf.yaml --path mesh

proto: setup ## generate protos/gen
	$(BIN)/python protos/generate.py

proto-check: setup ## fail when protos/gen is stale
	$(BIN)/python protos/generate.py --check

fuzz: setup ## thousands of requests that nobody would write, to every REST route
	$(BIN)/python -m tests.fuzz

bench: setup ## measure side by side, print ratios, write bench/results
	$(BIN)/python -m tests.bench

chaos: setup ## over 1,000 faults into a whole mesh, every invariant checked; the tables go into docs/reliability.md
	$(BIN)/python -m tests.chaos.sim --write
	$(BIN)/python -m tests.chaos.baseline --write
	$(BIN)/python -m tests.chaos --write
	$(BIN)/python -m tests.chaos --only "kill -9" --calm --faults 20 --write calm
	$(BIN)/python -m tests.chaos --only "kill -9" --calm --faults 20 --defaults --workers 2 --write calm-defaults

chaos-quick: setup ## the same in a few minutes, with a few faults of every kind
	$(BIN)/python -m tests.chaos --quick --faults 60

check: lint proto-check test demo chaos-quick ## what CI runs

lock: setup ## pin requirements.in in requirements.lock
	$(BIN)/uv pip compile -q requirements.in --python-version 3.11 --generate-hashes --no-header --no-emit-index-url -o requirements.lock

clean: ## remove what make and the mesh made here
	rm -rf $(VENV) .mesh .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .schemathesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

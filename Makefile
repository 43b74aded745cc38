# The front door. `make` alone lists what there is.

PYTHON ?= python3
BIN := .venv/bin
# Two test processes for each processor: they wait for the kernel more than they compute.
JOBS ?= $(shell expr 2 \* $$(nproc 2>/dev/null || echo 2))

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev setup-clients demo lab test test-kernel check fuzz fuzz-api faults soak bench bench-quick docs lock clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null || grep '##' $(MAKEFILE_LIST)

setup:  ## the environment that `deuteron` runs in
	@$(PYTHON) tools/setup.py runtime

setup-dev:
	@$(PYTHON) tools/setup.py dev

setup-clients:
	@$(PYTHON) tools/setup.py clients

lab: setup-clients  ## a shell in private namespaces, with `deuteron` and the `openstack` client
	@$(BIN)/python tools/lab.py || true  # the status is that of the last thing typed

demo: setup  ## a whole cloud network in private namespaces, proven with real packets
	@$(BIN)/deuteron demo

test: setup-dev  ## all tests, the real kernel's included
	@$(BIN)/python tools/fetch_reviewed.py || true
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -q

test-kernel: setup-dev  ## only the tests on the real kernel
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -q -m kernel

check: setup-dev  ## format, lint, types, layers, documents
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	@$(BIN)/python tools/check_tree.py
	@$(BIN)/python tools/check_logs.py
	@for page in policy errors logs audit review compatibility; do $(BIN)/python tools/$${page}_page.py --check || exit 1; done
	@$(BIN)/deuteron review --settings pyproject.toml src

faults: setup-dev  ## every call fails once, for every operation: what is left behind, as a table
	@$(BIN)/python -m tests.faults

# SECONDS_EACH and SEED may be given: make fuzz SECONDS_EACH=600
SECONDS_EACH ?= 60
fuzz: setup-dev  ## any bytes into every parser, for longer than the tests do
	@$(BIN)/python -m tests.fuzz --seconds $(SECONDS_EACH) --seed $(SEED)

# SECONDS_EACH and SEED may be given here too
fuzz-api: setup-dev  ## schemathesis on the OpenAPI document, for longer than the tests do
	@$(BIN)/python -m tests.api.fuzz --seconds $(SECONDS_EACH) --seed $(SEED)

# KILLS, STEPS and SEED may be given: make soak KILLS=100000 SEED=7
KILLS ?= 10000
STEPS ?= 100000
SEED ?= 1
soak: setup-dev  ## the same for hours: a kill at every effect, random kills, a long simulation
	@$(BIN)/python -m tests.faults
	@DEUTERON_CRASH_EVERY=1 $(BIN)/python -m pytest -n $(JOBS) -q --timeout 7200 tests/crash/test_kill_each.py
	@$(BIN)/python -m tests.crash --kills $(KILLS) --seed $(SEED)
	@$(BIN)/python -m tests.simulation --steps $(STEPS) --seed $(SEED)

bench: setup-dev  ## the figures of the README, measured here
	@$(BIN)/python -m bench

bench-quick: setup-dev
	@$(BIN)/python -m bench --quick

docs: setup-dev  ## run every command and check every link of the documents
	@$(BIN)/python -m pytest -q tests/docs

lock: setup-dev  ## resolve the lock files anew
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml --group build -o locks/runtime.txt
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml --group dev -c locks/runtime.txt -o locks/dev.txt
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml --group build --group clients -c locks/dev.txt -o locks/clients.txt

clean:  ## remove what the set-up and the tests made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build src/*.egg-info

# Needs Python >= 3.11 and make, nothing else. `make demo` and `make test` set everything up by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

.DEFAULT_GOAL := help
.PHONY: help setup demo up test lint types imports contracts bench chaos property sagas lock clean

help: ## Show the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /\1\t/' | expand -t 12

setup: $(READY) ## Create the environment from locked, hashed requirements

$(READY): requirements/locked.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; set PYTHON=<a newer one>")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked requirements (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/locked.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: $(READY) ## Run the main job on real servers: import, kill a worker, ask, report
	@$(BIN)/python -m ops.demo

up: $(READY) ## Run servers and two workers in the foreground
	@$(BIN)/person up

# Much of the time of tests is waiting for servers; two groups of tests, each with servers of its own, share two cores well.
JOBS ?= 2
test: $(READY) lint types imports ## Lint, types, import rules and all tests
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

contracts: $(READY) ## Write contracts/ and the generated reference again from the code
	@$(BIN)/person contracts
	@$(BIN)/python -m tests.docs.generated

bench: $(READY) ## Measure side by side with peers: throughput, latency, commands, bridge
	@$(BIN)/python -m benchmarks.run

ROUNDS ?= 50
MODE ?= single
chaos: $(READY) ## Random faults under load, every row checked; ROUNDS, SEED, MODE=cluster
	@$(BIN)/python -m tests.chaos --rounds $(ROUNDS) --mode $(MODE) $(if $(SEED),--seed $(SEED))

N ?= 2000
sagas: $(READY) ## Thousands of sagas under failing neighbours and kills, each followed to its end; N, SEED
	@$(BIN)/python -m tests.processes --onboardings $(N) $(if $(SEED),--seed $(SEED))

property: $(READY) ## Random commands over the whole catalogue with restarts, compared with the pure model; SEED
	@$(BIN)/python -m tests.system $(if $(SEED),--seed $(SEED))

lock: $(READY) ## Make requirements/locked.txt again from locked.in (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header requirements/locked.in -o requirements/locked.txt

clean: ## Remove what runs and tests have left in build/
	rm -rf build

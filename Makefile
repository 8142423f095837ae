# Needs Python >= 3.11 and make, nothing else. `make demo` and `make test` set everything up by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

.DEFAULT_GOAL := help
.PHONY: help setup demo up test lint types imports contracts dashboards bench chaos look property sagas generations audit rehearse drill docs image manifests lock clean

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

contracts: $(READY) ## Write contracts/, deploy/security/ and the generated reference again from the code
	@$(BIN)/person contracts
	@$(BIN)/person permissions --out deploy/security
	@$(BIN)/python -m tests.docs.generated

dashboards: $(READY) ## Write config/dashboards/ again from the code
	@$(BIN)/python -m ops.dashboards

bench: $(READY) ## Measure side by side with peers: throughput, latency, commands, bridge
	@$(BIN)/python -m benchmarks.run

ROUNDS ?= 50
MODE ?= single
chaos: $(READY) ## Random faults under load, every row checked; ROUNDS, SEED, MODE=cluster
	@$(BIN)/python -m tests.chaos --rounds $(ROUNDS) --mode $(MODE) $(if $(SEED),--seed $(SEED))

N ?= 2000
sagas: $(READY) ## Thousands of sagas under failing neighbours and kills, each followed to its end; N, SEED
	@$(BIN)/python -m tests.processes --onboardings $(N) $(if $(SEED),--seed $(SEED))

generations: $(READY) ## A second generation is built under load, takes over, is rolled back and survives a kill; PERSONS
	@$(BIN)/python -m tests.generations --workers 2 --kills $(if $(PERSONS),--persons $(PERSONS))

look: $(READY) ## Look at the status page of a busy installation in a real browser (needs chromium); pictures in build/status-page
	@$(BIN)/python -m tests.browser.status_page

property: $(READY) ## Random commands over the whole catalogue with restarts, compared with the pure model; SEED
	@$(BIN)/python -m tests.system $(if $(SEED),--seed $(SEED))

PERSONS ?= 100000
drill: $(READY) ## Break a fold under load, redrive, build all tables anew in twice the partitions, verify; PERSONS
	@$(BIN)/python -m tests.drill --persons $(PERSONS)

rehearse: $(READY) ## Add, upgrade, kill, roll and remove workers under load, everything checked; STEPS
	@$(BIN)/python -m tests.rehearsal $(if $(STEPS),--steps $(STEPS))

docs: $(READY) ## Follow every page as a newcomer does, in a copy of the project: all commands, also those that take long; PAGES
	@$(BIN)/python -m tests.docs.walk_all $(PAGES)

image: $(READY) ## Put the content of the image together without a container engine, and run a worker from it
	@$(BIN)/python -m tests.deploy.image

manifests: $(READY) ## Render deploy/kubernetes/overlays again (needs kubectl, no cluster)
	@$(BIN)/python -m tests.deploy.rendering

audit: $(READY) ## Look for known vulnerabilities of the locked requirements; says so where no database can be reached
	@$(BIN)/python -m tests.dependency_audit

LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-header
lock: $(READY) ## Make the locks again: of everything from locked.in, of the image from pyproject.toml (needs uv)
	$(LOCK) requirements/locked.in -o requirements/locked.txt
	$(LOCK) --constraint requirements/locked.txt --extra tracing pyproject.toml -o requirements/runtime.txt
	$(LOCK) --constraint requirements/locked.txt requirements/build.in -o requirements/build.txt

clean: ## Remove what runs and tests have left in build/
	rm -rf build

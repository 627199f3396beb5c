# Switchyard's commands; `make help` lists them. Needs python3 (3.11 or newer) and make.

PYTHON ?= python3
STAGE ?= local
ROLE ?= client
SECONDS ?= 180
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ORACLES := .venv-oracles
PIP = $(BIN)/python -m pip install --disable-pip-version-check
# Each process gets half of the modules at first, so that few servers and packages are made twice.
PARALLEL := -n auto --dist worksteal
# These cover the domain and the services; the others would take twice their time under coverage.
COVERING := tests/unit tests/property tests/storage
# Runs what would be deployed on DynamoDB Local, and needs to run only there.
ARTEFACT := tests/infra/test_artefact.py
DYNAMODB := .cache/dynamodb-local/package/emulator
# Finds what keeps people from using a page.
AXE := .cache/axe-core/package/axe.min.js

export AWS_DEFAULT_REGION ?= us-east-1

.DEFAULT_GOAL := help
.PHONY: help install run screenshots openapi key keys transfer package cloud test test-fast simulate bench test-dynamodb-local test-browser test-oracles contract check static format lint types imports clean

help:  ## Print this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

install: $(READY)  ## Create .venv with everything that development needs

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name one with PYTHON=..., or install it (on Debian: apt-get install python3)"; exit 1; }
	@echo "Making the environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "python3 cannot make environments; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "Installing what the project needs into it: a minute or two, once ..."
	@$(PIP) --quiet --upgrade 'pip>=25.1' && $(PIP) -r requirements.txt --group dev \
		|| { echo "The packages could not be installed: pip says why above; is a package index reached?"; exit 1; }
	@touch $@

run: $(READY)  ## Serve the API on http://127.0.0.1:8000 (PORT=, DEMO_DATA=0, SCHEDULE=0, DYNAMODB_ENDPOINT=)
	@$(BIN)/python -m infra.local

test: $(READY)  ## Run all tests on the embedded database (COVERAGE=1: and insist on what they cover)
	$(if $(COVERAGE),,$(BIN)/python -m pytest $(PARALLEL) --ignore=$(ARTEFACT))
	$(if $(COVERAGE),$(BIN)/python -m pytest $(PARALLEL) --hypothesis-profile=thorough --cov --cov-report= $(COVERING))
	$(if $(COVERAGE),$(BIN)/coverage report --fail-under=100)
	$(if $(COVERAGE),$(BIN)/python -m pytest $(PARALLEL) $(addprefix --ignore=,$(COVERING) $(ARTEFACT)))

test-fast: $(READY)  ## Run the tests of the inner loop: units and properties, in half a minute
	$(BIN)/python -m pytest $(PARALLEL) -p no:anyio -p no:cov --hypothesis-profile=brief tests/unit tests/property

test-dynamodb-local: $(READY) $(DYNAMODB)  ## Run storage, API, conformance and fault tests on Amazon's DynamoDB Local
	$(BIN)/python -m pytest $(PARALLEL) --dynamodb-local=$(DYNAMODB) tests/storage tests/api tests/conformance
	$(BIN)/python -m pytest --dynamodb-local=$(DYNAMODB) $(ARTEFACT)
	$(BIN)/python -m pytest --dynamodb-local=$(DYNAMODB) tests/faults

test-browser: $(READY)  ## Run the dashboard, and UpGrade's client in pages, in Chromium (CLIENT=FILE: a build of that client)
	@command -v chromium >/dev/null || { echo "The browser is Chromium: apt-get install chromium"; exit 1; }
	@command -v chromedriver >/dev/null || { echo "Its driver is missing: apt-get install chromium-driver"; exit 1; }
	@$(MAKE) --no-print-directory $(AXE)
	$(BIN)/python -m pytest --axe=$(AXE) $(if $(CLIENT),--upgrade-client=$(CLIENT)) tests/browser

# Without the fixtures of the other tests, whose packages it has not got.
test-oracles: $(ORACLES)/.ready  ## Compare the statistics with scipy, statsmodels and gbstats, installed apart
	$(ORACLES)/bin/python -m pytest --confcutdir=tests/oracles tests/oracles

$(ORACLES)/.ready: pyproject.toml
	@echo "Making the environment in $(ORACLES): some 400 MB, once ..."
	@$(PYTHON) -m venv $(ORACLES)
	@$(ORACLES)/bin/python -m pip install --disable-pip-version-check --quiet --upgrade 'pip>=25.1' \
		&& $(ORACLES)/bin/python -m pip install --disable-pip-version-check --group oracles \
		|| { echo "The packages could not be installed: pip says why above; is a package index reached?"; exit 1; }
	@touch $@

contract: $(READY)  ## Call the API in all ways that its document allows, and others (SECONDS=180)
	$(BIN)/python -m infra.contract --seconds $(SECONDS)

simulate: $(READY)  ## Simulate experiments looked at daily: how often verdicts are wrong (RUNS=400: some minutes)
	@$(BIN)/python -m tests.simulation --runs $(or $(RUNS),400)

bench: $(READY)  ## Measure, and write the tables of docs/performance.md anew: make bench [ONLY=round_trips]
	@$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick)

# The package wraps Amazon's jar; only the jar is wanted, not what the wrapper depends on.
$(DYNAMODB):
	@java -version 2>&1 | grep -Eq '"(1[7-9]|[2-9][0-9])' \
		|| { echo "DynamoDB Local needs Java 17 or newer: apt-get install openjdk-17-jre-headless"; exit 1; }
	@command -v npm >/dev/null || { echo "DynamoDB Local comes from the npm registry: apt-get install npm"; exit 1; }
	@echo "Fetching DynamoDB Local from the npm registry: some 60 MB, once ..."
	@mkdir -p .cache/dynamodb-local
	@cd .cache/dynamodb-local && npm pack --silent amplify-dynamodb-simulator@2 && tar -xzf *.tgz && rm *.tgz \
		|| { echo "DynamoDB Local could not be fetched: is the npm registry reached?"; exit 1; }
	@touch $@

$(AXE):
	@command -v npm >/dev/null || { echo "axe-core comes from the npm registry: apt-get install npm"; exit 1; }
	@mkdir -p .cache/axe-core
	@cd .cache/axe-core && npm pack --silent axe-core@4 && tar -xzf *.tgz && rm *.tgz \
		|| { echo "axe-core could not be fetched: is the npm registry reached?"; exit 1; }
	@touch $@

openapi: $(READY)  ## Write the document of the API (/api/openapi.json) anew, from the routes
	@$(BIN)/python -m infra.openapi

screenshots: $(READY)  ## Take the pictures of the dashboard in the README anew, with Chromium
	@$(BIN)/python -m infra.screenshots

transfer: $(READY)  ## Move experiments with their participants: make transfer FROM=URL TO=URL EXPERIMENTS="ID ..."
	@test -n "$(FROM)" -a -n "$(TO)" -a -n "$(EXPERIMENTS)" || { echo 'say FROM=URL TO=URL EXPERIMENTS="ID ..."'; exit 1; }
	@$(BIN)/python -m infra.transfer --from $(FROM) --to $(TO) $(if $(TOKEN),--token $(TOKEN)) $(EXPERIMENTS)

# A region that nobody asked for would win over the one in ~/.aws/config.
AS_CONFIGURED = $(if $(filter file,$(origin AWS_DEFAULT_REGION)),env -u AWS_DEFAULT_REGION)

package: $(READY)  ## Build what CloudFormation deploys: make package STAGE=prod
	@test -n "$(STAGE)" || { echo 'say STAGE=dev or STAGE=prod'; exit 1; }
	@$(BIN)/python -m infra.package --stage $(STAGE)

cloud: $(READY)  ## Add to "chalice deploy" what it cannot make: make cloud STAGE=dev [SET="NAME=VALUE ..."]
	@test -n "$(STAGE)" || { echo 'say STAGE=dev or STAGE=prod'; exit 1; }
	@$(AS_CONFIGURED) $(BIN)/python -m infra.cloud --stage $(STAGE) $(if $(SET),--set $(SET))

key: $(READY)  ## Make an API key and show it once: make key ROLE=admin STAGE=prod
	@$(AS_CONFIGURED) $(BIN)/python -m infra.keys --stage $(STAGE) create --role $(ROLE)

keys: $(READY)  ## List the API keys of a stage, or revoke one: make keys STAGE=prod [REVOKE=ID]
	@$(AS_CONFIGURED) $(BIN)/python -m infra.keys --stage $(STAGE) $(if $(REVOKE),revoke $(REVOKE),list)

check: static  ## Format, lint, types, layers, and tests with coverage
	@$(MAKE) --no-print-directory test COVERAGE=1

static: format lint types imports  ## Format, lint, types, layers

format: $(READY)
	$(BIN)/ruff format --check .

lint: $(READY)
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

clean:  ## Remove the environment, caches and fetched tools
	rm -rf $(VENV) $(ORACLES) build .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage

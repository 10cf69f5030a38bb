# Every target prepares what it needs: a fresh machine needs CPython 3.11 or newer, make and the package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALLED := $(VENV)/.installed
READY := $(VENV)/.ready
# grpcio stays at the release that was measured to be the fastest, see docs/decisions.md.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-annotate --no-header --no-emit-package ocpi-broker-client -c requirements/constraints.txt
# Workers and programs of the tests start many times: what they compile is kept, whatever the shell says.
test test-fast soak: export PYTHONDONTWRITEBYTECODE =
RELEASED := $(sort $(wildcard proto/released/*.binpb))

.PHONY: setup run demo test test-fast soak lint fmt proto openapi lock wheels bench clean help

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## create .venv with all that the targets below need

$(INSTALLED): requirements/runtime.txt requirements/build.txt pyproject.toml clients/python/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "CPython 3.11 or newer is needed; set PYTHON=")'
	@echo "Installing the broker and the libraries that it needs into $(VENV); this is done once." >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --quiet --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation -e clients/python -e .
	@touch $@

$(READY): $(INSTALLED) requirements/dev.txt
	@echo "Installing the tools for development into $(VENV); this is done once." >&2
	@$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

run: $(INSTALLED) ## broker and gateway on loopback over ./var, with an invitation to try
	@$(BIN)/python -m broker.cli.demo run --data-dir var

demo: $(INSTALLED) ## registrations in both directions before your eyes, then everything stops
	@$(BIN)/python -m broker.cli.demo demo

test: $(READY) ## every test of the gate, on SQLite and on a real PostgreSQL
	$(BIN)/python -m pytest -n 4 --dist worksteal --in-turn

test-fast: $(READY) ## the minute between two edits: unit tests, and one way through
	$(BIN)/python -m pytest -q -n 2 tests/unit tests/corpus tests/test_architecture.py tests/integration/test_readme.py

soak: $(READY) ## all tests, with what the gate leaves out; about 12 minutes
	OCPI_BROKER_SOAK=1 $(BIN)/python -m pytest -n 6 --dist worksteal

lint: $(READY) ## ruff, mypy --strict, buf, whether the contract only grew, and whether generated code is current
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/buf lint
	@for image in $(RELEASED); do echo "buf breaking proto --against $$image"; \
		$(BIN)/buf breaking proto --against $$image || exit 1; done
	$(BIN)/python tests/generated.py check

fmt: $(READY) ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

proto: $(READY) ## make clients/python/ocpi_broker/v1 anew from proto/
	$(BIN)/python tests/generated.py write

openapi: $(READY) ## make docs/openapi.json anew
	$(BIN)/python -m gateway.openapi docs/openapi.json

lock: $(READY) ## resolve the dependencies anew; hashes only, no index addresses
	$(PIP) install --quiet uv==0.13.8
	$(LOCK) -o requirements/runtime.txt pyproject.toml
	$(LOCK) -c requirements/runtime.txt -o requirements/build.txt requirements/build.in
	$(LOCK) -c requirements/runtime.txt -c requirements/build.txt --group dev -o requirements/dev.txt pyproject.toml
	$(LOCK) --override requirements/interop-overrides.txt -o requirements/interop.txt requirements/interop.in

wheels: $(INSTALLED) ## build both distributions into dist/
	$(PIP) wheel --quiet --no-deps --no-build-isolation --wheel-dir dist clients/python .

bench: $(READY) ## throughput as ratios to a bare server in the same run
	$(BIN)/python -m tests.bench

clean: ## remove what the other targets made, except ./var: it holds keys
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist

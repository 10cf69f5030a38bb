# Every target prepares what it needs: a fresh machine needs CPython 3.11 or newer, make and the package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# grpcio stays at the release that was measured to be the fastest, see docs/decisions.md.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-annotate --no-header -c requirements/constraints.txt
PROTOS := $(sort $(wildcard proto/ocpi_broker/v1/*.proto))

.PHONY: setup run demo test lint fmt proto openapi lock bench clean help

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## create .venv with the locked dependencies

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "CPython 3.11 or newer is needed; set PYTHON=")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: $(READY) ## broker and gateway on loopback over ./var, with an invitation to try
	@$(BIN)/python -m broker.cli.demo run --data-dir var

demo: $(READY) ## registrations in both directions before your eyes, then everything stops
	@$(BIN)/python -m broker.cli.demo demo

test: $(READY) ## every test, on SQLite and on a real PostgreSQL
	$(BIN)/python -m pytest -n 4 --dist worksteal

lint: $(READY) ## ruff, mypy --strict, buf, and whether generated code is current
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/buf lint
	$(BIN)/python tests/check_generated.py

fmt: $(READY) ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

proto: $(READY) ## regenerate proto/gen
	$(BIN)/python -m grpc_tools.protoc -I proto --python_out=proto/gen --pyi_out=proto/gen \
		--grpc_python_out=proto/gen --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc \
		--mypy_grpc_out=proto/gen $(PROTOS)

openapi: $(READY) ## regenerate docs/openapi.json
	$(BIN)/python -m gateway.openapi docs/openapi.json

lock: $(READY) ## resolve the dependencies anew; hashes only, no index addresses
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.8
	$(LOCK) -o requirements/runtime.txt pyproject.toml
	$(LOCK) -c requirements/runtime.txt --group dev -o requirements/dev.txt pyproject.toml
	$(LOCK) --override requirements/interop-overrides.txt -o requirements/interop.txt requirements/interop.in

bench: $(READY) ## throughput as ratios to a bare server in the same run
	$(BIN)/python -m tests.bench

clean: ## remove what the other targets made, except ./var: it holds keys
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

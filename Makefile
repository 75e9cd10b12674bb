# Every target works as the first command on a fresh machine: it makes its own
# virtual environment from the lock. Needed: Python 3.11+, make, a C++ compiler.

PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
READY   := $(VENV)/.ready
KERNELS := $(wildcard filters/native/*.cpp filters/native/*.h filters/native/*.py)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long check fmt lint types parity bench bench-dedup bench-audit broken fuzz chaos picture screenshots reference lock clean

help: ## show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make the virtual environment from the lock

$(READY): requirements.lock pyproject.toml hatch_build.py $(KERNELS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY) ## fetch the sample crawl and make a dataset from it in runs/demo
	$(BIN)/cuvee demo

test: $(READY) ## run all tests but the longest, on up to four cores
	$(BIN)/python -m pytest -n auto --maxprocesses 4

test-long: $(READY) ## run the tests that take minutes each, one after another
	$(BIN)/python -m pytest -m long

check: fmt-check lint types test ## format, lint, types and tests, as CI runs them

.PHONY: fmt-check
fmt-check: $(READY)
	$(BIN)/ruff format --check .

fmt: $(READY) ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only --quiet .

lint: $(READY) ## lint
	$(BIN)/ruff check .

types: $(READY) ## check types, strictly
	$(BIN)/mypy

N    ?= 8
SEED ?= 0
chaos: $(READY) ## kill parts of a cluster at random, N rounds from SEED (N=50 SEED=0)
	$(BIN)/python -m tests.chaos --rounds $(N) --seed $(SEED)

parity: $(READY) ## compare every decision with datatrove's own blocks
	CUVEE_FULL_PARITY=1 $(BIN)/python -m pytest tests/parity tests/pipelines/test_extract.py tests/pipelines/test_accelerate.py -v

bench: $(READY) ## measure against datatrove, page by page (BENCH="--help" for options)
	$(BIN)/python -m tests.bench $(BENCH)

bench-dedup: $(READY) ## cluster up to 30 million documents, beside datatrove (8 GB of disk)
	$(BIN)/python -m tests.bench.scale $(BENCH)

bench-audit: $(READY) ## ask ledgers of 1 and 10 million pages (BENCH="--pages 5e7"; 3 GB of disk)
	$(BIN)/python -m tests.bench.audit $(BENCH)

broken: $(READY) ## read every broken crawl file and count what became of what was in them
	$(BIN)/python -m tests.broken

fuzz: $(READY) ## try inputs on the reader and the extractor (FUZZ="--help" for options)
	$(BIN)/python -m tests.fuzz $(FUZZ)

picture: $(READY) demo ## draw the demo's funnel into docs/funnel.svg
	$(BIN)/cuvee funnel runs/demo --svg docs/funnel.svg

screenshots: $(READY) demo ## look at the demo's report with Chromium: docs/report-light.png, docs/report-dark.png
	$(BIN)/cuvee report runs/demo
	$(BIN)/python -m tests.screenshots runs/demo/report.html docs

reference: $(READY) ## write what is made from the code: schema, recipe reference, signals
	$(BIN)/cuvee schema > configs/recipe.schema.json
	$(BIN)/cuvee schema --markdown > docs/recipe.md
	$(BIN)/cuvee signals --markdown > docs/signals.md

lock: $(READY) ## renew requirements.lock from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --extra s3 --group dev --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --output-file requirements.lock

clean: ## remove runs, caches and the virtual environment
	rm -rf $(VENV) runs dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

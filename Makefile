# Every target works as the first command on a fresh machine: it makes its own
# virtual environment from the lock. Needed: Python 3.11+, make, a C++ compiler.

PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
READY   := $(VENV)/.ready
TRAINERS := .venv-trainers
KERNELS := $(wildcard filters/native/*.cpp filters/native/*.h filters/native/*.py)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long test-trainers check fmt lint types parity bench bench-dedup bench-audit broken fuzz chaos picture screenshots reference lock clean

help: ## show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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

test-trainers: $(TRAINERS)/.ready ## train on CPU with PyTorch, TRL and Megatron's readers (2 GB)
	$(TRAINERS)/bin/python -m pytest tests/trainers \
		tests/pipelines/test_tokenizer_training.py::test_transformers_reads_what_is_written

# PyTorch's build without CUDA is on its own package index: where pip and uv do not know it,
# PIP_EXTRA_INDEX_URL and, for make lock, UV_EXTRA_INDEX_URL say where it is.
$(TRAINERS)/.ready: requirements-trainers.lock pyproject.toml hatch_build.py $(KERNELS)
	$(PYTHON) -m venv $(TRAINERS)
	$(TRAINERS)/bin/python -m pip install --quiet --require-hashes -r requirements-trainers.lock
	$(TRAINERS)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

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

LOCK := $(BIN)/uv pip compile pyproject.toml --extra s3 --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links
lock: $(READY) ## renew both locks from pyproject.toml
	$(LOCK) --group dev --universal --output-file requirements.lock
	$(LOCK) --group trainers --extra torch --python-platform x86_64-manylinux_2_28 \
		--output-file requirements-trainers.lock

clean: ## remove runs, caches and the virtual environment
	rm -rf $(VENV) $(TRAINERS) runs dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

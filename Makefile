PORT ?= 8080
MINUTES ?= 60
PROCESSES ?= 2
PYTHON ?= $(shell command -v python3.11 || command -v python3)
INSTALLED := venv/.installed
RUNTIME := venv/.runtime
PEERS := venv/.peers
ENGINES := .tools/engines
EXTRAS := .tools/extras/.installed
TOOLS := .tools/node_modules/.package-lock.json
# On CI the tests must run this many percent of the lines of shared/: a point less than they do. What trains with PyTorch
# is tested by `make test-extras`. SlipCover slows them by less than a tenth, coverage.py by two thirds. pytest warns that
# SlipCover is loaded before it, which does no harm.
# The percentage is judged afterwards: with --fail-under, SlipCover's table leaves out what other processes ran.
COVERED := 97.9
COVERAGE := venv/.coverage.json
SLIPCOVER := venv/bin/python -m slipcover
PYTEST := $(if $(filter true,$(CI)),$(SLIPCOVER) --source shared --omit 'shared/deep/*' --json --out $(COVERAGE) -m pytest -W ignore::pytest.PytestAssertRewriteWarning,venv/bin/pytest)
# A process runs all tests of a file, whose fixtures are then made once, and takes the next file in the order of pytest:
# its many small files come last, so that the processes end together. Each has one thread of BLAS, as it has one core.
PARALLEL := --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

# Without the addresses that this machine gets packages from: pip's own configuration says that.
LOCK := venv/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --annotation-style line \
	--no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

.DEFAULT_GOAL := help
.PHONY: help setup check test test-extras test-engines e2e emulators demo attacks soak audit lighthouse lock benchmark-accuracy types tools

help: ## list the targets
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "make %-18s %s\n", $$1, $$2 }'

setup: $(INSTALLED) ## make venv/, the folder that Firebase requires, with everything installed, `marquee` too

check: setup ## format, lint, types and import contracts
	venv/bin/ruff format --check .
	venv/bin/ruff check .
	venv/bin/mypy
	venv/bin/lint-imports

test: setup ## every test but the end-to-end ones and long attacks; those of emulators only where they are installed [PROCESSES=2]
	OPENBLAS_NUM_THREADS=1 $(PYTEST) $(PARALLEL) -m "not e2e and not attacks"
	$(if $(filter true,$(CI)),$(SLIPCOVER) --skip-covered --fail-under $(COVERED) --out $(COVERAGE) --merge $(COVERAGE))

test-engines: $(ENGINES)/.installed ## engines of digests, DuckDB and Spark, in an environment of their own; needs Java 17
	$(ENGINES)/bin/pytest tests/engines tests/unit/adapters/test_engines.py

test-extras: $(EXTRAS) test-engines ## models that need PyTorch, and engines, in environments of their own
	.tools/extras/bin/pytest tests/extras tests/unit/models

e2e: setup tools ## the whole app on the Firebase emulators, and in a browser
	venv/bin/pytest -m e2e tests/e2e

emulators: setup tools ## run the whole app on the Firebase emulators until Ctrl-C [DATA=FOLDER] [OPTIONS=--help]
	venv/bin/python -m tools.emulators $(if $(DATA),"$(DATA)") $(OPTIONS)

demo: $(RUNTIME) ## run the whole app on this machine until Ctrl-C, no Firebase needed [PORT=8080] [DATA=FOLDER or SIMULATE=1] [OPTIONS=--help]
	$(if $(SIMULATE),$(if $(DATA),$(error DATA: expected none with SIMULATE=1, whose audience makes events of its own; leave out one of the two))venv/bin/python -m benchmarks.simulator.demo,venv/bin/marquee demo) --port $(PORT) $(if $(DATA),--data "$(DATA)") $(OPTIONS)

attacks: setup ## thousands of damaged models, objects and deliveries, for some minutes
	venv/bin/pytest -m attacks tests/attacks

soak: setup ## memory of an instance under fresh users, posts and changes, for an hour [MINUTES=60]
	venv/bin/python -m benchmarks.soak --minutes $(MINUTES)

audit: setup ## known vulnerabilities of the pinned packages; skipped with a word where the database is out of reach
	venv/bin/python -m tools.audit

lighthouse: setup tools ## how Lighthouse rates the site's speed, accessibility and practices; fails below 95
	venv/bin/python -m tools.lighthouse

lock: setup ## pin requirements.in and its likes, with the hashes of all files [UPGRADE=--upgrade]
	$(LOCK) $(UPGRADE) requirements.in
	$(LOCK) $(UPGRADE) requirements-jobs.in
	$(LOCK) $(UPGRADE) requirements-duckdb.in
	$(LOCK) $(UPGRADE) requirements-spark.in
	$(LOCK) $(UPGRADE) requirements-dev.in
	$(LOCK) $(UPGRADE) requirements-deep.in
	cd benchmarks && ../$(LOCK) $(UPGRADE) requirements.in

benchmark-accuracy: setup $(PEERS) ## how good the lists are, ours and peers' [DATA=FOLDER] [CUTOFFS="TIME TIME"] [OPTIONS=--help]
	venv/bin/python -m benchmarks.accuracy $(if $(DATA),"$(DATA)") $(foreach cutoff,$(CUTOFFS),--cutoff $(cutoff)) $(OPTIONS)

types: tools ## make web/api.d.ts, the client's types, from functions/openapi.json
	.tools/node_modules/.bin/openapi-typescript functions/openapi.json --output web/api.d.ts

tools: $(TOOLS) ## install the Firebase CLI, TypeScript, axe and Lighthouse into .tools/

# What the commands need, without the tools of development: half of the packages, so that the demo begins sooner.
$(RUNTIME): requirements.txt requirements-jobs.txt tools/marquee
	@$(PYTHON) -c 'import sys; sys.version_info[:2] == (3, 11) or sys.exit("expected Python 3.11, got %d.%d; install it or run make PYTHON=/path/to/python3.11" % sys.version_info[:2])'
	$(PYTHON) -m venv venv
	venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt -r requirements-jobs.txt
	@install -m 755 tools/marquee venv/bin/marquee
	@touch $@

$(INSTALLED): $(RUNTIME) requirements-dev.txt
	venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

$(ENGINES)/.installed: requirements-duckdb.txt requirements-spark.txt requirements-dev.txt $(RUNTIME)
	$(PYTHON) -m venv $(ENGINES)
	$(ENGINES)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt \
		-r requirements-jobs.txt -r requirements-dev.txt -r requirements-duckdb.txt -r requirements-spark.txt
	@touch $@

$(PEERS): benchmarks/requirements.txt $(INSTALLED)
	venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r benchmarks/requirements.txt
	@touch $@

$(EXTRAS): requirements.txt requirements-jobs.txt requirements-dev.txt requirements-deep.txt
	$(PYTHON) -m venv .tools/extras
	.tools/extras/bin/pip install --quiet --disable-pip-version-check --require-hashes $(foreach file,$^,-r $(file))
	@touch $@

# No install scripts: the only one that matters compiles a faster regular expression engine that the CLI does without.
$(TOOLS): .tools/package-lock.json
	npm ci --prefix .tools --ignore-scripts --no-audit --no-fund
	@touch $@

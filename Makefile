# The interpreter that makes .venv: make PYTHON=python3.13 test
PYTHON ?= python3
# Processes that run tests side by side.
WORKERS ?= 2
# More words for pytest: make test ARGS="-k invitation"
ARGS ?=

BIN = .venv/bin
PYTEST = $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help run stop reset provision test lint sure soak bench bench-nameko lock environment environment-dev

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

run: environment ## set everything up, start everything, tell where to look (Ctrl-C stops it)
	@exec $(BIN)/python -m operations.local.run

stop: ## stop what `make run` started
	@test ! -x $(BIN)/python || $(BIN)/python -m operations.local.stop

reset: ## stop, then forget all local data
	@test ! -x $(BIN)/python || $(BIN)/python -m operations.local.stop --reset

provision: environment ## print what prepares your own PostgreSQL and RabbitMQ
	@$(BIN)/python -m operations.local.provision

test: environment-dev ## set up what the tests need, run all of them
	@$(PYTEST) -n $(WORKERS) tests $(ARGS)

lint: environment-dev ## style, types, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

sure: lint test ## what to run before pushing

soak: environment-dev ## the tests of faults at their full sizes: hours
	@EMPLOIS_SOAK=1 $(PYTEST) -m soak --timeout 3600 tests $(ARGS)

bench: environment-dev ## measure; prints, never judges (ARGS="--only calls")
	@$(BIN)/python -m tests.bench $(ARGS)

bench-nameko: environment-dev ## measure nameko's versions against each other
	@$(BIN)/python -m tests.bench.nameko $(ARGS)

lock: environment-dev ## compile requirements*.in into the locks
	$(BIN)/uv pip compile requirements.in --universal --generate-hashes --python-version 3.11 \
	  --no-emit-index-url --no-header --no-annotate -q -o requirements.lock
	$(BIN)/uv pip compile requirements-dev.in -c requirements.lock --universal --generate-hashes --python-version 3.11 \
	  --no-emit-index-url --no-header --no-annotate -q -o requirements-dev.lock

environment:
	@$(PYTHON) operations/bootstrap.py

environment-dev:
	@$(PYTHON) operations/bootstrap.py --dev

# The project's commands. `make up` and `make test` are all the set-up there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := admission auth bench demo graph inventory kit loaders models notifications orders payments \
           resolvers runtime sandbox subscriptions

.DEFAULT_GOAL := help
.PHONY: help up test check faults pictures schema clean installed installed-dev

help:
	@echo "make up        the whole sale on this machine, at http://127.0.0.1:8000; Ctrl-C stops it"
	@echo "make test      the tests, on servers of their own"
	@echo "make check     linters, types, layers, spelling, then the tests"
	@echo "make faults    harm a running sale in every known way, and check what is left"
	@echo "make pictures  take the README's pictures anew, with Chromium"
	@echo "make schema    write schema.graphql anew"
	@echo "make clean     remove the virtual environment and all data of make up"

# Behind the launcher, as everything it starts: it ends when make ends, however that happens.
up: installed
	@exec $(BIN)/python -I -S runtime/launch.py $$PPID 15 $$(id -u) $$(id -g) $(BIN)/flashsale up

test: installed-dev
	@$(BIN)/python -m pytest

check: installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(SOURCES) tests
	$(BIN)/lint-imports
	@if command -v luacheck >/dev/null; then echo luacheck .; luacheck --quiet --no-color .; \
	 else echo "luacheck is NOT installed, so the Lua files were not checked:" \
	 "apt-get install lua-check"; fi
	$(BIN)/codespell
	@$(BIN)/python -m pytest

# Every scenario and every mutant once; more seeds: $(BIN)/python -m tests.faults run --all --seeds 20
faults: installed-dev
	@$(BIN)/python -m pytest -m faults tests/faults

pictures: installed-dev
	@$(BIN)/python -m tests.browser.screenshots docs/pictures

schema: installed-dev
	$(BIN)/flashsale schema > schema.graphql.new
	mv schema.graphql.new schema.graphql

clean:
	@if [ -e .flashsale/up.lock ] && ! flock --nonblock .flashsale/up.lock true; then \
	 echo "make up is running here: stop it first" >&2; exit 2; fi
	rm -rf $(VENV) .flashsale .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

installed:
	@deploy/install $(PYTHON) $(VENV) requirements/embedded.lock

installed-dev:
	@deploy/install $(PYTHON) $(VENV) requirements/dev.lock

# The two commands of the README are `make demo` and `make test`. Both do all their own set-up.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.rostra-setup

.PHONY: help demo test setup pages lint format docs bench soak fuzz lock clean browser

help:
	@echo "make demo    a room on air with two voices, in your browser"
	@echo "make test    everything that can be checked, set-up included"
	@echo "make setup   a virtual environment .venv with rostra in it"
	@echo "make bench   speed and size, side by side with others (long)"
	@echo "make soak    hours on air (long)     make fuzz   hostile input (long)"
	@echo "make lint    format, lint, types, layering     make docs   pages made from code"

$(STAMP): requirements/dev.txt pyproject.toml hatch_build.py
	@echo "rostra: making the virtual environment and fetching what it needs (a minute or so, once)"
	@test -x $(BIN)/python || $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "rostra: Python 3.11 or later is needed; name yours: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@ROSTRA_SKIP_PAGES=1 $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

PAGES := src/rostra/web/dist/.built
$(PAGES): $(STAMP) $(shell find src/rostra/web -path '*/node_modules' -prune -o -path '*/dist' -prune -o -type f -print 2>/dev/null)
	@echo "rostra: building the pages"
	@$(BIN)/python hatch_build.py
	@touch $@

setup: $(STAMP) $(PAGES)
pages: $(PAGES)

demo: setup
	@$(BIN)/rostra demo $(ARGS)

browser:
	@sh tools/debian-tools.sh

test: setup browser
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 15 $(ARGS)

lint: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python hatch_build.py check

format: setup
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: setup
	@$(BIN)/python -m tools.make_docs

bench: setup
	@$(BIN)/python -m benchmarks $(ARGS)

soak: setup
	@EVENING_PEOPLE=1000000 $(BIN)/python -m pytest -q -s --timeout 1800 tests/admission/test_evening.py
	@HLSJS_SECONDS=120 $(BIN)/python -m pytest -q interop/test_hlsjs.py
	@$(BIN)/python -m benchmarks.soak $(ARGS)

fuzz: setup
	@$(BIN)/python -m fuzz $(ARGS)

lock: $(STAMP)
	@sh tools/lock.sh

clean:
	rm -rf $(VENV) src/rostra/web/dist src/rostra/web/node_modules .rostra

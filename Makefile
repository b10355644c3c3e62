# `make demo` and `make test` need Python 3.11 to 3.13 and make, nothing else.
# TORCH_INDEX=https://download.pytorch.org/whl/cpu (or …/rocm6.4) makes pip take torch from there.

PYTHON ?= python3
TORCH_INDEX ?=
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
BENCH := PYTHONPATH=.:tests $(BIN)/python -m
PIP := $(BIN)/pip install --quiet --disable-pip-version-check

.PHONY: demo test faults audit bench recipes lyrics verdict lint types unit format clean
.DEFAULT_GOAL := help

help:
	@echo 'make demo    train both samplers on the bundled lyrics and chat in the terminal'
	@echo 'make test    lint, types and all tests'
	@echo 'make faults  kill, cut off and overload everything, again and again: a quarter of an hour'
	@echo 'make audit   look for known vulnerabilities in what is installed'
	@echo 'make bench   measure beside the article and torch.nn; CORPUS=FILE names a text'
	@echo 'make recipes what the default recipe was read off; CORPUS=FILE, or BUNDLED=1'
	@echo 'make lyrics  what the article, the default and torch.nn write; CORPUS=FILE, or BUNDLED=1'
	@echo 'make verdict try the verdict on made-up arenas, six minutes; SMALL=1'
	@echo 'make format  let ruff format the code'
	@echo 'make clean   remove .venv and build files (state and checkpoints stay)'

demo: $(INSTALLED)
	@$(BIN)/lyricbot demo

test: lint types unit

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

unit: $(INSTALLED)
	$(BIN)/pytest -n auto --dist worksteal

# A short selection of it runs in `make test`.
faults: $(INSTALLED)
	FAULTS=1 $(BIN)/pytest -n auto --dist worksteal tests/faults

audit: $(INSTALLED)
	@.ci/audit $(BIN)/python

# Wants an idle machine; some ten minutes, and half an hour or more for the recipes.
bench: $(INSTALLED)
	@$(BENCH) bench $(if $(CORPUS),--corpus "$(CORPUS)")

recipes: $(INSTALLED)
	@$(BENCH) bench.recipes $(if $(BUNDLED),--bundled) $(if $(CORPUS),--corpus "$(CORPUS)")

lyrics: $(INSTALLED)
	@$(BENCH) bench.lyrics $(if $(BUNDLED),--bundled) $(if $(CORPUS),--corpus "$(CORPUS)")

verdict: $(INSTALLED)
	@$(BENCH) bench.verdict $(if $(SMALL),--small)

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# torch comes first and by its exact version, so that an index of its own serves it alone.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else "lyricbot needs Python 3.11 to 3.13, this is %d.%d: make PYTHON=python3.11 …" % v)'
	@echo 'installing into $(VENV), once …'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) "$$(grep '^torch==' constraints.txt)"
	@$(PIP) --constraint constraints.txt --editable '.[train,dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache

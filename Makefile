# Everything a newcomer needs. Needs Python >= 3.11, Node >= 20 and make; nothing is installed outside this folder.

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
# The newest Python there is, unless told: make PYTHON=python3.12
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && exit; done; \
    echo no-python)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
EXTENSION := vscode-extension/node_modules/.installed
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: help run test test-python test-again test-prelude test-extension lint build bench setup litellm helix vscode vscode-workbench vsix assets clean

help: ## Show what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

run: setup ## Set up, then run a sample that streams (SCRIPT=path for another)
	@$(BIN)/geppetto run $(or $(SCRIPT),samples/hello-stream.geppetto.js)

test: test-prelude test-extension test-python ## Run every test

# Most tests wait for other processes: three at a time keep two processors busy. tests/conftest.py tells what stays together.
AT_ONCE := --numprocesses 3 --dist loadfile --no-loadscope-reorder --inline-snapshot=disable

test-python: setup
	@$(BIN)/python -m pytest $(or $(TESTS),$(AT_ONCE))

test-again: test-prelude test-extension ## Run once more what failed last time
	@$(BIN)/python -m pytest --last-failed --last-failed-no-failures none

test-prelude: setup
	@cd server/prelude && npm test --silent

test-extension: $(EXTENSION)
	@cd vscode-extension && npm test --silent

lint: setup $(EXTENSION) ## Check format, style, types and layers
	@$(BIN)/ruff format --check --quiet . || { echo 'Run: $(BIN)/ruff format .'; exit 1; }
	@$(BIN)/ruff check --quiet .
	@PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright
	@$(BIN)/lint-imports --no-logo
	@cd server/prelude && npm run check --silent
	@cd vscode-extension && npm run check --silent
	@$(BIN)/python tests/house/lock_files.py
	@GEPPETTO_TRUSTED_FOLDERS=samples $(BIN)/geppetto check --fail-on warning samples

build: setup ## Build the wheel and the sdist into dist/
	@$(BIN)/python -m hatchling build

bench: setup ## Measure side by side, print ratios (ONLY=name for one question)
	@$(BIN)/python -m benchmarks $(ONLY)

setup: $(INSTALLED) assets ## Make .venv, install everything, build the prelude (skips what is done)

# pip leaves the environment half made when interrupted: the stamp is written last.
$(INSTALLED): pyproject.toml hatch_build.py
	@test '$(PYTHON)' != no-python || { echo 'Geppetto needs Python 3.11 or newer, and none was found on PATH.' >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
	  echo 'Python cannot make a virtual environment here; on Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'The Python in $(VENV) is older than 3.11: run make clean, then try again.' >&2; exit 1; }
	@echo 'Installing Geppetto into $(VENV) (a minute, the first time)'
	@$(PIP) install --editable '.[dev]'
	@touch $@

# Running scripts needs nothing of it.
$(EXTENSION): vscode-extension/package.json vscode-extension/package-lock.json
	@cd vscode-extension && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# LiteLLM has dependencies of its own, so it gets an environment of its own. Its versions change weekly.
LITELLM := .cache/litellm

litellm: $(LITELLM)/.installed ## Install the compatible server that some tests talk to

$(LITELLM)/.installed: | $(INSTALLED)
	@echo 'Installing LiteLLM into $(LITELLM)'
	@rm -rf $(LITELLM) && $(BIN)/python -m venv --without-pip $(LITELLM)
	@$(PIP) --python $(LITELLM)/bin/python install --no-compile 'litellm[proxy]>=1.106,<1.107'
	@touch $@

helix: .cache/helix/bin/hx ## Put the editor Helix into .cache/, for its test (Debian 12; elsewhere install hx)

.cache/helix/bin/hx: tests/lsp/helix.sh
	@tests/lsp/helix.sh .cache/helix

# A VS Code for a browser: 0.8 GB, a minute.
WORKBENCH := .cache/vscode/workbench

vscode: vscode-workbench vsix ## Open the samples in VS Code, in a browser (FOLDER=path for another)
	@$(BIN)/python -m tests.vscode.workbench $(or $(FOLDER),samples)

vscode-workbench: $(WORKBENCH)/.installed ## Install the VS Code that `make vscode` and some tests use

$(WORKBENCH)/.installed: tests/vscode/code-server/package-lock.json
	@echo 'Installing VS Code for a browser into $(WORKBENCH)'
	@tests/vscode/code-server/install.sh $(WORKBENCH)
	@touch $@

vsix: setup $(EXTENSION) ## Pack the extension with the server inside, into dist/ (PLATFORM=all, or win32-x64 …)
	@$(BIN)/python vscode-extension/scripts/vsix.py $(PLATFORM)

assets: $(INSTALLED)
	@$(BIN)/python hatch_build.py

clean: ## Remove everything that make made
	rm -rf $(VENV) .cache dist build server/geppetto/_vendor server/geppetto/runtime/prelude.* server/prelude/node_modules server/web-assets/node_modules
	rm -rf vscode-extension/node_modules vscode-extension/out
	rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find server tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

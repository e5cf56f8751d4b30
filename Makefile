# Every target makes its own virtual environment in .venv: nothing is needed but Python 3.11–3.13, pip and make. `web` needs
# Node.js 20.19 or newer too; `verify` needs Node.js, chromium and chromedriver (on Debian, root gets the latter two by itself).
# Choose another interpreter with `make PYTHON=/path/to/python3.12 test`.

SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
CANDIDATES := $(PYTHON) python3.11 python3.12 python3.13 python3
IN_RANGE := import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))

# Two workers: the tests hold TensorFlow in each.
TEST_WORKERS ?= 2
# Slow tests with a bound on how long something may take: they run alone, the others beside each other.
TIMED := tests/notebooks tests/deploy/test_benchmarks.py

# Pins for the packages and for the build back end (the second name is read by pip 25.3 and newer).
PIP_INSTALL = PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help demo web docs browser test verify check format clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /\1\t/' | expand -t 10

demo: $(VENV)/.installed-train ## train the phrasebook model and translate sentences it never saw (minutes)
	$(BIN)/keras-s2s demo

web: serving/web/node_modules/.package-lock.json ## build the page of `keras-s2s web` (needs Node.js)
	cd serving/web && npm run --silent build

# Two commands: in one, SlipCover 1.1 checks the coverage rightly, but prints it without what the workers ran.
test: $(VENV)/.installed-dev ## the test suite, with at least 90 % line coverage
	@mkdir -p build
	$(BIN)/python -m slipcover --json --out build/coverage.json -m pytest -n $(TEST_WORKERS) -m "not slow"
	$(BIN)/python -m slipcover --merge build/coverage.json --out build/coverage.json --fail-under 90

verify: $(VENV)/.installed-dev web browser ## the long checks, the page's among them
	$(BIN)/python -m pytest -m slow --timeout=3600 -n $(TEST_WORKERS) --dist loadgroup $(TIMED:%=--ignore=%)
	$(BIN)/python -m pytest -m slow --timeout=3600 $(TIMED)

check: $(VENV)/.installed-dev ## style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The variable silences an advertisement of the theme's; MkDocs is pinned below 2.
docs: $(VENV)/.installed-dev ## the documentation site, in site/; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# What the tests of the page run in.
browser:
	@if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && apt-get install -qq --no-install-recommends chromium chromium-driver >/dev/null; \
	  else \
	    echo "The tests of the page need chromium and chromedriver on the PATH, of one version." >&2; \
	    echo "Install them; on Debian: apt-get install chromium chromium-driver" >&2; exit 1; \
	  fi; \
	fi

format: $(VENV)/.installed-dev ## rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove the environment, caches and build outputs
	rm -rf $(VENV) build dist site serving/web/node_modules keras_s2s/web_page .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The first candidate that runs and is in range. A Python without ensurepip (Debian packages it apart) lends its own pip.
$(BIN)/python:
	@for python in $(CANDIDATES); do \
	  if "$$python" -c '$(IN_RANGE)' >/dev/null 2>&1; then found="$$python"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "keras-s2s needs Python 3.11, 3.12 or 3.13, and found none of: $(strip $(CANDIDATES))." >&2; \
	  echo "Install one, or name one: make PYTHON=/path/to/python3.11" >&2; exit 1; \
	fi; \
	echo "Making $(VENV) with $$($$found --version) ($$found)"; \
	if "$$found" -c 'import ensurepip' 2>/dev/null; then "$$found" -m venv $(VENV); \
	else "$$found" -m venv --without-pip $(VENV) && "$$found" -m pip --python $(BIN)/python install --quiet pip; fi

serving/web/node_modules/.package-lock.json: serving/web/package-lock.json
	@if ! command -v npm >/dev/null; then \
	  echo "The page is built by Node.js 20.19 or newer, with its npm: install it (https://nodejs.org)" >&2; exit 1; \
	fi
	cd serving/web && npm ci --silent

$(VENV)/.installed-train: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing keras-s2s with TensorFlow and Keras (about 1 GB, minutes the first time)"
	@$(PIP_INSTALL) -e '.[train]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing keras-s2s with everything that the tests need (about 2 GB, minutes the first time)"
	@$(PIP_INSTALL) -e '.[all,dev,docs]'
	@touch $(VENV)/.installed-train $@

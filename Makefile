# Everything a fresh machine needs: `make demo` to see it, `make test` to check it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# A process a core; a file's tests stay together, since they share servers and stores.
PARALLEL ?= -n auto --dist loadfile

.PHONY: demo test check fast clean
.DEFAULT_GOAL := demo

demo: $(VENV)/.installed-demo
	$(BIN)/driftwatch demo $(ARGS)

test: $(VENV)/.installed-test check
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

check: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fast: $(VENV)/.installed-test
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow" $(ARGS)

# The tests' parts hold the demo's, so whoever ran the tests need not install again. Stamps are newer than
# pyproject.toml after the first run, so a second run needs no network.
$(VENV)/.installed-demo: pyproject.toml constraints.txt
	@if test $(VENV)/.installed-test -nt pyproject.toml && test $(VENV)/.installed-test -nt constraints.txt; \
	  then touch $@; else $(MAKE) --no-print-directory install EXTRA=demo STAMP=$@; fi

$(VENV)/.installed-test: pyproject.toml constraints.txt
	@$(MAKE) --no-print-directory install EXTRA=test STAMP=$@

.PHONY: install
install:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "driftwatch needs Python 3.11 or newer, this is " + sys.version.split()[0] + ". Say which to use, for example: make PYTHON=python3.12")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "This Python cannot make virtual environments. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing driftwatch and what it needs into $(VENV) (once; some minutes on a slow line) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[$(EXTRA)]' \
	  || { echo "Installing failed. The first run must reach the package index; later runs work offline." >&2; exit 1; }
	@touch $(STAMP)

clean:
	rm -rf $(VENV) .test-environments build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

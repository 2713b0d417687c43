# The environment is .venv; `make` with no target says what there is to make.
# A stamp file marks each install, so that a second run does not install again.

PYTHON ?= python3
BIN := .venv/bin
export PYTHONSAFEPATH := 1
export OMP_NUM_THREADS := 1

.PHONY: help demo test test-slow check clean
.DEFAULT_GOAL := help

help:
	@echo "make demo       score the example clip into runs/demo (installs the scoring core, no torch)"
	@echo "make test       run the tests (installs everything)"
	@echo "make test-slow  run the tests that take more than ten seconds as well"
	@echo "make check      ruff, ruff format --check and pyright"
	@echo "make clean      remove the environment and what tools left behind; runs/ is kept"

demo: .venv/.core
	$(BIN)/affectstream score examples/six_emotions.mp4 --subtitles examples/six_emotions.srt --out runs/demo

test: .venv/.dev
	$(BIN)/python -m pytest -m "not slow"

test-slow: .venv/.dev
	$(BIN)/python -m pytest

check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

clean:
	rm -rf .venv .typing build dist *.egg-info .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) found: install Python 3.11 or newer, or run make PYTHON=/path/to/python3.11."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$($(PYTHON) --version) is too old: affectstream needs Python 3.11 or newer; run make PYTHON=/path/to/python3.11."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv: install it (on Debian and Ubuntu: apt install python3-venv)."; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.core: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

.venv/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]' 'setuptools>=77'
	@mkdir -p .typing/affectstream
	@for d in multimodal encoders datasets configs checkpoints; do ln -sfn ../../$$d .typing/affectstream/$$d; done
	@touch .venv/.core $@

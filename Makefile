# Two commands for a fresh machine: `make demo` and `make test`. Each sets up its own .venv.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# The modules that exist: a strict editable install (which mypy needs) links files, so a new file needs a new install.
SOURCES := $(shell find audit detectors reports -name '*.py' -o -name '*.j2' -o -name '*.css' -o -name '*.safetensors' | sort | sha256sum | cut -c1-12)
INSTALLED := $(VENV)/.installed-$(SOURCES)

.PHONY: setup demo test test-slow e2e lint bench clean

$(VENV)/bin/python:
	command -v $(PYTHON) >/dev/null && $(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)

# torch first and by exact version: a range would pull gigabytes of CUDA.
$(VENV)/.torch: $(VENV)/bin/python
	$(BIN)/pip install --quiet torch==2.13.0
	touch $@

$(INSTALLED): $(VENV)/.torch pyproject.toml
	rm -rf build $(VENV)/.installed-*
	$(BIN)/pip install --quiet --editable '.[dev]' --config-settings editable_mode=strict
	touch $@

# Fetches and converts the embedded model once; later calls find it in the user cache.
setup: $(INSTALLED)
	$(BIN)/llm-audit models get

demo: setup
	mkdir -p demo
	# Exit code 1 is a finding, which one of the three is meant to be.
	@$(BIN)/llm-audit detect fixtures/texts/essay-human.txt fixtures/texts/essay-machine.txt fixtures/texts/essay-too-short.txt \
	    -o demo/report.html -o demo/report.json || test $$? -eq 1
	@echo "The report: demo/report.html"

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p llm_audit
	$(BIN)/lint-imports

# Two processes of one thread each: tests are many and small. A file stays in one process, for what its tests share.
test: setup lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile

test-slow: setup
	$(BIN)/python -m pytest -m slow --timeout 1800

# In a real browser, Debian's: `apt-get install chromium`. The proofs of writing also use strace, if it is there.
e2e: setup
	$(BIN)/python -m pytest -m slow --timeout 1800 tests/e2e

bench: setup
	$(BIN)/python -m pytest -m bench --timeout 7200 -s tests/benchmarks

clean:
	rm -rf $(VENV) build demo *.egg-info .mypy_cache .ruff_cache .pytest_cache

# Two commands for a fresh machine: `make demo` and `make test`. Each sets up its own .venv from the locked versions.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# The modules that exist: a strict editable install (which mypy needs) links files, so a new file needs a new install.
SOURCES := $(shell find audit detectors reports -name '*.py' -o -name '*.j2' -o -name '*.css' -o -name '*.js' -o -name '*.safetensors' -o -name '*.json' -o -name '*.toml' | sort | sha256sum | cut -c1-12)
INSTALLED := $(VENV)/.installed-$(SOURCES)
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Three processes of one thread each, which keep two cores busy: a test now and then waits for a server or a child. A file stays
# in one process, for what its tests share.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 3 --dist loadfile

.PHONY: setup demo docs test test-quick test-slow test-machines test-latest test-oldest update pytest e2e lint bench bench-quick bench-install clean

$(BIN)/python:
	command -v $(PYTHON) >/dev/null && $(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)

# torch first and by exact version: a range would pull gigabytes of CUDA. Every file is held to its digest.
LOCKED := $(PIP) install --quiet --require-hashes --no-deps --requirement tools/lock
$(VENV)/.versions: $(BIN)/python $(wildcard tools/lock/*.txt) pyproject.toml
ifeq ($(VENV),.venv-latest)
	$(PIP) install --quiet torch==2.13.0
	$(PIP) install --quiet --upgrade --upgrade-strategy eager '.[dev]'
else ifeq ($(VENV),.venv-oldest)
	$(PIP) install --quiet torch==2.13.0 uv
	$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --resolution lowest-direct --no-emit-package torch -o $(VENV)/oldest.txt
	$(PIP) install --quiet --requirement $(VENV)/oldest.txt
else
	$(LOCKED)/torch.txt || { echo "pip finds no CPU build of torch here: taking the CUDA build, some gigabytes."; $(LOCKED)/cuda.txt; }
	$(LOCKED)/dev.txt
endif
	touch $@

# setuptools warns at every strict install that build/ must stay; `make clean` removes it together with .venv.
$(INSTALLED): $(VENV)/.versions
	rm -rf build $(VENV)/.installed-*
	PYTHONWARNINGS="ignore:Editable installation" \
	    $(PIP) install --quiet --no-deps --no-build-isolation --editable . --config-settings editable_mode=strict
	touch $@

# Fetches and converts the embedded model once; later calls find it in the user cache.
setup: $(INSTALLED)
	$(BIN)/llm-audit models get

# Exit code 1 is a finding, which one of the three is meant to be.
demo: setup
	mkdir -p demo
	@$(BIN)/llm-audit detect fixtures/texts/essay-human.txt fixtures/texts/essay-machine.txt fixtures/texts/essay-too-short.txt \
	    -o demo/report.html -o demo/report.json || test $$? -eq 1
	@echo "The report: demo/report.html"

# The site, into site/: strictly (a rule without a page, an option without help, a dead link or anchor ends it) and offline.
docs: $(INSTALLED)
	$(BIN)/python -m tools.site.check sources
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	$(BIN)/python -m tools.site.check site

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p llm_audit
	$(BIN)/lint-imports

# The linters beside the tests, since type checking keeps one core busy for most of a minute.
test: setup
	$(MAKE) --no-print-directory --jobs 2 lint pytest

# The inner loop: the house, reading (but for hostile documents), rules of integrity, the head against its oracle, the registry, one command, the goldens.
QUICK := tests/test_house.py tests/text tests/policy tests/detectors/integrity tests/detectors/test_registry.py \
    tests/scoring/test_head.py tests/cli/test_golden.py tests/cli/test_detect.py
test-quick: setup
	$(PYTEST) $(QUICK) --ignore tests/text/test_hostile.py

test-slow: setup test-machines
	$(BIN)/python -m pytest -m slow --timeout 1800
	$(BIN)/python -m pytest --hypothesis-profile explore $(shell grep -rl '^@given' tests)

# The tests that computed numbers go through, as other processors would run them.
MACHINE_TESTS := tests/scoring tests/detectors/populations tests/detectors/attribution tests/reports tests/cli/test_golden.py tests/verify
test-machines: setup
	ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q $(MACHINE_TESTS)
	ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 OPENBLAS_CORETYPE=HASWELL OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q $(MACHINE_TESTS)
	OMP_NUM_THREADS=2 $(BIN)/python -m pytest -q $(MACHINE_TESTS)

# The tests on the newest and on the oldest versions that pyproject.toml allows, each in a virtual environment of its own.
test-latest:
	$(MAKE) VENV=.venv-latest pytest

test-oldest:
	$(MAKE) VENV=.venv-oldest pytest

pytest: setup
	$(PYTEST)

# Renews tools/lock/dev.txt and cuda.txt; the tests then run on what was found.
update: $(INSTALLED)
	$(BIN)/python tools/lock/renew.py

# In a real browser, Debian's: `apt-get install chromium`. The proofs of writing also use strace, if it is there.
e2e: setup
	$(BIN)/python -m pytest -m slow --timeout 1800 tests/e2e

bench: setup
	$(BIN)/python -m pytest -m bench --timeout 7200 -s benchmarks

# Ratios within one process, in about two minutes of an idle machine.
bench-quick: setup
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m benchmarks.quick

# Every way to install, into environments that are deleted at once: needs a network and 3 GB of room.
bench-install: setup
	$(BIN)/python -m benchmarks.install

clean:
	rm -rf .venv .venv-latest .venv-oldest build demo site *.egg-info .mypy_cache .ruff_cache .pytest_cache

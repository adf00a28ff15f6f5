# Each target sets itself up: a virtual environment with pinned, tested versions, then the job.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SUITE ?= suites/nb201.yaml
RESULTS ?= results
EVIDENCE ?= suites/nb201.yaml suites/nb201_sp.yaml suites/nb201_delve.yaml suites/darts_pt.yaml

.PHONY: run evidence test long full contract regression lint report examples readme why bench bench-short clean
.DEFAULT_GOAL := run

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,official]"
	touch $@

run: $(READY) ## the main job: search, look up, report, judge (digits when no data is at hand); a verdict is no failure
	$(BIN)/python -m harness run $(SUITE) --profile reduced --results $(RESULTS)
	$(BIN)/python -m harness report $(SUITE) --profile reduced --results $(RESULTS)
	$(BIN)/python -m harness check $(SUITE) --profile reduced --results $(RESULTS) || case $$? in 1|3) ;; *) exit 1 ;; esac

evidence: $(READY) ## searches at paper size, what says most first, until it is stopped; the same again goes on
	$(BIN)/python -m harness run $(EVIDENCE) --profile paper --first --jobs 2 --threads 1 --nice 19

test: $(READY) ## all tests but those of `make long` and `make contract`, on all cores
	$(BIN)/python -m pytest -q -n auto --dist loadfile

long: $(READY) ## tests that take most of a minute each: runs killed, a worker of a cluster killed, Triton's interpreter
	$(BIN)/python -m pytest -q -n auto --dist loadfile -m long

full: $(READY) lint test long contract ## what takes longer: the package as installed, runs killed 150 times, 200 simulated designs
	$(BIN)/python -m tests.installed build/installed
	$(BIN)/python -m tests.chaos
	$(BIN)/python -m tests.analysis.recovery

contract: $(READY) ## every method on every space of the papers: runs, resumes bit for bit, or is refused with a reason
	$(BIN)/python -m tests.engine.test_spaces
	$(BIN)/python -m pytest -q -m "contract or not contract" tests/engine/test_spaces.py

regression: $(READY) ## small searches of every kind of part against recorded numbers, to the bit on a recorded machine
	$(BIN)/python -m regression

lint: $(READY) ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

report: $(READY) ## a site in reports/: verdicts, tables and figures of all records, and an explorer of all numbers and trials
	$(BIN)/python -m harness report

examples: $(READY) ## what docs/extending.md says, line by line, in a fresh copy: a method, a part, a suite
	$(BIN)/python scripts/examples.py

readme: $(READY) ## README's generated tables, and its figure from the last reduced run
	$(BIN)/python scripts/readme.py

why: $(READY) ## docs/why.md and its pictures, from the records of suites/why.yaml that are there
	$(BIN)/python scripts/why.py

bench-short: $(READY) ## a few of them, in some minutes; fails below 60% of a recorded ratio
	$(BIN)/python -m pytest -q speed --benchmark-only --short --benchmark-columns=median

bench: $(READY) ## speed, as ratios within one run
	$(BIN)/python -m pytest -q speed --benchmark-only

clean: ## what can be made anew in minutes: never records or checkpoints, which may be days of work
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .tox reports

# Everything a fresh machine needs is set up by `make run` and `make test` themselves.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready
# The tests start some hundred processes: what is compiled once is not to be compiled in each of them.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test lint setup matrix precision bench clean chromium axe reader

run: $(STAMP)
	$(BIN)/chat-conformance run --record out/run.ndjson --html out/report.html --junit out/junit.xml --markdown out/summary.md

test: $(STAMP) lint chromium axe reader
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The HTML report is looked at in a real browser where one is there or can be installed.
chromium:
	@scripts/ensure-chromium

# Recorded answers are read by the public reader of their protocol, too, where there is Node.
reader: $(STAMP)
	@scripts/ensure-data-stream-reader

# And axe looks for what not everybody can use in it.
axe:
	@scripts/ensure-axe

# The kill matrix: every fault against every case that may see it. Takes some ten minutes.
matrix: $(STAMP)
	$(BIN)/python -m tests.proof.matrix --workers 2

# Every fault against every case, several faults in one server. Takes about forty minutes.
precision: $(STAMP)
	$(BIN)/python -m tests.proof.precision

bench: $(STAMP)
	$(BIN)/python -m benchmarks.fake_server
	$(BIN)/python -m benchmarks.llm
	$(BIN)/python -m benchmarks.suite
	$(BIN)/python -m benchmarks.hostile_memory
	$(BIN)/python -m benchmarks.proxy

setup: $(STAMP)

$(STAMP): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

clean:
	rm -rf .venv out build *.egg-info

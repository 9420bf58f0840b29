# Every target creates .venv from the hashed lock when it is missing or older than the lock.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: demo up test check bench diagrams shots clean
.DELETE_ON_ERROR:

demo: $(STAMP)
	$(BIN)/checkout demo $(ARGS)

up: $(STAMP)
	$(BIN)/checkout up $(ARGS)

# Half of the suite waits for processes, so three files at a time keep two cores busy.
test: $(STAMP)
	$(BIN)/python -m pytest -n 3 --dist loadfile $(ARGS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy -p docs.drills -p docs.diagrams

bench: $(STAMP)
	$(BIN)/python -m bench $(ARGS)

# The pictures beside the texts of docs/diagrams.
diagrams: $(STAMP)
	$(BIN)/python -m docs.diagrams.draw

# Every test in a browser, those that `make test` leaves out too; among them those that take docs/shots/.
shots: $(STAMP)
	$(BIN)/python -m pytest -m "" tests/demo/test_journeys.py tests/demo/matrix tests/console $(ARGS)

clean:
	rm -rf .venv .checkout

# The build backend comes from the lock too, so nothing is fetched without a hash.
$(STAMP): requirements.lock pyproject.toml
	@echo "Installing into .venv (once, a minute or two)"
	$(PYTHON) -m venv --clear .venv
	@all=$$(grep -c '^[a-zA-Z].*==' requirements.lock); log=.venv/install.log; \
	$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements.lock >$$log 2>&1 & \
	pip=$$!; trap 'kill $$pip' INT TERM; \
	while kill -0 $$pip 2>/dev/null; do \
		test ! -t 1 || printf '\r%s of %s packages ' "$$(grep -cE '^(Collecting|Processing|Ignoring)' $$log)" "$$all"; sleep 1; \
	done; \
	test ! -t 1 || echo; \
	wait $$pip || { tail -n 20 $$log; echo "pip failed; all that it said is in $$log"; exit 1; }
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation --quiet --editable .
	@touch $(STAMP)

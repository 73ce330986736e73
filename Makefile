# Needs Python 3.11 or newer and nothing else: everything is installed into .venv, from the lock in requirements/.
#
#   make run [ARGS="--speed max"]     make test [ARGS="-k gateway"]     make check     make help

PYTHON ?=
ARGS ?=
BIN := .venv/bin
# A lock is complete, so nothing is resolved again: older versions of pip would look past a pin for `package[extra]`.
PIP := $(BIN)/python -m pip --disable-pip-version-check install -q --no-deps --require-hashes
EDITABLE := $(BIN)/python -m pip --disable-pip-version-check install -q --no-deps --no-build-isolation -e .
LOCK := uv pip compile -q --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --custom-compile-command 'make lock'

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help run test test-clients nightly faults soak kill-runs check format drill bench bench-backtest docs lock audit clean

help:  ## say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

# `exec` makes the daemon the direct child of make, so that the signals that make passes on reach the daemon itself.
# make answers SIGTERM by sending SIGTERM to its child and waits for it; Ctrl-C reaches the whole group at once.
run: .venv/.installed  ## set up, then run the daemon on its embedded market
	@exec $(BIN)/paperd run $(ARGS)

test: .venv/.installed-dev  ## set up, then run all tests
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

# Later options win: ARGS="--first 10000 --seeds 500" runs others.
nightly: .venv/.installed  ## simulate 10,000 seeds with faults (ARGS="--first 10000" for others)
	@nice -n 10 $(BIN)/paperd simulate --seeds 10000 $(ARGS)

# Each client library in a venv of its own; the gateway they talk to is the paperd in .venv.
test-clients: .venv/.installed-dev .venv-ib_async/.installed .venv-ibapi/.installed  ## tell one story with three clients
	@$(BIN)/python -m pytest tests/clients $(ARGS)
	@for venv in .venv-ib_async .venv-ibapi; do \
		echo "with $$venv"; \
		TEST_PAPERD="$(CURDIR)/$(BIN)/paperd" $$venv/bin/python -m pytest --confcutdir=tests/clients tests/clients $(ARGS) || exit 1; \
	done

kill-runs: .venv/.installed-dev  ## kill the real daemon at its journal's system calls and at random moments
	@$(BIN)/python -m tests.reliability $(ARGS)

check: .venv/.installed-dev  ## format, lint, types, import contract, dead code, security
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@echo vulture
	@out=$$($(BIN)/vulture) || [ $$? -eq 3 ] || exit 1; \
	if echo "$$out" | grep -vE "^$$|unused (variable|attribute) .*\(60% confidence\)"; then exit 1; fi
	$(BIN)/bandit -q -c pyproject.toml -r daemon
	@if command -v systemd-analyze >/dev/null; then \
		echo systemd-analyze security; \
		systemd-analyze security --offline=true --threshold=15 --no-pager systemd/paperd.service | tail -n 1; \
		systemd-analyze security --offline=true --threshold=15 --no-pager systemd/paperd.service >/dev/null; \
	else echo "systemd-analyze is not here: the unit is not scored"; fi

format: .venv/.installed-dev  ## bring the code into form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

faults: .venv/.installed-dev  ## cut the connection at every single byte of the messages about orders
	@TEST_EVERY_OFFSET=1 $(BIN)/python -m pytest tests/component/daemon/test_link_faults.py -n 2 $(ARGS)

soak: .venv/.installed-dev  ## a month of market in one process, the gateway restarted every night: memory and files stay flat
	@$(BIN)/python -m tests.benchmarks.soak $(ARGS)

drill: .venv/.installed  ## let each fault of the matrix happen once; fails where something did not hold
	@$(BIN)/paperd drill --all $(ARGS)

bench: .venv/.installed-dev  ## measure the bar path and the order path
	@$(BIN)/python -m tests.benchmarks $(ARGS)

bench-backtest: .venv/.installed-dev  ## compare trades and speed with other backtesters (each in .venv-peers)
	@$(BIN)/python -m tests.benchmarks.backtest_peers $(ARGS)

docs: .venv/.installed-dev  ## write docs/reference anew
	@$(BIN)/python docs/generate.py

audit: .venv/.installed-dev  ## look for known faults in what is locked
	$(BIN)/pip-audit --require-hashes --disable-pip -r requirements/base.txt

lock: .venv/.installed-dev  ## resolve the dependencies anew (PyPI only); add ARGS=--upgrade for newer ones
	test -x .venv-lock/bin/uv || { $(BIN)/python -m venv .venv-lock && .venv-lock/bin/pip install -q uv; }
	.venv-lock/bin/$(LOCK) $(ARGS) requirements/build.in -o requirements/build.txt
	.venv-lock/bin/$(LOCK) $(ARGS) pyproject.toml -c requirements/build.txt -o requirements/base.txt
	.venv-lock/bin/$(LOCK) $(ARGS) --extra dev pyproject.toml -c requirements/build.txt -c requirements/base.txt -o requirements/dev.txt
	.venv-lock/bin/$(LOCK) $(ARGS) requirements/ib_async.in -o requirements/ib_async.txt
	.venv-lock/bin/$(LOCK) $(ARGS) requirements/ibapi.in -o requirements/ibapi.txt

clean:  ## remove what was installed, built and cached; state directories stay
	rm -rf .venv .venv-ib_async .venv-ibapi .venv-lock build dist .coverage .coverage.* htmlcov
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find daemon tests docs -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up: each stamp file is touched when its step is complete, so that the next time costs nothing ---------------

# The first Python that starts, is new enough and can make a venv; PYTHON=/path/to/python decides otherwise.
.venv/.created:
	@for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.14 python); do \
		if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
			echo "Creating .venv with $$($$python --version)"; \
			$$python -m venv --clear .venv && touch $@ && exit 0; \
			exit 1; \
		fi; \
	done; \
	echo "paperd needs Python 3.11 or newer with its venv module, and found none." >&2; \
	echo "python3 here: $$(command -v python3 || echo none) $$(python3 --version 2>/dev/null)" >&2; \
	echo "On Debian or Ubuntu: apt-get install python3 python3-venv. Elsewhere: name one with make PYTHON=/path/to/python3.11" >&2; \
	exit 1

.venv/.installed: .venv/.created requirements/base.txt requirements/build.txt pyproject.toml
	@echo "Installing what is locked into .venv (once, about a minute)"
	@$(PIP) -r requirements/build.txt -r requirements/base.txt
	@$(EDITABLE)
	@touch $@

.venv/.installed-dev: .venv/.created requirements/base.txt requirements/build.txt requirements/dev.txt pyproject.toml
	@echo "Installing what is locked into .venv, development tools included (once, about a minute)"
	@$(PIP) -r requirements/build.txt -r requirements/dev.txt
	@$(EDITABLE)
	@touch .venv/.installed $@

.venv-ib_async/.installed .venv-ibapi/.installed: .venv-%/.installed: .venv/.created requirements/%.txt
	@echo "Installing $* into $(@D)"
	@$(BIN)/python -m venv --clear $(@D)
	@$(@D)/bin/python -m pip --disable-pip-version-check install -q --no-deps --require-hashes -r requirements/$*.txt
	@touch $@

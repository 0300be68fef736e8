# Every target makes what it needs: `make run` and `make test` work in a fresh clone on a bare Debian or Ubuntu.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
export PYTHONPATH := $(CURDIR):$(CURDIR)/gc
# Where engines' programs, a Go that was installed by hand, and the Go of setup/go.py are.
GO_CACHE := $(or $(PODWRIGHT_CACHE),$(HOME)/.cache/podwright)/go
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin:/usr/local/go/bin:$(GO_CACHE)/bin

.DEFAULT_GOAL := help
.PHONY: help venv run cluster cluster-down test test-failed test-unit test-node test-cluster lint types contracts generate \
	generate-check fuzz bench shimbench streambench builds budgets soak conformance critest host-run host-test clean

help:
	@echo "make run           run the example pods on this machine: engine, network, dockershim and kubelet by themselves"
	@echo "make test          everything: unit, node and cluster tests"
	@echo "make cluster       a real control plane on this machine with this node in it; make cluster-down removes it"
	@echo "make budgets       start-up time and memory of the agents, as SPEC.md promises them"
	@echo "make bench         side by side with the upstream kubelet on containerd; writes SPEC.md"
	@echo "make streambench   exec, logs, port-forward and cp beside the upstream kubelet on containerd; writes SPEC.md"
	@echo "make shimbench     the dockershim's verbs, memory and logs beside the bare engine; writes SPEC.md"
	@echo "make fuzz          what strangers can send, against parsers and server; FUZZ_SECONDS=60 or FUZZ_INPUTS=200000 for each target"
	@echo "make conformance   upstream's node suite on this node; FOCUS='...' selects specs"
	@echo "make soak          random churn on a real node, and then no trace; SOAK='--minutes 30 --seed 7' says how"
	@echo "make critest       upstream's suite for CRI on our dockershim; SIDE=20.10 selects the engine, FOCUS='...' specs"
	@echo "make lint types contracts generate-check    the other checks of CI"

host-run:
	@setup/host.sh run

host-test:
	@setup/host.sh test

$(STAMP): requirements.lock pyproject.toml dockershim/pause/pause.c dockershim/pause/build_hook.py
	@echo "setup: virtual environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit("setup: Python 3.11 or newer is needed, this is " + sys.version) if sys.version_info < (3, 11) else 0'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@# Compiled once: what every start would compile anew where Python may not write bytecode costs time and memory.
	@$(BIN)/python -m compileall -q cri dockershim kubelet pleg probes gc
	@touch $@

venv: host-run $(STAMP)

run: venv
	@$(BIN)/podwright run examples

builds: host-test $(STAMP)
	@$(BIN)/python -m conformance.builds

cluster: host-test $(STAMP)
	@$(BIN)/python -m conformance.cluster up

cluster-down: $(STAMP)
	@$(BIN)/python -m conformance.cluster down

# Two workers: while one waits for an engine the other waits for a control plane (tests/conftest.py says what stays together).
PARALLEL := -n 2

test: builds
	@$(BIN)/python -m pytest tests/unit tests/node tests/cluster $(PARALLEL) $(PYTEST_ARGS)

test-failed: builds
	@$(BIN)/python -m pytest tests/unit tests/node tests/cluster --last-failed --last-failed-no-failures=none $(PYTEST_ARGS)

test-unit: $(STAMP)
	@$(BIN)/python -m pytest tests/unit $(PARALLEL) $(PYTEST_ARGS)

test-node: host-test $(STAMP)
	@$(BIN)/python -m pytest tests/node $(PYTEST_ARGS)

test-cluster: builds
	@$(BIN)/python -m pytest tests/cluster $(PYTEST_ARGS)

lint: $(STAMP)
	@$(BIN)/ruff check .

types: $(STAMP)
	@$(BIN)/mypy

contracts: $(STAMP)
	@$(BIN)/lint-imports --no-cache

generate: $(STAMP)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m generate.protocols
	@$(BIN)/python -m generate.api_types

generate-check: $(STAMP)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m generate.check

budgets: host-test $(STAMP)
	@$(BIN)/python -m conformance.budgets

bench: builds
	@$(BIN)/python -m conformance.bench

FUZZ_SECONDS ?= 60
FUZZ_INPUTS ?= 0
FUZZER := $(VENV)/.fuzzer

$(FUZZER): $(STAMP) requirements-fuzz.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-fuzz.lock
	@touch $@

fuzz: $(FUZZER)
	@$(BIN)/python -m conformance.fuzz --seconds $(FUZZ_SECONDS) --inputs $(FUZZ_INPUTS)

shimbench: builds
	@$(BIN)/python -m conformance.shimbench

streambench: builds
	@$(BIN)/python -m conformance.streambench

soak: builds
	@$(BIN)/python -m conformance.soak $(SOAK)

# make conformance FOCUS='Probing container': upstream's node suite; a regular expression of spec names.
conformance: host-test $(STAMP)
	@$(BIN)/python -m conformance.node_e2e run $(if $(FOCUS),--focus '$(FOCUS)')

# make critest SIDE=20.10 FOCUS=Streaming: upstream's validation suite of CRI; a regular expression of spec names.
critest: host-test $(STAMP)
	@$(BIN)/python -m conformance.critest run $(if $(SIDE),--side $(SIDE)) $(if $(FOCUS),--focus '$(FOCUS)')

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

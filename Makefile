# make help says what there is. All state lies in git-ignored folders: target/, .demo/, .test/.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CARGO_TARGET_DIR ?= $(CURDIR)/target
export CARGO_TARGET_DIR
BIN := $(CARGO_TARGET_DIR)/ci
PROFILE := --profile ci --locked
# Always the same selection: programs alone have other features than programs and tests, and would build anew.
BUILD := cargo build $(PROFILE) --workspace --all-targets
# Tests that need no server. Always the whole workspace: a selection of crates has other features and builds anew.
PURE := --lib --test golden --test suite --test laws --test scenarios --test tars --test wheels

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: build
build: ## every program, one build for tests and demo
	$(BUILD)

.PHONY: install
install: ## system packages that tests and demo need; says so before
	sh deploy/local/install.sh

# Line of Airflow: 3.3 or 2.11.
AIRFLOW ?= 3.3

.PHONY: demo
demo: install build ## the main job on real Airflow, ends with a verdict; AIRFLOW=2.11, KEEP=1 leaves it running
	$(BIN)/updraft-local --airflow $(AIRFLOW) demo

.PHONY: demo-down
demo-down: ## end exactly what the demo started
	$(BIN)/updraft-local down

.PHONY: house
house: ## format, lints, dependency direction, generated files
	cargo fmt --all --check
	cargo clippy $(PROFILE) --workspace --all-targets -- -D warnings
	$(BUILD) --quiet
	$(BIN)/xtask tidy
	$(BIN)/xtask generate --check

.PHONY: check
check: house ## house rules and pure tests; before every commit
	cargo test --quiet $(PROFILE) --workspace $(PURE)

.PHONY: test
test: install ## the proof: every test, with real Redis, PostgreSQL, S3, git and Airflow
	deploy/local/test.sh

.PHONY: soak
soak: install build ## long proofs and figures; their output is kept in benches/results
	benches/run.sh

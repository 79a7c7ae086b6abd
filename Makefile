# Hither: `make run` to try it, `make test` for everything that must hold.
# Both set up what they need: the Rust toolchain is all that must be there.

SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
WASM_TARGET := wasm32-unknown-unknown
PLUGINS := tenant-router headers ab-split cache-rules jwt jwt-jwks maintenance quota rewrite
# To try things with: the Rust template, and a component that answers by itself.
EXAMPLES := hello hello-http

.PHONY: help setup plugins build run test test-languages lint bench fmt clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## Install what the build needs (cmake, the wasm target)
	@.ci/setup

plugins: setup ## Build the shipped plugins and the example component into target/plugins
	@$(CARGO) build --locked --profile plugin --target $(WASM_TARGET) --target-dir target/wasm $(addprefix -p ,$(PLUGINS) $(EXAMPLES))
	mkdir -p target/plugins
	for plugin in $(PLUGINS) $(EXAMPLES); do
		cp "target/wasm/$(WASM_TARGET)/plugin/$${plugin//-/_}.wasm" "target/plugins/$$plugin.wasm"
	done

build: plugins ## Build the release binary and the shipped plugins
	@$(CARGO) build --locked --release -p hither --bin hither

run: build ## Start examples/quickstart.toml and print what to try
	@.ci/quickstart target/release/hither examples/quickstart.toml

fmt: ## Format everything
	@$(CARGO) fmt --all

lint: setup ## Formatting and lints
	@$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets --features hither/languages -- -D warnings

test: lint ## Formatting, lints, the whole suite, doc tests
	@if $(CARGO) nextest --version >/dev/null 2>&1; then
		$(CARGO) nextest run --locked --workspace
	else
		$(CARGO) test --locked --workspace --lib --bins --tests
	fi
	# The interleavings are the balancer's sources again, whose examples name the balancer.
	$(CARGO) test --locked --workspace --exclude hither-balance-interleavings --doc

test-languages: setup ## Plugins in five languages, built from source and run by the proxy
	@PATH="$$(.ci/languages target/tools):$$PATH"
	if $(CARGO) nextest --version >/dev/null 2>&1; then
		$(CARGO) nextest run --locked -p hither --features languages --test languages
	else
		$(CARGO) test --locked -p hither --features languages --test languages
	fi

bench: ## CPU per request against bare Pingora and, where installed, nginx and Envoy
	@tests/load/run

clean: ## Remove what was built
	@$(CARGO) clean

# `make` lists the targets. `make demo` and `make test` need only Node.js 20.19 or later: on Debian
# they name and install missing packages.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

VMBUILD := node dist/bin/vmbuild.js

# Template that `make build` builds; its accelerator: kvm, tcg, or auto (default: that of the
# template); and the folder of the image (default: output/NAME).
NAME ?= slm-copilot
ACCEL ?=
OUTPUT_DIR ?=
# `make test ENDPOINT=https://10.0.0.1 PASSWORD=…` tests a deployed instance of NAME (default:
# SLM-Copilot). The password is passed in the environment, without expansion of `$` and quotes.
ENDPOINT ?=
PASSWORD ?=
test: export VMBUILD_ENDPOINT := $(value ENDPOINT)
test: export VMBUILD_PASSWORD := $(value PASSWORD)
# Test projects to run, and other versions of Node.js to run them on.
PROJECTS ?= unit integration system e2e package
NODES ?= 22 24
# Rounds and parts of the benchmark; see bench/README.md.
ROUNDS ?= 3
ONLY ?=

.PHONY: help
help: ## List the targets
	@echo 'usage: make TARGET'
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name what; do printf '  %-12s %s\n' "$$name" "$$what"; done

.PHONY: build
build: ## Build the image of NAME, slm-copilot unless given: make build NAME=demo
	@scripts/setup build packages
	@$(MAKE) --no-print-directory dist/bin/vmbuild.js
	$(VMBUILD) run '$(NAME)'$(if $(ACCEL), --accel $(ACCEL))$(if $(OUTPUT_DIR), --output '$(OUTPUT_DIR)')

.PHONY: compile
compile: dist/bin/vmbuild.js ## Compile vmbuild only

.PHONY: demo
demo: ## Set up this host, build the demo image and print how to use it
	@scripts/setup build packages
	@$(MAKE) --no-print-directory dist/bin/vmbuild.js
	@scripts/demo $(or $(ACCEL),auto)

.PHONY: test
test: ## Run every test (PROJECTS='unit' for some); with ENDPOINT= PASSWORD= test an instance
ifneq ($(value ENDPOINT),)
	@[[ -n $$VMBUILD_PASSWORD ]] || { echo 'make test ENDPOINT=https://10.0.0.1 PASSWORD=…: PASSWORD is missing' >&2; exit 2; }
	@$(MAKE) --no-print-directory dist/bin/vmbuild.js
	@$(VMBUILD) verify '$(NAME)' --endpoint "$$VMBUILD_ENDPOINT" --password-env VMBUILD_PASSWORD --insecure
else
	@scripts/setup build test packages
	@$(MAKE) --no-print-directory dist/bin/vmbuild.js
	@node scripts/test.js $(PROJECTS)
endif

.PHONY: test-quick
test-quick: ## Run lint, the unit and integration tests, and a build of the demo, before a commit
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory test PROJECTS='unit integration' ENDPOINT=
	$(VMBUILD) run demo --accel $(or $(ACCEL),auto) --force

.PHONY: test-nodes
test-nodes: ## Run the unit and integration tests on other versions of Node.js: NODES='22 24'
	@scripts/setup build test packages
	@$(MAKE) --no-print-directory dist/bin/vmbuild.js
	@for node in $(NODES); do npx --yes --package=node@$$node node scripts/test.js unit integration || exit; done

.PHONY: lint
lint: ## Check format, types, lint rules, unused code, the package, and shell scripts
	@scripts/setup lint packages
	@$(MAKE) --no-print-directory dist/bin/vmbuild.js
	@scripts/lint

.PHONY: bench
bench: ## Set up this host, then compare vmbuild with Packer and virt-customize (ROUNDS=1: quick)
	@scripts/setup build bench packages
	@$(MAKE) --no-print-directory .bench/main.js
	@ROUNDS='$(ROUNDS)' ONLY='$(ONLY)' ACCEL='$(ACCEL)' node .bench/main.js

.PHONY: checksum
checksum: ## Verify the checksums of the images under output/, and create missing ones
	@scripts/checksum

.PHONY: clean
clean: ## Remove compiled files and the images under output/, but not the caches
	rm -rf dist .bench output

# Compiles from scratch, so that no output of a deleted source file remains. Folders count as
# sources, because they change when a file is deleted.
dist/bin/vmbuild.js: $(shell find src) tsconfig.json tsconfig.build.json scripts/bundle.js package.json package-lock.json
	@scripts/setup packages
	@rm -rf dist
	npm run --silent build

.bench/main.js: $(wildcard bench/*.ts bench/tsconfig.json) dist/bin/vmbuild.js
	@rm -rf .bench
	node_modules/.bin/tsc -p bench/tsconfig.json

# The two commands of the README are `make lab` and `make test`; `make help` lists all.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev setup-lab setup-tests requirements bundle lab lab-down test test-long lint unit sanity molecule bench scale \
  soak docs clean

PYTHON := .venv/bin/python
SCENARIO ?= cluster
CYCLES ?= 20

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install Ansible in .venv, for the playbooks: any Unix, no root
	@tools/setup

setup-dev: ## Install the development tools as well: any Unix, no root
	@tools/setup dev

setup-lab: ## Install the requirements of lab and bundle: Debian, root, Go
	@tools/setup lab

setup-tests: ## Install the requirements of the tests as well
	@tools/setup tests

requirements: ## Write the pinned Python packages with their hashes
	@tools/requirements

bundle: setup-lab ## Compile the bundle: once, then it is kept
	@$(PYTHON) -m bundle build

lab: setup-lab ## Create four hosts in containers and install a cluster on them
	@$(PYTHON) tools/lab.py up

lab-down: ## Remove the lab's hosts and network; the bundle stays
	@$(PYTHON) tools/lab.py down

test: setup-tests ## Run all tests, from lint to real clusters
	@$(PYTHON) tools/check.py

test-long: setup-tests ## Run the tests that take too long for make test
	@$(PYTHON) tools/check.py --long

lint: setup-dev ## Run ruff, mypy, ansible-lint, checks of documentation and argument specs
	@$(PYTHON) tools/check.py lint

unit: setup-tests ## Run the unit tests, without hosts
	@$(PYTHON) tools/check.py unit

sanity: setup-dev ## Run ansible-test sanity
	@$(PYTHON) tools/check.py sanity

molecule: setup-tests ## Run one scenario on hosts in containers: make molecule SCENARIO=cluster
	@$(PYTHON) tools/check.py molecule --scenario $(SCENARIO)

bench: setup-tests ## Compare the playbooks with a script, measure a class, print the table
	@$(PYTHON) -m benchmarks

scale: setup-tests ## Measure the controller's load by a class, by hosts and forks
	@$(PYTHON) -m benchmarks.scale

soak: setup-lab ## Repeat reset, audit and installation: make soak CYCLES=20
	@$(PYTHON) -m benchmarks.soak --cycles $(CYCLES)

docs: setup-dev ## Write CHANGELOG.md, and the reference of modules and role variables
	@$(PYTHON) tools/reference.py

clean: lab-down ## Remove the lab's hosts, the cache and the Python environment
	@for place in . .cache/places/2; do [ ! -d $$place/testbed ] || $(PYTHON) $$place/testbed/cli.py down --set molecule; done
	rm -rf .cache .venv bin build

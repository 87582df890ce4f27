# The two commands of the README are `make lab` and `make test`; `make help` lists all.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev setup-lab setup-tests requirements bundle lab lab-down test test-long lint unit sanity molecule bench scale \
  soak docs clean

PYTHON := .venv/bin/python
SCENARIO ?= cluster
CYCLES ?= 20

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Ansible in .venv, for the playbooks: any Unix, no root
	@tools/setup

setup-dev: ## The same with the development tools: any Unix, no root
	@tools/setup dev

setup-lab: ## And what the lab and a compiled bundle need: Debian, root, Go
	@tools/setup lab

setup-tests: ## And what only the tests need
	@tools/setup tests

requirements: ## Write the pinned Python packages with their hashes
	@tools/requirements

bundle: setup-lab ## What a cluster is made of: compiled once, then kept
	@$(PYTHON) -m bundle build

lab: setup-lab ## Four machines and a cluster on them
	@$(PYTHON) tools/lab.py up

lab-down: ## Remove the lab's machines and network; the bundle stays
	@$(PYTHON) tools/lab.py down

test: setup-tests ## Everything that proves the project right
	@$(PYTHON) tools/check.py

test-long: setup-tests ## What does not fit into make test
	@$(PYTHON) tools/check.py --long

lint: setup-dev ## ruff, mypy, ansible-lint, documentation and argument specs
	@$(PYTHON) tools/check.py lint

unit: setup-tests ## Unit tests, no machines
	@$(PYTHON) tools/check.py unit

sanity: setup-dev ## ansible-test sanity
	@$(PYTHON) tools/check.py sanity

molecule: setup-tests ## One scenario on real machines: make molecule SCENARIO=cluster
	@$(PYTHON) tools/check.py molecule --scenario $(SCENARIO)

bench: setup-tests ## The playbooks beside scripts by hand, on the same machines
	@$(PYTHON) benchmarks/install.py

scale: setup-tests ## What a class costs its controller, by machines and forks
	@$(PYTHON) benchmarks/scale.py

soak: setup-lab ## Reset and install again and again: make soak CYCLES=20
	@$(PYTHON) benchmarks/soak.py --cycles $(CYCLES)

docs: setup-dev ## Write the module reference again
	@$(PYTHON) tools/reference.py

clean: lab-down ## Remove the machines, the cache and the Python environment
	@for place in . .cache/places/2; do [ ! -d $$place/testbed ] || $(PYTHON) $$place/testbed/cli.py down --set molecule; done
	rm -rf .cache .venv bin build

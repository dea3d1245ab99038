# foretell: everything a person or a build machine does with a checkout. `make` alone lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# Debian keeps the broker where an ordinary user's PATH does not look.
export PATH := $(PATH):/usr/sbin:/sbin

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST_ARGS ?= -n auto --dist loadgroup

RUNTIME := $(VENV)/.stamp-runtime
DEV := $(VENV)/.stamp-dev
FORETELL := $(VENV)/.stamp-foretell

# What the tests drive: a real broker, promtool, a browser (whose driver wants libatomic) and letters for it to
# draw, certificates, systemd's own checks of the unit.
OS_PACKAGES := mosquitto mosquitto-clients prometheus chromium fonts-noto-cjk libatomic1 openssl systemd

##@ Use

.PHONY: help
help: ## this list
	@awk 'BEGIN { FS = ":.*## "; print "usage: make <target>" } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: $(FORETELL) ## make .venv with foretell in it

.PHONY: demo
demo: setup ## show foretell at work on a small estate; needs nothing else and no root
	$(BIN)/foretell demo

##@ Develop

.PHONY: test
test: os-packages $(DEV) setup ## everything: system packages, lint, tests, the shipped rules
	$(MAKE) lint
	$(BIN)/python -m pytest $(PYTEST_ARGS)
	$(MAKE) check

.PHONY: lint
lint: $(DEV) setup ## ruff, mypy and the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

.PHONY: format
format: $(DEV) ## put the code into its shape
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

.PHONY: check
check: setup ## read the shipped rules and sensors as the daemon would, and run the rules' own tests
	$(BIN)/foretell check
	$(BIN)/foretell test

.PHONY: pictures
pictures: setup ## draw the handbook's pictures and lists anew from the rules and conditions
	$(BIN)/python docs/pictures.py
	$(BIN)/python docs/library.py

.PHONY: bench
bench: $(DEV) setup ## run the benchmarks
	$(BIN)/python -m bench

.PHONY: lock
lock: $(BIN)/python ## renew the locks (UPGRADE=--upgrade takes newer releases)
	$(PIP) install uv
	$(call compile,requirements.lock,)
	$(call compile,requirements-dev.lock,--group dev --constraints requirements.lock)

compile = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command 'make lock' \
	$(UPGRADE) pyproject.toml --extra demo --group build $(2) --output-file $(1)

.PHONY: clean
clean: ## forget everything that was made here
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The steps, each done once and again when what it stands on changes.

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'foretell needs Python 3.11 or newer; name one with: make PYTHON=python3.11 …' \
	    '/ foretell 需要 Python 3.11 或更新版本,可用 make PYTHON=python3.11 … 指定' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && $(call apt-install,python3-venv); } || { \
	  echo 'Python cannot make a virtual environment yet; first run: sudo apt install python3-venv' \
	    '/ 缺少 Python 虚拟环境组件,请先运行: sudo apt install python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements.lock | $(BIN)/python
	$(PIP) install --require-hashes -r requirements.lock
	@touch $@

$(DEV): requirements-dev.lock | $(RUNTIME)
	$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

$(FORETELL): pyproject.toml $(RUNTIME)
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# Asks for what is missing only. A machine where we may not install is told what to install, and goes on.
.PHONY: os-packages
os-packages:
	@command -v dpkg-query >/dev/null || { echo 'not a Debian system: the tests need $(OS_PACKAGES)'; exit 0; }; \
	missing=(); \
	for package in $(OS_PACKAGES); do \
	  [ "$$(dpkg-query -W -f '$${db:Status-Status}' $$package 2>/dev/null)" = installed ] || missing+=($$package); \
	done; \
	[ $${#missing[@]} -gt 0 ] || exit 0; \
	if [ "$$(id -u)" = 0 ]; then sudo=; \
	elif sudo -n true 2>/dev/null; then sudo='sudo -n'; \
	else echo "some tests need: sudo apt install --no-install-recommends $${missing[*]}"; exit 0; fi; \
	$(call apt-install,$${missing[*]})

# Installs without starting: a freshly unpacked broker must not sit on port 1883, now or after a reboot.
define apt-install
{ echo "installing $(1)"; \
  guard=/usr/sbin/policy-rc.d; \
  if [ ! -e $$guard ]; then \
    trap "$${sudo:-} rm -f $$guard" EXIT; \
    printf '#!/bin/sh\nexit 101\n' | $${sudo:-} install -m 755 /dev/stdin $$guard; \
  fi; \
  $${sudo:-} apt-get -qq update && \
  $${sudo:-} env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq install --yes --no-install-recommends $(1) >/dev/null && \
  for service in mosquitto prometheus; do \
    case " $(1) " in *" $$service "*) $${sudo:-} systemctl disable --quiet $$service 2>/dev/null || true;; esac; \
  done; }
endef

# Everything that is done with Doorstep starts here: `make help` lists it.
# Assumed: make, a POSIX shell and Python 3.11 to 3.14. Each target sets up what it needs by itself.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# `make test PYTHON=python3.13` keeps that Python's environment beside the usual one.
ifdef PYTHON
VENV ?= .venv-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
endif
VENV ?= .venv
BIN := $(VENV)/bin
PACKAGES := doorstep aggregators estimators services simulator commands
# Each has a bento and locked requirements of its own.
SERVICES := events etp courier_travel wall_eta eta

# What walks through every kernel, quickly enough to do so uncompiled too.
KERNEL_TESTS := $(addprefix tests/aggregators/test_, boundaries.py needed_samples.py window_sizes.py several_sources.py) \
	tests/aggregators/kernels/exact tests/aggregators/kernels/sliding \
	tests/aggregators/engine/serving/test_kept_windows.py \
	$(addprefix tests/estimators/quantiles/test_, calibration_kernels.py compiled_trees.py tree_contributions.py) \
	tests/estimators/eta/test_composition.py tests/simulator/engine/test_engine.py

# How many processes share the tests: one more than there are cores (conftest.py says why).
WORKERS ?= logical
PYTEST_SHARED = $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

export BENTOML_DO_NOT_TRACK := True
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Once uv is there, which requirements/install.sh sees to.
INSTALL_DOORSTEP := $(BIN)/uv pip install --quiet --python $(BIN)/python \
	--no-deps --no-build-isolation --editable .
# Resolves for every platform and Python at once.
UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" $(LOCK_ARGS)

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: $(VENV)/.runtime ## a simulated city: train, serve, three callers live beside the truth, in two minutes (no data needed)
	$(BIN)/doorstep demo

.PHONY: test
test: lint redis-server ## everything that must hold: lint, types, tests, doctests, coverage
	@$(MAKE) --no-print-directory --jobs 2 typecheck kernels
	@echo "Everything:"
	$(PYTEST_SHARED) --cov --cov-append --cov-report=term --cov-fail-under=95

# Python cannot trace compiled code. Then they are compiled once, for all processes that run tests.
.PHONY: kernels
kernels: $(VENV)/.dev # the kernels as plain Python, so that coverage sees their lines
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest --quiet -W "ignore:overflow encountered:RuntimeWarning" \
		--cov --cov-report= $(KERNEL_TESTS)
	$(BIN)/python -m tests.compile_kernels

.PHONY: soak
soak: $(VENV)/.dev redis-server ## what takes long by nature, before a release: docs/soak.md has the last result
	$(BIN)/python -m tests.soak

.PHONY: redis-server
redis-server:
	@sh requirements/install_redis_server.sh

.PHONY: lint
lint: $(VENV)/.dev ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: typecheck
typecheck: $(VENV)/.dev ## mypy, strict
	$(BIN)/mypy

.PHONY: format
format: $(VENV)/.dev ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: generate
generate: $(VENV)/.dev ## write what is generated: blocking clients, tables of settings, pictures of rooms
	$(BIN)/python -m tests.services.client.generation
	$(BIN)/python -m tests.services.core.settings.docs_tables
	$(BIN)/python -m tests.rooms_page

.PHONY: benchmark
benchmark: $(VENV)/.dev ## every figure of benchmarks/README.md on this commit; goes on where it was
	$(BIN)/python -m benchmarks.run --all

.PHONY: benchmark-quick
benchmark-quick: $(VENV)/.dev ## a subset in three minutes, beside the published figures
	$(BIN)/python -m benchmarks.quick --no-save

.PHONY: wheel
wheel: $(VENV)/.dev ## build the wheel, with kernels compiled for this Python (PYTHON=python3.13: another's stay in it)
	$(BIN)/python -m services.bento.shipped_kernels --to build/wheel
	$(BIN)/uv build --wheel --no-build-isolation --python $(BIN)/python --out-dir dist .

.PHONY: bento
bento: $(VENV)/.dev ## build the bentos of all services (SERVICE=eta: of one), with the newest models that were saved
	$(BIN)/python -m deploy.bentos $(SERVICE)

.PHONY: pin-images
pin-images: $(VENV)/.dev ## write the digests of the images that come from elsewhere (asks their registry: docker or skopeo)
	$(BIN)/python -m deploy.pin_images

.PHONY: setup
setup: $(VENV)/.dev ## the environment for development, and the git hooks
	if [ -d .git ]; then $(BIN)/pre-commit install; fi

.PHONY: lock
lock: | $(BIN)/uv ## resolve the dependencies anew where pyproject.toml asks for it (LOCK_ARGS=--upgrade: all of them)
	$(UV_COMPILE) requirements/uv.in -o requirements/uv.lock
	$(UV_COMPILE) requirements/build.in -o requirements/build.lock
	$(UV_COMPILE) pyproject.toml --extra redis -o requirements/runtime.lock
	for service in $(SERVICES); do \
		$(UV_COMPILE) requirements/$$service.in --constraint requirements/runtime.lock \
			-o requirements/$$service.lock || exit 1; \
	done
	$(UV_COMPILE) pyproject.toml requirements/build.in --extra dev --constraint requirements/runtime.lock \
		--constraint requirements/build.lock --constraint requirements/uv.lock -o requirements/dev.lock

.PHONY: clean
clean: ## remove the environments, caches and what was built
	rm -rf .venv .venv-* .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info
	find $(PACKAGES) tests benchmarks deploy -name __pycache__ -type d -prune -exec rm -rf {} +

# --- environments -----------------------------------------------------------------------------
# A stamp says which lock was installed; it is installed again only when the lock or pyproject.toml is newer.

$(VENV)/.runtime: requirements/runtime.lock requirements/build.lock requirements/uv.lock pyproject.toml | $(BIN)/python
	@echo "Installing Doorstep into $(VENV) (a minute or two, once) ..."
	@rm -f $(VENV)/.dev # its tools are removed
	@sh requirements/install.sh $(VENV) runtime build
	$(INSTALL_DOORSTEP)
	@$(BIN)/python requirements/check_libraries.py
	@touch $@

$(VENV)/.dev: requirements/dev.lock requirements/uv.lock pyproject.toml | $(BIN)/python
	@echo "Installing Doorstep and its development tools into $(VENV) (a minute or two, once) ..."
	@sh requirements/install.sh $(VENV) dev
	$(INSTALL_DOORSTEP)
	@$(BIN)/python requirements/check_libraries.py
	@touch $@ $(VENV)/.runtime

$(BIN)/python:
	@sh requirements/make_environment.sh $(VENV)

$(BIN)/uv: | $(BIN)/python
	@sh requirements/install.sh $(VENV) build

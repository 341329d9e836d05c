# Everything a person or CI runs. `make help` lists it.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
TESTED := .venv/.ready-for-tests

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

$(READY): requirements.lock pyproject.toml scripts/setup
	./scripts/setup $(PYTHON)
	@touch $@

$(TESTED): $(READY)
	./scripts/setup $(PYTHON) dockerd:docker.io chromium:chromium pg_ctlcluster:postgresql \
		riscv64-unknown-elf-as:binutils-riscv64-unknown-elf \
		clang-19:clang-19 riscv64-linux-gnu-gcc:gcc-riscv64-linux-gnu \
		aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu qemu-riscv64:qemu-user
	$(BIN)/qimeng models pull
	@touch $@

demo: $(READY)  ## words in, verified Verilog out, on the embedded model
	./scripts/demo

serve: $(READY)  ## the web page: runs, traces, chat
	$(BIN)/qimeng serve

check: $(READY)  ## ruff, mypy --strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(TESTED)  ## all tests, with real simulators, sandboxes and the embedded model
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

bench: $(READY)  ## the product's own overhead and the engines' speed, as ratios within one run
	$(BIN)/python -m evals.bench

.PHONY: help demo serve check test bench

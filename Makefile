# The two that everybody needs: `make bench` (the benchmarks, on this machine) and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: bench test lint perf clean

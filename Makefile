# The two that everybody needs: `make bench` (the benchmarks, on this machine) and `make test`.
# PIP_ARGS goes to pip, e.g. PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu".

PYTHON   ?= python3
PIP_ARGS ?=
# Tests wait much of their time, for functions and for each other's processes: make test WORKERS=0
# has one after the other, with its output as it comes.
WORKERS  ?= 2
VENV     := .venv
BIN      := $(VENV)/bin
INSTALL  := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt

.PHONY: bench test lint perf native train-thesis clean

bench: $(VENV)/bench
	$(BIN)/pytest benchmarks/ --benchmark-autosave $(BENCH_ARGS)

test: $(VENV)/test lint
	$(BIN)/pytest -n $(WORKERS) --dist loadfile $(TEST_ARGS)

lint: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

perf: $(VENV)/test $(VENV)/aws-lambda-rie
	AWS_LAMBDA_RIE=$(CURDIR)/$(VENV)/aws-lambda-rie $(BIN)/pytest tests/performance -s $(PERF_ARGS)

# The six classical models on a data set of the thesis' size (35,000 texts): ten minutes and 5 GB,
# once. make train-thesis EMOTION=FILE.csv; then --lambda-dataset emotion=FILE.csv finds them.
CLASSICAL := k-means gaussian-mixture pca logistic-regression svm random-forest
train-thesis: $(VENV)/bench
	$(BIN)/pytest-lambda-ml train --lambda-dataset emotion=$(EMOTION) \
	    --engine reference --engine fast $(CLASSICAL)

# The C loops of the fast engines, for both architectures. The libraries are in the tree, so that
# nobody needs a compiler; a test holds that they are what this makes of the source, byte for byte.
NATIVE := handlers/word-counts
native:
	for machine in x86_64 aarch64; do $(BIN)/python -m ziglang cc -target $$machine-linux-gnu.2.17 \
	    -O3 -Wall -Wextra -Werror -shared -fPIC -ffreestanding -nostdlib -g0 -s \
	    -o $(NATIVE)/word_counts-$$machine.so handlers/word-counts/word_counts.c || exit 1; done

# Packages for AWS by kind and architecture (docs/packages.md); downloads some hundred megabytes.
package-sizes: $(VENV)/test
	PACKAGE_SIZES=1 $(BIN)/pytest tests/performance/test_package_sizes.py -s

clean:
	rm -rf $(VENV) .lambda-ml .benchmarks

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# pip would compile on one core. Some packages carry templates that are no Python: || true.
$(VENV)/bench: $(VENV)/bin/python pyproject.toml constraints.txt
	$(INSTALL) --no-compile -e ".[llm]"
	$(BIN)/python -m compileall -q -j 0 $(VENV)/lib > /dev/null || true
	touch $@

$(VENV)/test: $(VENV)/bench
	$(INSTALL) -e ".[llm,dev]"
	touch $@

# AWS's runtime interface emulator, to measure beside: its binary comes in the wheel of the SAM CLI.
$(VENV)/aws-lambda-rie: $(VENV)/bin/python
	$(BIN)/python -m pip download --quiet --no-deps --dest $(VENV)/rie aws-sam-cli
	cd $(VENV)/rie && ../bin/python -m zipfile -e aws_sam_cli-*.whl .
	cp $(VENV)/rie/samcli/local/rapid/aws-lambda-rie-$$(uname -m | sed s/aarch64/arm64/) $@
	chmod +x $@
	rm -r $(VENV)/rie

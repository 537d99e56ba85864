# Two commands matter: `make demo` and `make test`. Both create the environment first.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# the release that the figures in docs/results.md were measured with; a CPU build is enough: make TORCH=torch test takes another
TORCH  ?= torch==2.13.0
STAMP  := $(VENV)/.installed

.PHONY: demo test test-all lint clean

demo: $(STAMP)
	$(BIN)/sr2tflite run recipes/x3_demo.yaml

test: $(STAMP)
	$(BIN)/pytest -m "not slow"

test-all: $(STAMP)
	$(BIN)/pytest

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(STAMP): pyproject.toml calib_data/MANIFEST.json
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev,onnx2tf]'
	$(BIN)/sr2tflite photographs calib_data
	touch $@

clean:
	rm -rf $(VENV) runs build *.egg-info

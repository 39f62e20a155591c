# Everything happens in a virtual environment, .venv; a folder's files install again only when setup.cfg changes.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# 1800 steps of a network with an eighth of VGG16's channels: 50 s on two cores of an AMD EPYC with Zen 5, 194 s on two
# threads of an Intel Xeon of 2.5 GHz; and the installation.
DEMO_FLAGS ?= --width 0.125 --batch-size 4 --epochs 4 --lr 0.004 --schedule poly --dropout 0 --overwrite
PYTEST_FLAGS ?=
# Two minutes on two cores; the same seed draws the same cases.
FUZZ_CASES ?= 20000
FUZZ_SEED ?= 1411

.PHONY: help demo test docs notebooks oracle fuzz lint gpu bench-gpu test-gpu train-gpu clean

help:
	@echo "make demo       train a small FCN on generated images, on the CPU; results go to runs/demo"
	@echo "make test       run all tests and the examples in the documentation of the functions"
	@echo "make docs       build the site into build/site, with every notebook executed, and check its pages"
	@echo "make notebooks  write every notebook anew, after a change of its .py: the student's edition, and to"
	@echo "                build/notebooks one with answers and one that was executed"
	@echo "make oracle     compare with PyTorch and onnxruntime, live (installs them, about 240 MB)"
	@echo "make fuzz       compare with PyTorch on random cases; FUZZ_CASES=200000 FUZZ_SEED=2 for more and others"
	@echo "make lint       check style, types and who imports whom"
	@echo "make bench-gpu  time FCN-8s on the first GPU, beside a PyTorch with CUDA; CuPy must be installed in .venv"
	@echo "make test-gpu   run the tests that compute on a device there"
	@echo "make train-gpu  train FCN-8s on the CamVid of MINIFCN_CAMVID there; again to continue"
	@echo "make gpu        these three, each at most four minutes"
	@echo "make clean      remove .venv and what the tools left behind"
	@echo
	@echo "Settings: PYTHON=python3.12, PYTEST_FLAGS='-k conv2d', DEMO_FLAGS='--epochs 2 --overwrite'"

demo: $(VENV)/installed
	$(BIN)/minifcn train --data shapes --out runs/demo $(DEMO_FLAGS)

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

docs: $(VENV)/installed-dev $(VENV)/installed-docs
	$(BIN)/python notebooks/build.py --check
	$(BIN)/sphinx-build --fail-on-warning --keep-going --fresh-env --jobs auto --quiet -c docs/site docs build/site
	MINIFCN_SITE=build/site $(BIN)/python -m pytest tests/docs tests/test_notebook_questions.py
	@echo "The site: build/site/index.html"

notebooks: $(VENV)/installed-docs
	$(BIN)/python notebooks/build.py --all build/notebooks

oracle: $(VENV)/installed-dev $(VENV)/installed-oracle
	$(BIN)/python -c "import onnxruntime, torch"
	$(BIN)/python -m pytest -m oracle $(PYTEST_FLAGS)

fuzz: $(VENV)/installed-dev $(VENV)/installed-oracle
	$(BIN)/python -c "import torch"
	$(BIN)/python -m pytest tests/fuzz --fuzz-cases=$(FUZZ_CASES) --fuzz-seed=$(FUZZ_SEED) $(PYTEST_FLAGS)

lint: $(VENV)/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

gpu: $(VENV)/installed-dev
	$(BIN)/python benchmarks/on_a_gpu.py

bench-gpu: $(VENV)/installed-dev
	$(BIN)/python benchmarks/on_a_gpu.py bench

test-gpu: $(VENV)/installed-dev
	$(BIN)/python benchmarks/on_a_gpu.py test

train-gpu: $(VENV)/installed-dev
	$(BIN)/python benchmarks/on_a_gpu.py train

clean:
	rm -rf $(VENV) build docs/notebooks *.egg-info .coverage htmlcov
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find minifcn tests -name __pycache__ -type d -prune -exec rm -r {} +

$(VENV)/installed: setup.cfg pyproject.toml | $(BIN)/pip
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/installed-%: setup.cfg pyproject.toml | $(BIN)/pip
	$(BIN)/pip install --quiet --editable '.[$*]'
	@touch $@ $(VENV)/installed

# pip is the last thing that venv writes: a venv that broke off halfway is made again.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "minifcn needs Python 3.11 or later, and $(PYTHON) is: $$($(PYTHON) --version 2>&1);" \
			"name another one, for example: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

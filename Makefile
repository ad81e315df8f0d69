# make install | make demo | make test | make docs ; everything lives in .venv of this checkout.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PROCESSES ?= 2
# Of DeePMD-kit; make install BACKENDS=tensorflow leaves PyTorch's out.
BACKENDS ?= tensorflow pytorch
# make install DEVICE=gpu takes TensorFlow, DeePMD-kit and LAMMPS for NVIDIA GPUs in the place of those for CPUs.
DEVICE ?= cpu
ENGINES := $(if $(filter gpu,$(DEVICE)),gpu,$(if $(filter cpu,$(DEVICE)),engines,$(error DEVICE is $(DEVICE); give cpu or gpu)))
comma := ,
EXTRAS := $(ENGINES),$(if $(filter pytorch,$(BACKENDS)),pytorch$(comma),)teacher,sevennet,docs,dev,bench

.PHONY: install demo test lint docs clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { echo "Python 3.11, 3.12 or 3.13 is needed; try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@echo "Installing into $(VENV): the extras $(EXTRAS), DeePMD-kit with the backends $(BACKENDS) for $(if $(filter gpu,$(DEVICE)),NVIDIA GPUs (CUDA 12),CPUs), and $$(grep '^torch==' constraints.txt)"
	$(PYTHON) -m venv $(VENV)
# The pip that comes with Python 3.11 looks for versions that fit together for many minutes.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[$(EXTRAS)]"
	touch $@

demo: install
	$(BIN)/mlip-interfaces demo --out runs/demo

lint: install
	$(BIN)/ruff format --check src tests benchmarks docs/*.py
	$(BIN)/ruff check src tests benchmarks docs/*.py
	$(BIN)/numpydoc lint $$(find src -name '*.py')
	$(BIN)/mypy
	$(BIN)/lint-imports

# Two processes, for two cores; make test PROCESSES=4 for more. Coverage is cheap from Python 3.12 on.
test: lint
	OMP_NUM_THREADS=1 COVERAGE_CORE=$$($(BIN)/python -c 'import sys; print("sysmon" if sys.version_info >= (3, 12) else "ctrace")') \
	$(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder --cov --durations 20

# The pages, into site/; warnings are errors. The two variables silence advertisements.
docs: install
	NO_MKDOCS_2_WARNING=1 DISABLE_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict --quiet

clean:
	rm -rf $(VENV) build dist site

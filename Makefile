# Every target sets up what it needs: a bare clone, Python 3.11 or newer, a C++20 compiler and make are enough.
.DEFAULT_GOAL := help
.PHONY: help demo test lint types docs bench bench-peers clean

PYTHON ?= python3
bin := .venv/bin

help:  ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: .venv/built  ## build everything and show it: pictures, a report and their data in demo/
	$(bin)/gmix demo --out demo/

test: .venv/built  ## run the tests
	$(bin)/python -m pytest

lint: .venv/installed  ## check style and formatting
	$(bin)/ruff check .
	$(bin)/ruff format --check .

types: .venv/built  ## check types
	$(bin)/mypy

docs: .venv/built  ## build the pages into docs/build/, and run the gallery
	$(bin)/sphinx-build -q -W --keep-going docs docs/build

bench: .venv/built  ## time gmix beside scikit-learn
	$(bin)/python benchmarks/compare.py --peers gmix,sklearn --out build/bench/scikit-learn
	$(bin)/python benchmarks/chart.py build/bench/scikit-learn.json build/bench/scikit-learn.png

# Each peer has an environment of its own; one that does not install is left out of the table.
peers := onedal opencv pomegranate gmmx mlpack
bench-peers: .venv/built $(peers:%=build/peers/%/ready) build/peers/armadillo/climb  ## time gmix beside every peer that installs
	$(bin)/python benchmarks/compare.py --peers gmix,sklearn,onedal,opencv,pomegranate,gmmx,mlpack,mclust,armadillo --out build/bench/peers
	$(bin)/python benchmarks/chart.py build/bench/peers.json build/bench/peers.png

build/peers/%/ready:
	$(PYTHON) -m venv --clear build/peers/$*
	-cd benchmarks && ../build/peers/$*/bin/python -m pip install --disable-pip-version-check --quiet numpy && \
	  ../build/peers/$*/bin/python -c "from peers import PEERS; print(*PEERS['$*'].needs)" | \
	  xargs ../build/peers/$*/bin/python -m pip install --disable-pip-version-check --quiet
	touch $@

build/peers/armadillo/climb: benchmarks/armadillo.cpp
	mkdir -p $(@D)
	-g++ -O3 -march=native -DARMA_NO_DEBUG -o $@ $< -larmadillo

clean:  ## remove whatever make made
	rm -rf .venv build demo dist docs/build docs/gallery docs/sg_execution_times.rst .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/installed: requirements.lock
	$(PYTHON) -m venv --clear .venv || { echo "python3 cannot make a virtual environment; on Debian: apt install python3-venv" >&2; exit 1; }
	$(bin)/python -m pip install --disable-pip-version-check --quiet -r requirements.lock
	touch $@

# Editable: an edit of a Python file is seen at once, an edit of the kernel at the next make.
.venv/built: .venv/installed pyproject.toml CMakeLists.txt $(wildcard native/*) $(wildcard src/gmix/*/__init__.py)
	PATH="$(CURDIR)/$(bin):$$PATH" $(bin)/python -m pip install --disable-pip-version-check --quiet --no-build-isolation --no-deps --editable .
	touch $@

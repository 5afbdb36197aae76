# `make run` does everything and ends with a report; `make test` checks everything. `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help install run paper paper-map navpick options test lint types parity browser damage mutation bench pictures lock clean

help: ## list what make can do here
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

install: $(STAMP) ## create .venv and install what requirements.lock pins

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed, $(PYTHON) is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	@echo "installing what requirements.lock pins into .venv; this takes a few minutes, once"
	$(BIN)/python -m pip install --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

run: $(STAMP) ## run every stage that has changed, then print the table and where the report is
	@llm4teach check
	@dvc repro
	@llm4teach summary

paper: run ## every MiniGrid experiment of the paper, and more, on all cores; what is done is kept
	@llm4teach paper
	@llm4teach analyse
	@llm4teach report --paper

paper-map: run ## the same with the paper's kind of network: an hour and a half
	@llm4teach paper --only map
	@llm4teach analyse
	@llm4teach report --paper

navpick: $(STAMP) ## Nav & Pick, the paper's robot task: with the teacher and without, on two cores
	@llm4teach collect --task NavPick --params navpick.yaml
	@llm4teach label --task NavPick --params navpick.yaml
	@for method in llm4teach rl; do \
	  llm4teach train --task NavPick --method $$method --params navpick.yaml && \
	  llm4teach finetune --task NavPick --method $$method --params navpick.yaml && \
	  llm4teach evaluate --task NavPick --method $$method --params navpick.yaml || exit $$?; done
	@llm4teach evaluate --task NavPick --method llm --params navpick.yaml
	@llm4teach report --params navpick.yaml

options: $(STAMP) ## train the networks of Nav & Pick's options again
	@python -m pipeline.tasks.habitat.cloning

test: $(STAMP) lint types ## lint, type-check and test
	@python -m pytest --numprocesses auto --dist loadfile

lint: $(STAMP)
	@ruff check .
	@ruff format --check .

types: $(STAMP)
	@mypy

parity: $(STAMP) ## compare the fast engines with the reference environments and with every covered stock level
	@python benchmarks/parity.py
	@python benchmarks/level_parity.py

browser: $(STAMP) ## play exported students in headless Chromium, and compare them with the engine
	@python benchmarks/browser.py

damage: $(STAMP) ## damage a label set in 5,000 ways, and see that each is refused
	@python benchmarks/damaged_sets.py

mutation: $(STAMP) ## change one thing in pipeline/ at a time, 150 times, and see that the tests notice: hours
	@python benchmarks/mutation.py

bench: $(STAMP) ## print every figure that the README claims
	@python benchmarks/engine.py
	@python benchmarks/time_to_target.py --task all
	@python benchmarks/time_to_target.py --task all --target 0.99
	@python benchmarks/profile.py
	@python benchmarks/learn.py --task all
	@python benchmarks/held_out.py
	@python benchmarks/labelling.py
	@python benchmarks/levels.py
	@python benchmarks/verify_set.py

pictures: run ## put the README's pictures, which are the report's, into docs/images
	@cp data/report/films/LavaDoorKey-student.gif docs/images/student.gif
	@cp data/report/figures/light/LavaDoorKey-success-env-steps.png docs/images/curve.png

lock: $(STAMP) ## pin the newest versions that pyproject.toml allows (needs uv)
	@(sed -n '1,/^[^#]/{/^#/p}' requirements.lock; uv pip compile pyproject.toml --extra dev --universal \
	  --python-version 3.10 --constraint constraints.txt --no-header --no-annotate --quiet \
	  | grep -vE '^(nvidia-|cuda-|triton)') > .lock.part && mv .lock.part requirements.lock

clean: ## forget checkpoints, logs and what stages and experiments wrote; the environment and the teacher's answers stay
	rm -rf .checkpoints log data/states data/labels data/students data/evaluations data/report data/paper

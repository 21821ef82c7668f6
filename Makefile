# Every target does its own set-up: a Python from 3.11 on and make are all that must be there.
# ARGS go to the program behind a target:  make demo ARGS="--domain shop"   make test ARGS="tests/unit -x"

BIN := $(CURDIR)/.venv/bin
export PATH := $(BIN):$(PATH)
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo up test check bench bench-bargein bench-resume bench-load bench-soak bench-crm bench-nlu chaos setup models format stubs asyncapi lock endings recordings clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: models ## Play one spoken call through all six services and show what happens
	@voicemesh demo $(ARGS)

up: models ## Keep the mesh running until Ctrl-C
	@voicemesh up $(ARGS)

test: models ## Run the whole test suite
	@pytest $(ARGS)

check: setup ## Format, lint, types, contracts, import arrows, stubs
	@sh tools/check.sh

bench: models ## Measure the latency of turns: the mesh, one process, Pipecat (needs flite; 20 minutes)
	@python bench/turns.py $(ARGS)

bench-bargein: models ## Measure how fast the agent falls silent, and what false alarms do
	@python bench/bargein.py $(ARGS)

bench-resume: models ## Measure what a dropped connection and a killed dialogue cost a call
	@python bench/resume.py $(ARGS)

bench-load: models ## Measure how many calls this machine carries
	@python bench/load.py $(ARGS)

bench-soak: models ## Measure whether memory stays flat over 500 calls
	@python bench/soak.py $(ARGS)

bench-crm: models ## Measure the CRM gateway: reads, records a second, time to the record, whether voices notice
	@PYTHONPATH=bench:tests python bench/crm.py $(ARGS)

chaos: models ## Kill processes at random during hundreds of calls and count what is left (15 minutes; needs PostgreSQL)
	@PYTHONPATH=bench:tests python -m chaos $(ARGS)

bench-nlu: models ## Measure intents, out of scope, calibration and entities (DATA: folder of the two data sets)
	@python bench/nlu.py $(if $(DATA),--data $(DATA)) $(ARGS)

setup: ## Make .venv and install what requirements.lock names
	@sh tools/setup.sh >&2

models: setup ## Prepare the models (done once, then found in the cache)
	@sh tools/models.sh >&2

format: setup ## Put code and contracts into form
	@ruff format .
	@ruff check --fix .
	@buf format --write

stubs: setup ## Generate stubs/ from proto/
	@buf generate

asyncapi: setup ## Generate docs/asyncapi.yaml from proto/
	@python tools/asyncapi.py

lock: setup ## Choose the dependencies' versions anew
	@uv pip compile pyproject.toml --all-extras --universal --generate-hashes --no-emit-index-url \
	  --python-version 3.11 --override tools/lock-overrides.txt --custom-compile-command "make lock" \
	  --quiet --output-file requirements.lock

endings: setup ## Train what last words tell of an utterance's end anew (DATA: folder of the two data sets)
	@python tools/train_endings.py --data $(DATA)
	@python tools/train_endings.py --language es

recordings: setup ## Speak the callers' recordings of the demo anew (needs flite)
	@python tools/make_recordings.py

clean: ## Delete what running and testing left here (not .venv)
	@rm -rf var bench/results dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find mesh services stubs tests bench tools voicemesh_client voicemesh_cli voicemesh_domains \
	  -name __pycache__ -type d -prune -exec rm -rf {} +

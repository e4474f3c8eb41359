# `make` alone says what there is. Every target that needs the environment sets it up first, once.
.DEFAULT_GOAL := help
.PHONY: help setup test test-faults test-label-studio test-accessibility proofs lint demo docs clean

READY := .venv/.ready
BIN := .venv/bin

# Without bytecode on disk every process compiles what it imports anew, and every test file is compiled in each worker.
unexport PYTHONDONTWRITEBYTECODE

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "make %-17s %s\n", $$1, $$2}'

setup: $(READY) ## build the environment in .venv; does nothing when it is there

$(READY): pyproject.toml constraints.txt .ci/setup
	@PYTHON="$(PYTHON)" .ci/setup

# A third of the time tests wait for servers, browsers and processes, so three keep two cores busy.
test: $(READY) ## run the tests, JOBS=3 side by side; ARGS="-k name" chooses some
	@$(BIN)/pytest -n $(or $(JOBS),3) --dist loadfile --no-loadscope-reorder $(ARGS)

test-faults: $(READY) ## inject some hundreds of faults for MINUTES=20; ARGS="--only NAME" chooses some
	@nice $(BIN)/python -m tests.faults --minutes $(or $(MINUTES),20) $(ARGS)

test-label-studio: $(READY) ## test against a real Label Studio, and what reads CVAT's files
	@.ci/label_studio
	@$(BIN)/pytest -m label_studio $(if $(ARGS),$(ARGS),tests/label_studio)

test-accessibility: $(READY) ## look for barriers on the labelling page with axe-core, which npm brings
	@.ci/accessibility

proofs: $(READY) ## the toy half of the proofs; ARGS="--minutes 600" measures all, ARGS="--only harmonic --seeds 5" some
	@nice $(BIN)/python -m tests.bench.proofs $(or $(ARGS),--toys)

lint: $(READY) ## style, formatting, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

demo: $(READY) ## label real footage in rounds; DATA=folder takes your own (DAVIS layout)
	@$(BIN)/fewframes demo $(if $(DATA),--data "$(DATA)")

docs: $(READY) ## write the generated pages in docs/ anew, and the site of all pages in build/docs
	@$(BIN)/python docs/settings_page.py
	@$(BIN)/python docs/command_line_page.py
	@$(BIN)/python docs/schema_page.py
	@$(BIN)/python docs/http_api_page.py
	@$(BIN)/python docs/api_page.py
	@.ci/docs

clean: ## delete the environment and caches; keeps data/ and runs/
	rm -rf .venv .venv-label-studio .venv-cvat .venv-docs .cache build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find al_core tasks flows tests configs -name __pycache__ -type d -prune -exec rm -rf {} +

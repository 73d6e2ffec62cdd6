# The executable Faster R-CNN chapter. `make help` lists the targets.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
NOTEBOOKS := $(wildcard notebooks/*.ipynb)
LIBRARY := $(wildcard d2l_ext/*.py d2l_ext/*/*.py)

# The newest Python that was tried; set PYTHON to choose another.
PYTHONS := 3.13 3.12 3.11 3.10 3.9
PYTHON ?= $(shell for p in $(PYTHONS:%=python%) python3 python; \
	do $$p -c 'import ensurepip, sys; \
	sys.exit(sys.version_info < (3, 9))' 2>/dev/null && \
	{ echo $$p; break; }; done)

# What people name may hold any character, an apostrophe, $ or a blank: it
# reaches recipes through the environment, to the letter, as "$$IMAGES".
ifeq ($(origin D2L_DATA_DIR),undefined)
D2L_DATA_DIR := $(CURDIR)/data
endif
NAMED := VOC CLASSES IMAGES SUBMISSIONS GRADES NAME SEED WORKERS \
	D2L_DATA_DIR D2L_VOC_DIR D2L_CLASSES
$(foreach name,$(NAMED),$(if $(filter-out undefined,$(origin $(name))), \
	$(eval override export $(name) := $$(value $(name)))))

# VOC and CLASSES are short for these.
ifneq ($(VOC),)
override export D2L_VOC_DIR := $(VOC)
endif
ifneq ($(CLASSES),)
override export D2L_CLASSES := $(CLASSES)
endif
# Notebooks run in another folder: a relative name would mislead them.
ifneq ($(D2L_VOC_DIR),)
ifeq ($(filter /% ~%,$(firstword $(D2L_VOC_DIR))),)
override export D2L_VOC_DIR := $(CURDIR)/$(D2L_VOC_DIR)
endif
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: help setup run run-all test browser book pdf slides assignments \
	grade clean-edition detector dist detect experiment results check-data \
	doctor bench bench-check lab data outputs lock clean test-all-pythons
.PHONY: images-named submissions-named FORCE

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | \
	sed -E 's/^([a-z-]+):.*## */\1|/' | \
	while IFS='|' read -r name what; do \
	printf '  make %-16s %s\n' "$$name" "$$what"; done

setup: $(READY)  ## install everything into .venv

$(READY): requirements.lock pyproject.toml
ifeq ($(strip $(PYTHON)),)
	@echo 'No Python from 3.9 on was found that can make environments.'; \
	echo 'Install one (Debian, Ubuntu: apt install python3 python3-venv),' \
	'or name it:'; \
	echo 'make PYTHON=/path/to/python3 ...'; exit 1
else
	@"$(PYTHON)" tools/check_system.py
	@echo 'Installing everything into $(VENV) takes a few minutes, once.'
	"$(PYTHON)" -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps \
	--requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps \
	--editable .
	@$(BIN)/python -c 'import d2l_ext' || { echo; \
	echo 'MXNet does not load: `make doctor` looks for the cause.'; \
	exit 1; }
	@touch $@
endif

# Another data set is another run.
build/data-set: FORCE
	@mkdir -p build
	@named="$$D2L_VOC_DIR $$D2L_CLASSES $$D2L_TEST_MODE"; \
	printf '%s\n' "$$named" | cmp -s - $@ || \
	printf '%s\n' "$$named" > $@

build/%.ipynb: notebooks/%.ipynb $(LIBRARY) tools/run_notebook.py \
		$(READY) build/data-set
	@$(BIN)/python tools/prepare_data.py
	$(BIN)/python tools/run_notebook.py $< $@

build/%.html: build/%.ipynb tools/export_html.py
	@$(BIN)/python tools/export_html.py $< $@

run-all: $(NOTEBOOKS:notebooks/%.ipynb=build/%.html)  ## run every notebook
	@for nb in $(NOTEBOOKS:notebooks/%=build/%); do \
	$(BIN)/python tools/summary.py $$nb; done

run: build/faster-rcnn.html  ## run the chapter (ten minutes, two cores)
	@$(BIN)/python tools/summary.py build/faster-rcnn.ipynb

test: $(READY)  ## check the code, the helpers and every notebook cell
	@$(BIN)/python tools/prepare_data.py
	$(BIN)/ruff check .
	$(BIN)/codespell
	$(BIN)/python -m pytest

test-all-pythons:  ## run the tests once with each Python that is found
	@python3 tools/all_pythons.py $(PYTHONS)

browser: $(READY)  ## look at the book and JupyterLab with Chromium
	@$(BIN)/python tools/browser.py
	@$(BIN)/python tools/prepare_data.py
	$(BIN)/python -m pytest tests/browser

book: $(READY)  ## make a web site of all notebooks in build/book
	@$(BIN)/python tools/book.py build/book

pdf: $(READY)  ## print the book into build/faster-rcnn.pdf (needs Chromium)
	@$(BIN)/python tools/browser.py
	@$(BIN)/python tools/book.py build/print --builder singlehtml > /dev/null
	@$(BIN)/python tools/print_book.py build/print/index.html \
	build/faster-rcnn.pdf

slides: $(READY)  ## make the slides, build/slides/index.html
	@$(BIN)/python tools/course/slides.py build/slides

assignments: $(READY)  ## make the assignment for students, build/assignments
	@$(BIN)/python tools/course/assignments.py build/assignments

submissions-named:
	@test -d "$$SUBMISSIONS" || { echo 'Say where the submissions are:' \
	'make grade SUBMISSIONS=FOLDER'; exit 1; }

grade: submissions-named $(READY)  ## grade SUBMISSIONS=..., write build/grades
	@$(BIN)/python tools/course/grade.py -- "$$SUBMISSIONS" \
	"$${GRADES:-build/grades}"

clean-edition: $(READY)  ## write notebooks without outputs and solutions
	@$(BIN)/python tools/course/clean_edition.py build/clean-edition

# Trained once; `make detector` trains it anew.
build/detector/detector.json:
	@$(MAKE) --no-print-directory detector

detector: $(READY)  ## train a detector, on VOC=FOLDER CLASSES="a b" if named
	@$(BIN)/python tools/prepare_data.py
	$(BIN)/python tools/train_detector.py build/detector

dist: $(READY)  ## train the chapter's models with two workers on this machine
	@$(BIN)/python tools/prepare_data.py
	$(BIN)/python tools/launch.py --workers "$${WORKERS:-2}" -- \
	$(BIN)/python tools/train_detector.py build/dist --recipe chapter

# Asked for first: a training for nothing would take ten minutes.
images-named:
	@test -n "$$IMAGES" || { echo 'Say where your pictures are:' \
	'make detect IMAGES=FILE-OR-FOLDER'; exit 1; }
	@case "$$IMAGES" in '~'*) exit 0;; esac; test -e "$$IMAGES" || \
	{ printf '%s: there is no such picture or folder.\n' "$$IMAGES"; exit 1; }

detect: images-named $(READY) build/detector/detector.json  ## find objects on IMAGES=...
	@$(BIN)/python tools/detect.py "$$IMAGES"

experiment: $(READY)  ## run one experiment, NAME=... SEED=...
	@$(BIN)/python tools/prepare_data.py
	$(BIN)/python tools/experiments.py "$${NAME:-list}" \
	--seed "$${SEED:-1}"

results: $(READY)  ## run experiments without a result, write docs/results.md
	@$(BIN)/python tools/prepare_data.py
	$(BIN)/python tools/experiments.py missing
	$(BIN)/python tools/results.py

check-data: $(READY)  ## report all that is wrong with the data set VOC=...
	@$(BIN)/python tools/check_data.py

# It tells what is wrong with .venv, or why there is none.
doctor:  ## tell what the chapter would run on, and what to mend
	@"$(or $(wildcard $(BIN)/python),$(PYTHON),python3)" tools/doctor.py

bench: $(READY)  ## measure speed and memory, write docs/performance.md
	@$(BIN)/python tools/prepare_data.py
	$(BIN)/python benchmarks/bench.py run
	$(BIN)/python benchmarks/page.py

bench-check:  ## compare the last measurement with its goals
	$(BIN)/python benchmarks/bench.py check

lab: $(READY)  ## open the notebooks in JupyterLab
	@$(BIN)/python tools/prepare_data.py
	$(BIN)/jupyter lab --notebook-dir=. notebooks/faster-rcnn.ipynb

data: $(READY)  ## download Pascal VOC2012 (2 GB) and use it from then on
	$(BIN)/python tools/fetch_voc2012.py

outputs: $(READY)  ## run the notebooks and store their outputs in them
	@$(BIN)/python tools/prepare_data.py
	$(foreach nb,$(NOTEBOOKS),$(BIN)/python tools/run_notebook.py \
	$(nb) $(nb) &&) $(BIN)/python tools/readme_picture.py

lock: $(READY)  ## choose new versions of everything
	$(BIN)/uv pip compile --quiet --universal --python-version 3.9 --upgrade \
	--extra cpu --extra dev --extra book \
	--custom-compile-command 'make lock' \
	--output-file requirements.lock pyproject.toml

clean:  ## remove what was built; .venv, data and build/grades stay
	@test ! -d build || find build -mindepth 1 -maxdepth 1 ! -name grades \
	-exec rm -rf {} +

# The executable Faster R-CNN chapter. `make help` lists the targets.

include tools/install.mk

NOTEBOOKS := $(wildcard notebooks/*.ipynb)
LIBRARY := $(wildcard d2l_ext/*.py d2l_ext/*/*.py)

# With EXACT=1 sums are rounded as in the book's own run, on any processor
# with AVX2: two threads, and no newer instructions. `make outputs` is that run.
ifneq ($(EXACT)$(filter outputs,$(MAKECMDGOALS)),)
override export OMP_NUM_THREADS := 2
override export DNNL_MAX_CPU_ISA := AVX2
endif

.SECONDARY:
.PHONY: run run-all test quick browser book pdf slides assignments grade \
	student-edition teacher-edition detector dist detect experiment results \
	check-data bench bench-check data outputs lock clean \
	test-all-pythons verify
.PHONY: images-named submissions-named

# Changes with the data set, so that notebooks run again.
build/data-set: FORCE
	@mkdir -p build
	@named="$$D2L_VOC_DIR $$D2L_CLASSES $$D2L_TEST_MODE $(EXACT)"; \
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

verify:  ## run all notebooks and compare all that they show with the book's
	@$(MAKE) --no-print-directory run-all EXACT=1
	@$(BIN)/python tools/verify.py

test: $(READY)  ## check the code, the helpers and every notebook cell
	@$(BIN)/python tools/prepare_data.py
	$(BIN)/ruff check .
	$(BIN)/codespell
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 4 -rs

quick: $(READY)  ## check the code, and run the tests of what was changed
	$(BIN)/ruff check .
	$(BIN)/codespell
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile \
	$$($(BIN)/python tools/changed_tests.py)

test-all-pythons:  ## run the tests once with each Python that is found
	@python3 tools/all_pythons.py $(PYTHONS)

browser: $(READY)  ## check the book, slides and JupyterLab with Chromium
	@$(BIN)/python tools/browser.py
	@$(BIN)/python tools/prepare_data.py
	$(BIN)/python -m pytest tests/browser

book: $(READY)  ## make a web site of all notebooks in build/book
	@$(BIN)/python tools/book.py build/book

pdf: $(READY)  ## print the book and each section as PDF (needs Chromium)
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

student-edition: $(READY)  ## pack what students get, one zip file
	@$(BIN)/python tools/course/editions.py students build/student-edition.zip

teacher-edition: $(READY)  ## pack all of it, with solutions, one zip file
	@$(BIN)/python tools/course/editions.py teachers build/teacher-edition.zip

# The detector of the project finds cats and dogs: for other classes, and once
# `make detector` was called, it is your own.
DETECTORS := build/detector/detector.json
ifeq ($(D2L_VOC_DIR)$(D2L_CLASSES),)
DETECTORS += tools/detectors/photographs/detector.json
endif
DETECTOR := $(firstword $(wildcard $(DETECTORS)) $(DETECTORS))

# Trained once; `make detector` trains it again.
build/detector/detector.json:
	@$(MAKE) --no-print-directory detector

detector: $(READY)  ## train a detector, on VOC=FOLDER CLASSES="a b" if named
	@$(BIN)/python tools/prepare_data.py
	$(BIN)/python tools/train_detector.py build/detector

dist: $(READY)  ## train the chapter's models with two workers on this machine
	@$(BIN)/python tools/prepare_data.py
	$(BIN)/python tools/launch.py --workers "$${WORKERS:-2}" -- \
	$(BIN)/python tools/train_detector.py build/dist --recipe chapter

# Checked first: otherwise ten minutes of training would be wasted.
images-named:
	@test -n "$$IMAGES" || { echo 'Say where your pictures are:' \
	'make detect IMAGES=FILE-OR-FOLDER'; exit 1; }
	@case "$$IMAGES" in '~'*) exit 0;; esac; test -e "$$IMAGES" || \
	{ printf '%s: there is no such picture or folder.\n' "$$IMAGES"; exit 1; }

detect: images-named $(READY) $(DETECTOR)  ## find objects on IMAGES=...
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

bench: $(READY)  ## measure speed and memory, write docs/performance.md
	@$(BIN)/python tools/prepare_data.py
	$(BIN)/python benchmarks/bench.py run
	$(BIN)/python benchmarks/page.py

bench-check:  ## compare the last measurement with the goals
	$(BIN)/python benchmarks/bench.py check

data: $(READY)  ## download Pascal VOC2012 (2 GB) and use it from then on
	$(BIN)/python tools/fetch_voc2012.py

outputs: $(READY)  ## run the notebooks and store their outputs in them
	@$(BIN)/python tools/prepare_data.py
	$(foreach nb,$(NOTEBOOKS),$(BIN)/python tools/run_notebook.py \
	$(nb) $(nb) &&) $(BIN)/python tools/readme_picture.py

lock: $(READY)  ## choose new versions of everything
	$(BIN)/uv pip compile --quiet --universal --python-version 3.9 --upgrade \
	--extra cpu --extra photographs --extra dev --extra book \
	--custom-compile-command 'make lock' \
	--output-file requirements.lock pyproject.toml

clean:  ## remove what was built; keep .venv, data, build/grades
	@test ! -d build || find build -mindepth 1 -maxdepth 1 ! -name grades \
	-exec rm -rf {} +
	@rm -rf build-*

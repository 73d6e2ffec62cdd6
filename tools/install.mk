# Installs the project and opens its notebooks. In what students get, this is
# the Makefile.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

# The newest Python that was tried; set PYTHON to choose another.
PYTHONS := 3.13 3.12 3.11 3.10 3.9
PYTHON ?= $(shell for p in $(PYTHONS:%=python%) python3 python; \
	do $$p -c 'import ensurepip, sys; \
	sys.exit(sys.version_info < (3, 9))' 2>/dev/null && \
	{ echo $$p; break; }; done)

# An environment holds its path: after its folder was moved or copied it runs
# the code of another folder, or none.
MOVED := $(shell test ! -e $(READY) || grep -qsF \
	"$$(pwd -P)/$(VENV)/bin/" $(BIN)/pip || echo yes)

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
.PHONY: help setup doctor lab
.PHONY: FORCE

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | \
	sed -E 's/^([a-z-]+):.*## */\1|/' | \
	while IFS='|' read -r name what; do \
	printf '  make %-16s %s\n' "$$name" "$$what"; done

setup: $(READY)  ## install everything into .venv

$(READY): requirements.lock pyproject.toml $(if $(MOVED),FORCE)
ifdef MOVED
	@echo 'This folder was moved or copied together with $(VENV), which' \
	'still belongs to the other place.'; \
	echo 'Install it anew: rm -rf $(VENV) && make setup'; exit 1
else ifeq ($(strip $(PYTHON)),)
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

# It tells what is wrong with .venv, or why there is none.
doctor:  ## tell what the chapter would run on, and what to mend
	@"$(or $(wildcard $(BIN)/python),$(PYTHON),python3)" tools/doctor.py

# The address opens it, too, where make can open no browser.
FIRST := notebooks/detection-data.ipynb

lab: $(READY)  ## open the notebooks in JupyterLab
	@$(BIN)/python tools/prepare_data.py
	JUPYTER_CONFIG_PATH="$$(pwd)/tools/lab" $(BIN)/jupyter lab \
	--notebook-dir=. --LabApp.default_url=/lab/tree/$(FIRST)

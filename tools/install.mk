# Installs the project and opens its notebooks. In what students get, this is
# the Makefile.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

# The first Python that MXNet 1.9.1 works with; set PYTHON to choose.
PYTHON ?= $(shell for p in python3.11 python3.10 python3.9 python3 python; \
	do $$p -c 'import sys; sys.exit(not (3, 9) <= sys.version_info[:2] \
	<= (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

# An environment holds its path: after its folder was moved or copied it runs
# the code of another folder, or none.
MOVED := $(shell test ! -e $(READY) || grep -qsF \
	"$$(pwd -P)/$(VENV)/bin/" $(BIN)/pip || echo yes)

export D2L_DATA_DIR ?= $(CURDIR)/data
# Notebooks run in another folder: a relative name would mislead them.
ifdef D2L_VOC_DIR
override export D2L_VOC_DIR := \
	$(shell realpath -ms -- '$(D2L_VOC_DIR)')
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup doctor lab
.PHONY: FORCE

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | \
	sed -E 's/^([a-z-]+):.*## */\1|/' | \
	while IFS='|' read -r name what; do \
	printf '  make %-15s %s\n' "$$name" "$$what"; done

setup: $(READY)  ## install everything into .venv

$(READY): requirements.lock pyproject.toml $(if $(MOVED),FORCE)
ifdef MOVED
	@echo 'This folder was moved or copied together with $(VENV), which' \
	'still belongs to the other place.'; \
	echo 'Install it anew: rm -rf $(VENV) && make setup'; exit 1
else ifeq ($(strip $(PYTHON)),)
	@echo 'No Python 3.9, 3.10 or 3.11 was found, and MXNet 1.9.1 works' \
	'with no other.'; \
	echo 'Install one (Debian, Ubuntu: apt install python3 python3-venv;' \
	'pyenv: pyenv install 3.11),'; \
	echo 'or name it: make PYTHON=/path/to/python3.11 ...'; exit 1
else
	@echo 'Installing everything into $(VENV) takes a few minutes, once.'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check \
	--requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps \
	--editable .
	@$(BIN)/python -c 'import mxnet' || { echo; \
	echo 'MXNet does not load. Where a library is missing above, install' \
	'it (Debian, Ubuntu:'; \
	echo 'apt install libgomp1 libquadmath0), then call make again.'; \
	exit 1; }
	@touch $@
endif

# It tells what is wrong with .venv, or why there is none.
doctor:  ## tell what the chapter would run on, and what to mend
	@$(or $(wildcard $(BIN)/python),$(PYTHON),python3) tools/doctor.py

lab: $(READY)  ## open the notebooks in JupyterLab
	@$(BIN)/python tools/prepare_data.py
	JUPYTER_CONFIG_PATH='$(CURDIR)/tools/lab' $(BIN)/jupyter lab \
	--notebook-dir=. notebooks/faster-rcnn.ipynb

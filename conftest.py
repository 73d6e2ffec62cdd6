"""Settings of every test run, notebooks included."""
import os
from pathlib import Path

# Training cells use a small part of the embedded set, whatever data set the
# user works with.
os.environ['D2L_TEST_MODE'] = '1'
os.environ.pop('D2L_VOC_DIR', None)
os.environ.pop('D2L_CLASSES', None)
os.environ.setdefault('D2L_DATA_DIR', str(Path(__file__).parent / 'data'))
# A cell that warns has an output more than the committed one.
os.environ.pop('PYTHONWARNINGS', None)
# What `make test VENV=...` was called with is not for the `make` of a test.
os.environ.pop('MAKEFLAGS', None)

# Before MXNet, whose number of threads it sets.
import d2l_ext  # noqa: F401  # isort: skip
import compare_outputs  # noqa: F401
import numpy
import pytest
from matplotlib import pyplot as plt
from mxnet import npx

# What takes longest, longest first: what begins last may end alone.
LONG = ('test_sandbox.py', 'test_book_pages.py', 'faster-rcnn-solutions.ipynb',
        'test_print.py', 'test_surroundings.py', 'test_distributed.py',
        'test_figures.py', 'test_lab.py', 'faster-rcnn.ipynb',
        'test_learning.py', 'rpn.ipynb')


def pytest_configure(config):
    """Keep the cells of a notebook together, as their kernel is one.

    What `pytest -n 2` asks for by itself would deal them out one by one, and
    begin with the files that have most tests.
    """
    if getattr(config.option, 'dist', 'no') in ('load', 'worksteal'):
        config.option.dist = 'loadfile'
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: [*LONG, item.path.name].index(item.path.name))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Let two notebooks train on less: a kernel starts with the first cell.

    What other notebooks print depends on the number of pictures.
    """
    few = item.path.stem in ('faster-rcnn-solutions', 'fine-tuning')
    os.environ['D2L_TEST_MODE'] = '8' if few else '1'


@pytest.fixture(autouse=True)
def _numpy_semantics_and_seed():
    npx.set_np()
    npx.random.seed(0)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close('all')


@pytest.fixture
def rng():
    """Random numbers for a test's inputs."""
    return numpy.random.default_rng(0)

"""What tests of the book and of the slides have in common: their pages."""
import os
import subprocess
import sys
import zipfile

import pytest
from browser import find_chromium
from filelock import FileLock
from helpers import ROOT

# Tests that look at pages are there where there is something to look with.
# Before Python 3.11 the book has an older theme, with faults of its own, and
# nobody has looked at JupyterLab and the print: only the slides are the same.
collect_ignore = [] if find_chromium() else ['browser']
if sys.version_info < (3, 11):
    collect_ignore += ['browser/test_book_pages.py', 'browser/test_figures.py',
                       'browser/test_lab.py', 'browser/test_print.py']


def made_once(output, tool, *arguments):
    """Let a tool make an output, once for all workers of a test run."""
    this_run = os.environ.get('PYTEST_XDIST_TESTRUNUID', str(os.getpid()))
    made_by = output.with_suffix('.made-by')
    output.parent.mkdir(exist_ok=True)
    with FileLock(output.with_suffix('.lock')):
        if not made_by.exists() or made_by.read_text() != this_run:
            subprocess.run([sys.executable, ROOT / 'tools' / tool,
                            *arguments, output], check=True)
            made_by.write_text(this_run)
    return output


@pytest.fixture(scope='session')
def book():
    """Folder of the book, made as `make book` does; no warning is let pass."""
    return made_once(ROOT / 'build' / 'book', 'book.py')


@pytest.fixture(scope='session')
def decks(book):
    """Folder of the slides, which are made with the book."""
    return book / 'slides'


@pytest.fixture(scope='module')
def handout(tmp_path_factory):
    """What students get from `make student-edition`, unpacked."""
    folder = tmp_path_factory.mktemp('students')
    with zipfile.ZipFile(made_once(
            ROOT / 'build' / 'student-edition.zip', 'course/editions.py',
            'students')) as packed:
        packed.extractall(folder)
    return folder / 'faster-rcnn'

"""What tests of the book and of the slides have in common: their pages."""
import subprocess
import sys

import pytest
from browser import find_chromium
from helpers import ROOT

# Tests that look at pages are there where there is something to look with.
# Before Python 3.11 the book has an older theme, with faults of its own, and
# nobody has looked at JupyterLab and the print: only the slides are the same.
collect_ignore = [] if find_chromium() else ['browser']
if sys.version_info < (3, 11):
    collect_ignore += ['browser/test_book_pages.py', 'browser/test_figures.py',
                       'browser/test_lab.py', 'browser/test_print.py']


@pytest.fixture(scope='session')
def book():
    """Folder of the book, made as `make book` does; no warning is let pass."""
    folder = ROOT / 'build' / 'book'
    subprocess.run([sys.executable, ROOT / 'tools' / 'book.py', folder],
                   check=True)
    return folder


@pytest.fixture(scope='session')
def decks():
    """Folder of the slides, made as `make slides` does."""
    folder = ROOT / 'build' / 'slides'
    subprocess.run([sys.executable, ROOT / 'tools' / 'course' / 'slides.py',
                    folder], check=True)
    return folder

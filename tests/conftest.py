"""What tests of the book and of the slides have in common: their pages."""
import subprocess
import sys

import pytest
from browser import find_chromium
from helpers import ROOT

# Tests that look at pages are there where there is something to look with.
# Before Python 3.11 the book has an older theme, with faults of its own.
collect_ignore = [] if find_chromium() and sys.version_info >= (3, 11) else [
    'browser']


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
    subprocess.run([sys.executable, ROOT / 'tools' / 'make_slides.py',
                    folder], check=True)
    return folder

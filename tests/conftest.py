"""What tests of the book have in common: the book."""
import subprocess
import sys

import pytest
from helpers import ROOT


@pytest.fixture(scope='session')
def book():
    """Folder of the book, made as `make book` does; no warning is let pass."""
    folder = ROOT / 'build' / 'book'
    subprocess.run([sys.executable, ROOT / 'tools' / 'book.py', folder],
                   check=True)
    return folder

"""The notebook for students, and a home that nothing may be written to."""
import os
import subprocess
import sys

import nbformat
import pytest
import sandbox
from assignments import NAME, CourseError
from helpers import ROOT


@pytest.fixture(scope='session')
def home(tmp_path_factory):
    return tmp_path_factory.mktemp('home')


@pytest.fixture(scope='session')
def released(tmp_path_factory, home):
    """The notebook for students, made as `make assignments` does."""
    folder = tmp_path_factory.mktemp('assignments')
    subprocess.run([sys.executable, ROOT / 'tools' / 'course'
                    / 'assignments.py', folder], check=True,
                   env={**os.environ, 'HOME': str(home)})
    made, = folder.iterdir()
    assert made.name == f'{NAME}.ipynb'
    return nbformat.read(made, 4)


@pytest.fixture(scope='session')
def sandbox_kind():
    """The kind of sandbox that can be had here."""
    try:
        return sandbox.choose([], False)
    except CourseError as error:
        pytest.skip(str(error).splitlines()[-1])


@pytest.fixture(autouse=True)
def _ipython_in_a_folder_of_its_own(tmp_path_factory, monkeypatch):
    monkeypatch.setenv('IPYTHONDIR', str(tmp_path_factory.getbasetemp()))

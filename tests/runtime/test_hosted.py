"""The chapter joins what a hosted notebook server has, and changes nothing."""
import os
import shlex
import subprocess

import all_pythons
import nbformat
import pytest
from helpers import ROOT
from run_notebook import VisibleClient

# What such a server brought when this was written.
SERVER = ('ipykernel==6.17.1', 'ipython==7.34.0', 'ipywidgets==7.7.1',
          'matplotlib==3.10.0', 'numpy==2.0.2', 'pandas==2.2.2', 'pillow',
          'pip', 'requests', 'setuptools', 'tqdm')


def lines_of_the_page():
    """The commands of docs/machines.md, for this checkout."""
    text = (ROOT / 'docs' / 'machines.md').read_text('utf-8')
    section = text.split('\n## A hosted notebook server\n')[1]
    lines = section.split('```\n')[1].splitlines()
    assert lines[0].startswith('git clone ')
    assert lines[0].endswith(' ~/chapter')
    assert '~/chapter' in lines[-1]
    return [line.replace('~/chapter', shlex.quote(str(ROOT)))
            for line in lines[1:]]


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    """A Python with SERVER, and a kernel `hosted` of it."""
    found = all_pythons.find('3.12')
    if found is None:
        pytest.skip('there is no Python 3.12')
    folder = tmp_path_factory.mktemp('server')
    subprocess.run([found, '-m', 'venv', folder], check=True)
    python = folder / 'bin' / 'python'
    done = subprocess.run([python, '-m', 'pip', 'install', '--quiet', *SERVER],
                          capture_output=True, text=True)
    if done.returncode:
        pytest.skip('no package registry can be reached: ' + done.stderr)
    subprocess.run([python, '-m', 'ipykernel', 'install', '--prefix', folder,
                    '--name', 'hosted'], check=True, capture_output=True)
    return folder


def installed(folder):
    return set(subprocess.run(
        [folder / 'bin' / 'python', '-m', 'pip', 'freeze', '--all'],
        capture_output=True, text=True, check=True).stdout.split('\n'))


@pytest.mark.slow
def test_the_chapter_runs_beside_what_is_there(server, tmp_path, monkeypatch):
    before = installed(server)
    for line in lines_of_the_page():
        subprocess.run(line, shell=True, check=True, env={
            **os.environ, 'PATH': f'{server}/bin:{os.environ["PATH"]}'})
    assert before <= installed(server)
    monkeypatch.setenv('JUPYTER_PATH', str(server / 'share' / 'jupyter'))
    for name in ('detection-data', 'anchors', 'rpn', 'faster-rcnn'):
        notebook = nbformat.read(ROOT / 'notebooks' / f'{name}.ipynb', 4)
        VisibleClient(notebook, kernel_name='hosted', timeout=1200,
                      resources={'metadata': {'path': str(tmp_path)}}
                      ).execute()
        kinds = {kind for cell in notebook.cells
                 for output in cell.get('outputs', ())
                 for kind in output.get('data', ())}
        assert 'image/png' in kinds, name


def test_the_page_names_what_the_chapter_needs():
    text = ' '.join(lines_of_the_page())
    for word in ('mxnet==1.9.1', 'd2l==', 'defusedxml', 'filelock',
                 'pycocotools'):
        assert word in text

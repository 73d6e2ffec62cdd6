"""The clean edition: the notebooks less what was computed and solved."""
import json
import re
import subprocess
import sys

import nbformat
import pytest
from helpers import ROOT, read_notebook, tags

NAMES = sorted(path.name for path in (ROOT / 'notebooks').glob('*.ipynb')
               if path.stem != 'faster-rcnn-solutions')


@pytest.fixture(scope='module')
def edition(tmp_path_factory):
    folder = tmp_path_factory.mktemp('clean') / 'edition'
    folder.mkdir()
    (folder / 'stale.ipynb').touch()
    subprocess.run(
        [sys.executable, ROOT / 'tools' / 'course' / 'clean_edition.py',
         folder], check=True)
    return folder


def test_all_notebooks_but_the_solutions(edition):
    found = sorted(edition.rglob('*.ipynb'))
    assert [path.name for path in found] == NAMES
    assert len(NAMES) == 4


@pytest.mark.parametrize('name', NAMES)
def test_nothing_computed_and_nothing_solved(edition, name):
    made = json.loads((edition / 'notebooks' / name).read_text('utf-8'))
    nbformat.validate(made)
    kept = [cell for cell in read_notebook(name)['cells']
            if 'solution' not in tags(cell)]
    assert [cell['id'] for cell in made['cells']] == [
        cell['id'] for cell in kept]
    for cell, original in zip(made['cells'], kept):
        if cell['cell_type'] == 'code':
            assert cell['source'] == original['source']
            assert cell['outputs'] == []
            assert cell['execution_count'] is None
    content = ''.join(''.join(cell['source']) for cell in made['cells'])
    assert '## Exercises' in content
    assert not re.search(r'\bSolution \d', content)
    for target in re.findall(r'\]\(([^)#]+)[^)]*\)', content):
        assert target.startswith('https://') or (
            edition / 'notebooks' / target).exists(), target


def test_the_notebooks_of_the_project_stay_as_they_are(edition):
    for name in NAMES:
        assert any(cell.get('outputs') for cell in
                   read_notebook(name)['cells'])

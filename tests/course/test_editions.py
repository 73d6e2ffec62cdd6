"""What students get is whole, and holds nothing that is not for them."""
import json
import re
import subprocess
import sys
import zipfile
from urllib.parse import unquote, urlsplit

import editions
import nbformat
import pytest
from bs4 import BeautifulSoup
from helpers import ROOT, read_notebook, tags, text

NAMES = sorted(path.name for path in (ROOT / 'notebooks').glob('*.ipynb')
               if path.stem != 'faster-rcnn-solutions')


@pytest.fixture(scope='module')
def edition(tmp_path_factory):
    """The unpacked zip file, as `make student-edition` makes it."""
    folder = tmp_path_factory.mktemp('students')
    file = folder / 'edition.zip'
    file.write_text('stale')
    subprocess.run([sys.executable, ROOT / 'tools/course/editions.py',
                    'students', file], check=True)
    assert [path.name for path in folder.iterdir()] == ['edition.zip']
    with zipfile.ZipFile(file) as packed:
        packed.extractall(folder)
    return folder / 'faster-rcnn'


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
            assert text(cell) == text(original)
            assert cell['outputs'] == []
            assert cell['execution_count'] is None
    content = ''.join(map(text, made['cells']))
    assert '## Exercises' in content
    for target in re.findall(r'\]\(([^)#]+)[^)]*\)', content):
        assert '://' in target or (
            edition / 'notebooks' / target).exists(), target


def test_no_solution_no_hidden_test_and_nothing_for_the_teacher(edition):
    assert sorted(path.name for path in (edition / 'notebooks').iterdir()
                  ) == NAMES
    files = [path for path in edition.rglob('*') if path.is_file()]
    assert len(files) > 100
    names = {path.relative_to(edition).as_posix() for path in files}
    assert not {name for name in names if re.search(
        'teaching|solution|grade|/source/|tests/', name)}
    for path in files:
        if path.suffix in ('.html', '.ipynb', '.md', '.js', '.txt'):
            found = re.search(
                r'Solution to Exercise|\*\*Solution \d|BEGIN SOLUTION|'
                r'BEGIN HIDDEN|Minutes \d+ to \d+ of 45|teaching\.(html|md)|'
                r'docs/assignments', path.read_text('utf-8'))
            assert not found, (path, found[0])


def test_links_of_the_book_lead_somewhere(edition):
    links = 0
    for path in (edition / 'book').rglob('*.html'):
        if '_static' in path.parts:
            continue
        page = BeautifulSoup(path.read_text('utf-8'), 'html.parser')
        for node in page.select('a[href]'):
            link = urlsplit(node['href'])
            if not link.scheme and link.path:
                assert (path.parent / unquote(link.path)).is_file(), (
                    path, node['href'])
                links += 1
    assert links > 500


def test_what_is_packed_installs_and_runs(edition):
    """With what is installed here; the lock file is the project's."""
    assert (edition / 'requirements.lock').read_bytes() == (
        ROOT / 'requirements.lock').read_bytes()
    shown = subprocess.run(['make', 'help'], cwd=edition, check=True,
                           capture_output=True, text=True).stdout
    assert 'make lab' in shown
    code = 'import d2l_ext; print(d2l_ext.__file__)'
    done = subprocess.run([sys.executable, '-c', code], cwd=edition,
                          check=True, capture_output=True, text=True)
    assert done.stdout.strip() == str(edition / 'd2l_ext' / '__init__.py')
    for path in (ROOT / 'd2l_ext').rglob('*.py'):
        assert (edition / path.relative_to(ROOT)).is_file()
    assert len(list((edition / 'assignment').iterdir())) == 1


def test_the_teacher_has_the_rest(tmp_path, monkeypatch):
    monkeypatch.setattr(editions.book, 'build',
                        lambda folder: folder.mkdir())
    editions.pack_teachers(tmp_path)
    for name in ('docs/assignments/source', 'docs/teaching.md', 'book',
                 'notebooks/faster-rcnn-solutions.ipynb', 'd2l_ext/data',
                 'tools/course/grade.py', 'Makefile', 'tests'):
        assert (tmp_path / name).exists(), name
    assert not [path for path in tmp_path.rglob('*')
                if path.name in ('.git', '.venv', '__pycache__')]


@pytest.mark.parametrize(('source', 'expected'), [
    ('[A](a.ipynb#B) [b](b.ipynb)', '[A](a.ipynb#B) b'),
    ('[R](../docs/results.md) [S](../docs/gone.md)',
     '[R](../book/results.html) S'),
    ('[D](../README.md#differences) ![p](../img/p.svg) [W](https://d2l.ai)',
     'D ![p](../img/p.svg) [W](https://d2l.ai)')])
def test_links_of_notebooks(tmp_path, source, expected):
    for name in ('notebooks/a.ipynb', 'book/results.html'):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    assert editions.keep_links(source, tmp_path) == expected

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


@pytest.mark.parametrize('name', NAMES)
def test_nothing_computed_and_nothing_solved(handout, name):
    made = json.loads((handout / 'notebooks' / name).read_text('utf-8'))
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
            handout / 'notebooks' / target).exists(), target


def test_no_solution_no_hidden_test_and_nothing_for_the_teacher(handout):
    assert sorted(path.name for path in (handout / 'notebooks').iterdir()
                  ) == NAMES
    files = [path for path in handout.rglob('*') if path.is_file()]
    assert len(files) > 100
    names = {path.relative_to(handout).as_posix() for path in files}
    assert not {name for name in names if re.search(
        'teaching|solution|grade|/source/|tests/', name)}
    for path in files:
        if path.suffix in ('.html', '.ipynb', '.md', '.js', '.txt'):
            found = re.search(
                r'Solution to Exercise|\*\*Solution \d|BEGIN SOLUTION|'
                r'BEGIN HIDDEN|Minutes \d+ to \d+ of 45|teaching\.(html|md)|'
                r'docs/assignments', path.read_text('utf-8'))
            assert not found, (path, found[0])


def test_links_of_the_book_lead_somewhere(handout):
    links = 0
    for path in (handout / 'book').rglob('*.html'):
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


def test_what_is_packed_installs_and_runs(handout):
    """With what is installed here; the lock file is the project's."""
    assert (handout / 'requirements.lock').read_bytes() == (
        ROOT / 'requirements.lock').read_bytes()
    shown = subprocess.run(['make', 'help'], cwd=handout, check=True,
                           capture_output=True, text=True).stdout
    assert 'make lab' in shown
    shown = subprocess.run(['make', '--dry-run', 'lab'], cwd=handout,
                           check=True, capture_output=True, text=True).stdout
    first = re.search(r'default_url=/lab/tree/(\S+)', shown)[1]
    assert (handout / first).is_file()
    assert f'the first notebook, `{first.split("/")[1]}`' in (
        handout / 'README.md').read_text('utf-8')
    code = 'import d2l_ext; print(d2l_ext.__file__)'
    done = subprocess.run([sys.executable, '-c', code], cwd=handout,
                          check=True, capture_output=True, text=True)
    assert done.stdout.strip() == str(handout / 'd2l_ext' / '__init__.py')
    for path in (ROOT / 'd2l_ext').rglob('*.py'):
        assert (handout / path.relative_to(ROOT)).is_file()
    assert len(list((handout / 'assignment').iterdir())) == 1


def test_a_zip_file_is_replaced_whole(tmp_path, monkeypatch):
    file = tmp_path / 'edition.zip'
    file.write_text('stale')
    monkeypatch.setattr(sys, 'argv', ['editions.py', 'students', str(file)])
    monkeypatch.setattr(editions, 'pack_students', lambda folder: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        editions.main()
    assert file.read_text() == 'stale'
    monkeypatch.setattr(editions, 'pack_students',
                        lambda folder: (folder / 'a').touch())
    editions.main()
    assert zipfile.ZipFile(file).namelist()[-1] == 'faster-rcnn/a'
    assert list(tmp_path.iterdir()) == [file]


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

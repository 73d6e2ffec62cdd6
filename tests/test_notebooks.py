"""Every notebook has the library's code and clean outputs.

`compare_outputs.py` compares outputs with those of a new run.
"""
import ast
import functools
import re
import textwrap

import export_html
import nbformat
import pytest
from bs4 import BeautifulSoup
from helpers import ROOT, code_cells, markdown_cells, read_notebook, tags, text

import d2l_ext

NAMES = sorted(path.name for path in (ROOT / 'notebooks').glob('*.ipynb'))
# The exercises of the chapter itself are solved in a notebook of their own.
SECTIONS = [name for name in NAMES if not name.startswith('faster-rcnn')]


def definitions(code):
    """Top-level definitions by name, without explanations.

    Docstrings, comments and annotations are left out, and so is `d2l.`.
    """
    found = {}
    for node in ast.parse(textwrap.dedent(code).replace('d2l.', '')).body:
        if isinstance(node, ast.Assign):
            name = ast.unparse(node.targets[0])
        elif isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            name = node.name
        else:
            continue
        for part in ast.walk(node):
            if isinstance(part, (ast.ClassDef, ast.FunctionDef)) and (
                    ast.get_docstring(part)):
                part.body.pop(0)
            if isinstance(part, ast.FunctionDef):
                part.returns = None
            if isinstance(part, ast.arg):
                part.annotation = None
        found[name] = ast.unparse(node)
    return found


def library_cells(name):
    return [cell for cell in code_cells(read_notebook(name))
            if 'library' in tags(cell)]


@pytest.mark.parametrize('name', NAMES)
def test_code_of_a_notebook_is_that_of_the_library(name):
    """So the tests of the library hold for the notebooks, too."""
    assert library_cells(name)
    for cell in library_cells(name):
        module = cell['metadata']['module'].replace('.', '/')
        library = definitions(
            (ROOT / 'd2l_ext' / f'{module}.py').read_text('utf-8'))
        shown = definitions(text(cell))
        assert shown
        for helper, code in shown.items():
            assert code == library[helper]


@pytest.mark.parametrize('module', ['anchors', 'boxes', 'losses', 'rpn',
                                    'training'])
def test_every_helper_is_explained(module):
    public = __import__(f'd2l_ext.{module}', fromlist=['x']).__all__
    shown = {helper for name in NAMES for cell in library_cells(name)
             for helper in definitions(text(cell))}
    assert set(public) <= shown


def test_public_names_are_documented():
    for name in dir(d2l_ext):
        thing = getattr(d2l_ext, name)
        if (getattr(thing, '__module__', '') or '').startswith('d2l_ext.'):
            assert len(thing.__doc__ or '') > 40, name


@pytest.mark.parametrize('name', NAMES)
def test_lines_fit_on_a_page(name):
    for cell in code_cells(read_notebook(name)):
        assert max(map(len, text(cell).splitlines())) <= 79, text(cell)


@pytest.mark.parametrize('name', NAMES)
def test_outputs_are_committed_clean(name):
    notebook = read_notebook(name)
    nbformat.validate(nbformat.from_dict(notebook))
    assert set(notebook['metadata']) == {'kernelspec'}
    for cell in code_cells(notebook):
        assert cell['execution_count'], text(cell)
        assert ('widget' in tags(cell)) <= (not cell['outputs'])
        for output in cell['outputs']:
            assert output['output_type'] != 'error'
            assert output.get('name') != 'stderr', text(cell)
            assert 'image/svg+xml' not in output.get('data', {})
            # What a page says to those who don't see the picture.
            assert ('image/png' not in output.get('data', {})
                    or len(cell['metadata']['alt']) > 80), text(cell)
            # No path of the machine, and nothing that fills pages.
            printed = ''.join(output.get('text', ''))
            assert str(ROOT) not in printed
            assert printed.count('\n') < 30, text(cell)


@pytest.mark.parametrize('name', NAMES)
def test_there_is_something_to_look_at_and_to_try(name):
    """A slider has a figure before it that works without a kernel."""
    figure = widgets = 0
    for cell in code_cells(read_notebook(name)):
        if 'widget' in tags(cell):
            widgets += 1
            assert figure
        figure += any('image/png' in output.get('data', {})
                      for output in cell['outputs'])
    assert widgets
    assert figure >= 4


@pytest.mark.parametrize('name', NAMES)
def test_links_and_figures_lead_somewhere(name):
    notebook = read_notebook(name)
    content = '\n'.join(map(text, markdown_cells(notebook)))
    headings = [line.lstrip('# ') for line in content.splitlines()
                if line.startswith('#')]
    assert headings[-1] == 'References'
    for alt, target in re.findall(r'!\[([^\]]*)\]\(([^)]+)\)', content):
        assert len(alt) > 80
        assert (ROOT / 'notebooks' / target).is_file()
    for target in re.findall(r'\]\(([^)#]+)[^)]*\)', content):
        assert target.startswith('https://') or (
            ROOT / 'notebooks' / target).exists(), target
    for anchor in re.findall(r'\]\(#([^)]+)\)', content):
        assert anchor.replace('-', ' ') in headings


@pytest.mark.parametrize('name', SECTIONS)
def test_exercises_have_solutions(name):
    notebook = read_notebook(name)
    content = '\n'.join(map(text, markdown_cells(notebook)))
    for heading in ('Summary', 'Exercises'):
        assert f'\n## {heading}\n' in content
    exercises = re.findall(
        r'^1\. ', content.split('## Exercises')[1], re.M)
    assert 4 <= len(exercises) <= 6
    solved = re.findall(r'(?:\*\*|# )Solution (\d)', '\n'.join(
        text(cell) for cell in notebook['cells']
        if 'solution' in tags(cell)))
    assert set(map(int, solved)) >= set(range(1, len(exercises) + 1))


@pytest.fixture(scope='module')
def page_of(tmp_path_factory):
    """The page of a notebook, which is made once."""
    @functools.cache
    def page_of(name):
        page = tmp_path_factory.mktemp('pages') / 'page.html'
        export_html.export(ROOT / 'notebooks' / name, page)
        return page.read_text('utf-8')
    return page_of


@pytest.mark.parametrize('name', SECTIONS)
def test_solutions_are_folded_on_the_page(name, page_of):
    content = page_of(name)
    folded = re.findall(r'<details class="solution">.*?</details>', content,
                        re.S)
    expected = sum('solution' in tags(cell)
                   for cell in read_notebook(name)['cells'])
    assert len(folded) == expected
    assert all('olution' in fold for fold in folded)


@pytest.mark.parametrize('name', NAMES)
def test_answers_are_folded_on_the_page(name, page_of):
    content = page_of(name)
    written = '\n'.join(map(text, markdown_cells(read_notebook(name))))
    folds = BeautifulSoup(content, 'html.parser').select(
        'details:not(.solution)')
    assert len(folds) == written.count('<details>') > 0
    assert '[[' not in re.sub(r'<(pre|script).*?</\1>', '', content,
                              flags=re.S)
    for node in folds:
        question = node.summary.extract().get_text()
        assert question
        assert node.get_text(strip=True), question


@pytest.mark.parametrize('name', NAMES)
def test_a_page_holds_what_it_shows(name, page_of):
    """Nothing is fetched, neither from a network nor from other files."""
    content = page_of(name)
    assert not re.search(r'<(?:script|img|link)[^>]+(?:src|href)="(?!data:|")',
                         content)


@pytest.mark.parametrize('path', sorted((ROOT / 'img').glob('*.svg')),
                         ids=lambda path: path.name)
def test_drawings_describe_themselves(path):
    content = path.read_text('utf-8')
    assert content.index('<title') < content.index('<desc')
    # A light ground of its own, so that it can be read on a dark page.
    assert '" rx="10" fill="#ffffff"/>' in content

"""The book: complete, linked, offline, and true to the notebooks."""
import base64
import importlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

import assignments
import book as book_builder
import book_figures
import book_notebooks
import nbformat
import numpy
import pytest
from bs4 import BeautifulSoup
from helpers import ROOT, code_cells, markdown_cells, read_notebook, tags, text
from PIL import Image
from sphinx.util.inventory import InventoryFile

NAMES = sorted(path.stem for path in (ROOT / 'notebooks').glob('*.ipynb'))


@pytest.fixture(scope='module')
def pages(book):
    """Parsed pages by path."""
    return {path: BeautifulSoup(path.read_text('utf-8'), 'html.parser')
            for path in book.rglob('*.html')
            if not {'_static', 'slides'} & set(path.parts)}


@pytest.fixture(scope='module')
def notebook_page(book, pages):
    return lambda name: pages[book / 'notebooks' / f'{name}.html']


def ids(page):
    found = [node['id'] for node in page.select('article [id]')]
    assert len(found) == len(set(found)), page.title
    return {node['id'] for node in page.select('[id]')}


def test_links_lead_to_pages_and_places_that_exist(pages):
    known, links = {}, 0
    for path, page in pages.items():
        for node in page.select('a[href]'):
            link = urlsplit(node['href'])
            if link.scheme or node['href'] == '#':
                continue
            target = path
            if link.path:
                target = (path.parent / unquote(link.path)).resolve()
            assert target.is_file(), f'{path.name}: {node["href"]}'
            if link.fragment and target.suffix == '.html':
                if target not in known:
                    known[target] = ids(pages[target])
                assert unquote(link.fragment) in known[target], (
                    f'{path.name}: {node["href"]}')
            links += 1
    assert links > 1000


def test_nothing_is_loaded_from_elsewhere(book, pages):
    for path, page in pages.items():
        for node in page.select('script[src], img[src], link[href], iframe'):
            address = node.get('src') or node.get('href')
            link = urlsplit(address)
            assert not link.scheme or link.scheme == 'data', (
                f'{path.name}: {address}')
            assert (path.parent / unquote(link.path)).exists(), (
                f'{path.name}: {address}')
    for path in book.rglob('*.css'):
        assert not re.search(r'(url\(|@import)\s*["\']?(https?:)?//',
                             path.read_text('utf-8')), path.name


@pytest.mark.parametrize('name', NAMES)
def test_what_is_downloaded_is_the_notebook(book, notebook_page, name):
    address = notebook_page(name).select_one('a.btn-download-source-button')
    page = book / 'notebooks' / f'{name}.html'
    downloaded = (page.parent / address['href']).resolve()
    assert downloaded.read_bytes() == (
        ROOT / 'notebooks' / f'{name}.ipynb').read_bytes()


@pytest.mark.parametrize('name', NAMES)
def test_a_page_shows_every_cell_and_picture(notebook_page, name):
    page, notebook = notebook_page(name), read_notebook(f'{name}.ipynb')
    shown = [node.get_text() for node in page.select('div.cell_input')]
    # In place of sliders that need a kernel there are figures that do not.
    sources = [text(cell) for cell in code_cells(notebook)
               if 'widget' not in tags(cell)]
    assert sorted(map(str.strip, shown)) == sorted(map(str.strip, sources))
    pictures = sum('image/png' in output.get('data', {})
                   for cell in code_cells(notebook)
                   for output in cell['outputs'])
    assert len(page.select('div.cell_output img')) == pictures


@pytest.mark.parametrize('name', NAMES)
def test_figures_move_where_a_notebook_has_sliders(book, notebook_page, name):
    cells = read_notebook(f'{name}.ipynb')['cells']
    named = [cell['metadata'].get('moving') for cell in cells
             if 'widget' in tags(cell)]
    assert named
    assert all(named)
    page = notebook_page(name)
    shown = [node['data-figure'] for node in page.select(
        'figure > .moving-figure')]
    assert shown == [cell['metadata']['moving'] for cell in cells
                     if 'moving' in cell['metadata']]
    assert set(shown) <= set(book_figures.FIGURES['captions'])
    for node in page.select('figure:has(> .moving-figure)'):
        assert node.select_one('.caption-number')
    scripts = [PurePosixPath(urlsplit(node['src']).path).stem
               for node in page.select('script[src*=figures]')]
    assert scripts == book_figures.FIGURES['scripts']


def test_pages_without_moving_figures_load_none(book):
    page = (book / 'reference' / 'symbols.html').read_text('utf-8')
    assert '_static/figures' not in page


def test_where_figures_are_placed():
    code, plain = ({'cell_type': 'code', 'id': key, 'source': '', 'metadata': {
        'moving': 'iou', 'tags': tagged}} for key, tagged in (
            ('a', ['widget']), ('b', [])))
    first, second, third = book_figures.place_figures([code, plain])
    assert first['source'] == third['source'] == ':::{moving-figure} iou\n:::'
    assert second is plain
    assert first['id'] != third['id']


def test_pictures_have_descriptions(pages):
    pictures = [(path.name, node.get('alt', '')) for path, page
                in pages.items() for node in page.select('article img')]
    assert len(pictures) > 40
    # Where nobody wrote a description, Sphinx takes the name of the file.
    assert not [(name, alt) for name, alt in pictures
                if len(alt) < 30 or '_images/' in alt]


@pytest.mark.parametrize('name', NAMES)
def test_solutions_are_folded_under_their_exercises(notebook_page, name):
    page, notebook = notebook_page(name), read_notebook(f'{name}.ipynb')
    exercises = sum(len(re.findall(r'^1\. ', text(cell), re.M))
                    for cell in markdown_cells(notebook)
                    if text(cell).startswith('## Exercises\n'))
    assert len(page.select('.exercise.admonition')) == exercises
    folded = page.select('details.solution')
    solved = any('solution' in tags(cell) for cell in notebook['cells'])
    assert len(folded) == (exercises if solved else 0)
    for number, fold in enumerate(folded, 1):
        title = fold.find('summary').get_text()
        assert re.fullmatch(rf'Solution to Exercise \d\.{number}', title)
        assert not fold.has_attr('open')
        assert len(fold.get_text()) > len(title) + 20


@pytest.mark.parametrize('name', NAMES)
def test_references_are_those_of_the_notebook(notebook_page, name):
    page = notebook_page(name)
    last = text(markdown_cells(read_notebook(f'{name}.ipynb'))[-1])
    listed = page.select('.citation')
    assert len(listed) == last.count('\n* ') + last.startswith('* ') > 0
    for arxiv in re.findall(r'arXiv:(\S+)\]', last):
        assert any(arxiv in entry.get_text() for entry in listed)
    assert '#References' not in str(page.select_one('article'))


def test_figures_and_formulas_are_numbered_and_cited(book, notebook_page,
                                                     pages):
    chapter = notebook_page('faster-rcnn')
    captions = [node.get_text() for node in
                chapter.select('figcaption .caption-number')]
    assert [caption.strip() for caption in captions] == [
        f'Figure 4.{number}' for number in range(1, len(captions) + 1)]
    for node in chapter.select('p a.reference[href^="#figure-"]'):
        assert node.get_text() in [caption.strip() for caption in captions]
    symbols = pages[book / 'reference' / 'symbols.html']
    cited = {node.get_text() for node in symbols.select('a.reference')}
    assert {'(2.1)', '(2.2)', '(2.3)', '(3.1)'} <= cited


@pytest.mark.parametrize('name', NAMES)
def test_every_figure_has_a_number_and_a_caption(notebook_page, name):
    page, stem = notebook_page(name), f'figure-{name}-'
    captions = {cell['id']: cell['metadata']['mystnb']['figure']['caption']
                for cell in code_cells(read_notebook(f'{name}.ipynb'))
                if 'alt' in cell['metadata']}
    pictures = page.select('article img')
    assert len(pictures) >= len(captions) > 4
    for picture in pictures:
        assert picture.find_parent('figure').select_one('.caption-number')
    for cell, caption in captions.items():
        figure = page.find(id=f'{stem}{cell}')
        assert caption.replace("'", '\N{RIGHT SINGLE QUOTATION MARK}') in (
            figure.figcaption.get_text())


def test_a_page_says_how_long_it_takes_and_what_belongs_to_it(
        notebook_page, book):
    facts = notebook_page('rpn').select_one('.facts')
    assert '25 minutes to read, 5 minutes to run' in facts.get_text()
    links = [node['href'] for node in facts.select('a')]
    assert links == ['#exercises', '../slides/rpn.html']
    assert (book / 'slides' / 'rpn.html').is_file()


@pytest.mark.parametrize('name', NAMES)
def test_terms_and_references_explain_themselves(notebook_page, name):
    terms = notebook_page(name).select('article a.term')
    assert len(terms) > 3
    for term in terms:
        assert len(term['title']) > 30
        assert not term.find_parent(['h1', 'h2', 'h3', 'a', 'pre', 'code'])
    known = [node['href'] for node in terms if 'glossary' in node['href']]
    assert len(known) == len(set(known))
    # A map is no mean average precision.
    assert 'map' not in [node.get_text() for node in terms]


def test_no_page_carries_what_no_reader_needs(book, pages):
    assert not list(book.rglob('*.map'))
    for path, page in pages.items():
        assert page.select_one('link[rel=icon]'), path
        assert not page.select('a[href*=localhost]'), path
    files = [path for path in book.rglob('*') if path.is_file()
             and '_sources' not in path.parts]
    assert max(path.stat().st_size for path in files) < 6e6


@pytest.mark.parametrize('name', NAMES)
def test_a_notebook_is_saved_from_a_folder(book, name):
    """The script of each source hands over the source as it is."""
    source = ROOT / 'notebooks' / f'{name}.ipynb'
    script = (book / '_sources' / 'notebooks' / f'{name}.ipynb.js'
              ).read_text('utf-8')
    file, content = json.loads(
        f'[{script.removeprefix("saveFile(").removesuffix(");")}]')
    assert (file, content) == (f'{name}.ipynb', source.read_text('utf-8'))


def test_a_picture_that_was_pasted_into_a_notebook():
    cell = {'source': '![a](attachment:my%20p.png)', 'attachments': {
        'my p.png': {'image/png': 'aGk=\n'}}}
    assert book_notebooks.embed(cell) == '![a](data:image/png;base64,aGk=)'


@pytest.mark.parametrize(('students', 'expected'), [
    (False, 'a\nb\nc\n'), (True, 'a\nc\n')])
def test_what_is_for_teachers_only(students, expected):
    source = 'a\n:::{only} teachers\nb\n:::\nc\n'
    assert book_notebooks.for_readers(source, students) == expected


def letters(formula):
    """Letters of a formula in LaTeX, Greek ones by their command."""
    formula = re.sub(r'\\(mathrm|text)\{[^}]*\}', ' ', formula)
    greek = re.findall(r'\\(lambda|eta|rho)\b', formula)
    return {*greek, *re.findall('[A-Za-z]', re.sub(r'\\[a-z]+', ' ', formula))}


def test_the_table_of_symbols_has_every_letter():
    """Those of formulas, and those that the text sets in italics."""
    table = (ROOT / 'docs' / 'reference' / 'symbols.md').read_text('utf-8')
    listed = set().union(*(letters(row) for row in re.findall(
        r'^\| (\$.*?\$) \|', table, re.M)))
    greek = {'λ': 'lambda', 'η': 'eta'}
    notebooks = [*(ROOT / 'notebooks').glob('*.ipynb'), assignments.SOURCE]
    seen = set()
    for path in notebooks:
        used = set()
        for cell in markdown_cells(read_notebook(path)):
            used |= {greek.get(letter, letter) for letter in re.findall(
                r'(?<![\w*\\])\*([^\W\d_])\*(?!\*)', text(cell))}
            for formula in re.findall(r'\$\$?(.+?)\$\$?', text(cell), re.S):
                used |= letters(formula)
        assert used <= listed, path.name
        seen |= used
    assert len(seen) > 15
    for formula in re.findall(r'\$\$(.+?)\$\$', table, re.S):
        assert letters(formula) <= listed


def test_every_public_name_is_documented(book):
    with (book / 'objects.inv').open('rb') as file:
        inventory = InventoryFile.load(file, '', lambda *parts: parts[-1])
    documented = {name for kind, names in inventory.items()
                  if kind.startswith('py:') for name in names}
    public = [f'{module.__name__}.{name}'
              for path in (ROOT / 'd2l_ext').rglob('[a-z]*.py')
              for module in [importlib.import_module('.'.join(
                  path.relative_to(ROOT).with_suffix('').parts))]
              for name in getattr(module, '__all__', ())]
    assert len(public) > 80
    assert set(public) <= documented


def test_a_name_in_the_text_leads_to_its_documentation(notebook_page):
    links = [node['href'] for node in notebook_page('faster-rcnn').select(
        'p a[title="d2l_ext.rpn.predict_rpn"]')]
    assert links
    assert {link.split('#')[0] for link in links} == {'../api/networks.html'}


ADDRESS = 'https://github.com/someone/chapter'


def sharp_picture():
    """As `retina` makes them: as wide as the metadata say, twice as many
    pixels.
    """
    stream = io.BytesIO()
    noise = numpy.random.default_rng(0).integers(0, 99, (300, 600, 3))
    Image.fromarray(noise.astype('uint8')).save(stream, 'PNG')
    return nbformat.v4.new_output(
        'display_data', {'image/png': base64.b64encode(
            stream.getvalue()).decode()},
        metadata={'image/png': {'width': 300, 'height': 150}})


def small_notebook():
    cells = [
        nbformat.v4.new_markdown_cell('# Page'),
        nbformat.v4.new_markdown_cell(
            'Words about "boxes" that [a page](../docs/index.md#book) and '
            '[a title](#page) explain.\n\n'
            '![A region of a map and its largest numbers](../img/roi.svg)'),
        nbformat.v4.new_code_cell('1', outputs=[sharp_picture()], metadata={
            'alt': 'A picture with noise in it, as noise is.', 'mystnb': {
                'figure': {'caption': 'Noise.'}}})]
    return nbformat.v4.new_notebook(cells=cells, metadata={
        'kernelspec': {'name': 'python3', 'display_name': 'Python 3'},
        'language_info': {'name': 'python'}})


@pytest.fixture(scope='module')
def small_book(tmp_path_factory):
    """Pages that build at once, with the book's settings and addresses."""
    folder = tmp_path_factory.mktemp('small')
    for name in ('docs/conf.py', 'docs/references.bib', 'docs/machines.md',
                 'README.md'):
        shutil.copy(ROOT / name, folder)
    (folder / 'reference').mkdir()
    shutil.copy(ROOT / 'docs/reference/glossary.md', folder / 'reference')
    shutil.copytree(ROOT / 'docs' / '_static', folder / '_static')
    shutil.copytree(ROOT / 'img', folder / 'img')
    (folder / 'notebooks').mkdir()
    (folder / 'index.md').write_text(
        '# Book\n\n![Detections](img/detections.png)\n\n```{toctree}\n'
        'notebooks/page\nreference/glossary\nmachines\n```\n')
    nbformat.write(small_notebook(), folder / 'notebooks' / 'page.ipynb')
    subprocess.run(
        [sys.executable, '-m', 'sphinx', '--quiet', '--fail-on-warning',
         folder, folder / 'made'], check=True,
        env={**os.environ, 'BOOK_ROOT': str(ROOT),
             'BOOK_LAB': 'http://localhost:8888',
             'BOOK_ADDRESS': 'https://example.org/book',
             'BOOK_REPOSITORY': book_builder.check_repository(
                 f'{ADDRESS}.git')})
    return folder / 'made'


@pytest.fixture(scope='module')
def small_page(small_book):
    return BeautifulSoup((small_book / 'notebooks/page.html').read_text(
        'utf-8'), 'html.parser')


def test_pages_lead_to_the_repository_that_is_named(small_book, small_page):
    links = {node['href'] for node in small_page.select(
        '.article-header-buttons a')}
    assert links == {
        ADDRESS, 'https://mybinder.org/v2/gh/someone/chapter/HEAD?urlpath='
        'lab/tree/notebooks/page.ipynb', '../_sources/notebooks/page.ipynb',
        'https://colab.research.google.com/github/someone/chapter/blob/'
        'gh-pages/hosted/page.ipynb',
        'http://localhost:8888/lab/tree/notebooks/page.ipynb'}
    for picture in small_page.select('img'):
        assert (small_book / 'notebooks' / picture['src']).is_file()
    # GitHub serves all of it.
    assert (small_book / '.nojekyll').is_file()


def test_a_hosted_notebook_begins_with_what_adds_the_chapter(small_book):
    notebook = nbformat.read(small_book / 'hosted' / 'page.ipynb', 4)
    nbformat.validate(notebook)
    first, _, words, code = notebook.cells
    section = (ROOT / 'docs' / 'machines.md').read_text('utf-8').split(
        '\n## A hosted notebook server\n')[1]
    lines = section.split('```\n')[1].replace(
        'ADDRESS-OF-THE-PROJECT', ADDRESS).splitlines()
    assert len(lines) > 3
    assert first.source.splitlines()[1:] == [
        *[f'!{line}' for line in lines], '%cd ~/chapter/notebooks']
    assert lines[0].endswith(f'{ADDRESS} ~/chapter')
    assert words.source == (
        f'Words about "boxes" that [a page]({ADDRESS}/blob/HEAD/docs/index.md'
        '#book) and [a title](#page) explain.\n\n'
        '![A region of a map and its largest numbers]('
        'https://raw.githubusercontent.com/someone/chapter/HEAD/img/roi.svg'
        '?sanitize=true)')
    # The rest is as it was, outputs included.
    assert code == small_notebook().cells[-1] | {'id': code.id}


def test_a_book_without_an_address_leads_nowhere_else(book, pages):
    assert not (book / 'hosted').exists()
    for page in pages.values():
        for node in page.select('.article-header-buttons a'):
            assert not urlsplit(node['href']).scheme


def test_sharp_pictures_are_as_wide_as_they_say(small_book, small_page):
    picture = small_page.select_one('div.cell_output img')
    # As an attribute or, before Python 3.11, as a style.
    width = picture.get('width') or picture['style']
    assert width in ('300', 'width: 300px;')
    assert not picture.get('height')
    original = small_notebook().cells[-1].outputs[0].data['image/png']
    assert (small_book / 'notebooks' / picture['src']
            ).read_bytes() == base64.b64decode(original)


def meta(page):
    """Names or properties of a page's tags, and what they say."""
    return {node.get('name', node.get('property')): node['content']
            for node in page.select('meta[content]')}


def test_previews_need_whole_addresses(small_page):
    said = meta(small_page)
    assert said['og:title'] == 'Page'
    assert said['og:url'] == 'https://example.org/book/notebooks/page.html'
    assert said['og:image'].startswith('https://example.org/book/_images/')
    assert said['description'] == said['og:description'] == (
        'Words about “boxes” that a page and a title explain.')


def test_every_page_has_a_description_and_a_picture(book, pages):
    described = set()
    for path, page in pages.items():
        if path.stem in ('genindex', 'search'):
            continue
        said = meta(page)
        assert len(said['description']) > 30, path
        assert '$' not in said['description'], path
        assert (path.parent / said['og:image']).is_file(), path
        described.add(said['description'])
    # Each page its own.
    assert len(described) > 15
    assert len(described) == len(pages) - 2


def weight(path, page):
    """Bytes of a page and of all that it loads."""
    files = {(path.parent / unquote(urlsplit(address).path)).resolve()
             for node in page.select(
                 '[src], link:is([rel=stylesheet], [rel=icon], [rel=preload])')
             for address in [node.get('src') or node['href']]
             if not address.startswith('data:')}
    return sum(file.stat().st_size for file in {path, *files}
               if file.is_file())


@pytest.mark.skipif(sys.version_info < (3, 11),
                    reason='before Python 3.11 the theme brings more icons')
def test_no_page_is_heavy(pages):
    heavy = {path.name: weight(path, page) for path, page in pages.items()}
    assert max(heavy.values()) < 6e6, heavy
    # The theme alone, without icons that are not shown.
    assert 4e5 < min(heavy.values()) < 1e6, heavy


def test_paper_that_is_printed_from_what_is_shown(tmp_path, monkeypatch):
    """However old files are: sources may change while they are printed."""
    paper = tmp_path / 'build' / 'faster-rcnn.pdf'
    for path in (paper, tmp_path / 'build' / 'faster-rcnn' / 'rpn.pdf'):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    monkeypatch.setattr(book_builder, 'ROOT', tmp_path)
    monkeypatch.setattr(book_builder, 'PAPER', paper)
    source = tmp_path / 'notebooks' / 'rpn.ipynb'
    source.parent.mkdir()
    source.write_text('before')
    printed = book_builder.digest()
    book_builder.add_paper(tmp_path / 'halfway', printed)
    assert not (tmp_path / 'halfway').exists()
    paper.with_suffix('.sources').write_text(printed)
    source.write_text('after!')
    os.utime(source, (1, 1))
    book_builder.add_paper(tmp_path / 'old', book_builder.digest())
    assert not (tmp_path / 'old').exists()
    source.write_text('before')
    book_builder.add_paper(tmp_path / 'new', book_builder.digest())
    assert {path.name for path in (tmp_path / 'new').iterdir()} == {
        'faster-rcnn.pdf', 'rpn.pdf'}


def test_a_page_leads_to_what_was_made_of_it(tmp_path):
    readme = ('| [A](notebooks/rpn.ipynb) | x | 25 min | 5 min |')
    for name in ('slides/rpn.html', 'pdf/rpn.pdf'):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    line = book_notebooks.facts('rpn', readme, True, tmp_path)
    assert re.findall('href="([^"]*)"', line) == [
        '../slides/rpn.html', '../pdf/rpn.pdf']
    assert '[Exercises](#exercises)' in line
    assert 'href' not in book_notebooks.facts('anchors', readme, True,
                                              tmp_path)


@pytest.mark.parametrize('address', [
    'https://example.org/someone/chapter', 'https://github.com/someone',
    'git@github.com:someone/chapter.git'])
def test_addresses_that_binder_does_not_know(address):
    with pytest.raises(SystemExit, match='name a repository on GitHub'):
        book_builder.check_repository(address)


def test_a_part_of_the_readme_ends_where_the_next_one_begins(book):
    page = (book / 'reference' / 'differences.html').read_text('utf-8')
    assert 'D19' in page
    assert 'tools/fresh_machine.sh' not in page


@pytest.mark.parametrize(('source', 'expected'), [
    ('A [file](../d2l_ext/data/voc.py).', 'A file.'),
    ('[Results](../docs/results.md)', '[Results](/results.md)'),
    ('[D](../README.md#differences-from-the-2020-draft)',
     '[D](/reference/differences.md)'),
    ('![A](../img/roi.svg)', '![A](../img/roi.svg)')])
def test_links_between_files(source, expected):
    assert book_notebooks.link_pages(source) == expected

"""The slides: one page a deck, complete, with notes and a clock."""
import base64
import io
import re
import shutil

import nbformat
import pytest
import slides
import yaml
from bs4 import BeautifulSoup
from helpers import ROOT, read_notebook, text
from PIL import Image
from slides import SECTIONS, DeckError, excerpt, local_links, read_deck


@pytest.fixture(scope='module')
def pages(decks):
    return {name: (decks / f'{name}.html').read_text('utf-8')
            for name in SECTIONS}


def slides_of(page):
    """Sections that are a slide, not a stack of slides."""
    return [section for section in BeautifulSoup(page, 'html.parser')
            .select('.slides > section > section')]


@pytest.mark.parametrize('name', SECTIONS)
def test_a_deck_asks_the_network_for_nothing(pages, name):
    page = BeautifulSoup(pages[name], 'html.parser')
    assert 'Reveal.initialize' in pages[name]
    assert len(page.select('script')) == 4
    for tag in page.select('script, link, img, iframe, source, object'):
        for attribute in ('src', 'href', 'data'):
            assert tag.get(attribute, 'data:').startswith('data:')
    styles = ''.join(tag.get_text() for tag in page.select('style'))
    assert '@import' not in styles
    assert not re.search(r'url\(["\']?(?!data:|#)', styles)
    # Links that are clicked may leave; other decks are found beside this.
    for link in page.select('.slides a'):
        assert link['href'].startswith('https://') or (
            link['href'].removesuffix('.html') in SECTIONS)


@pytest.mark.parametrize('name', SECTIONS)
def test_each_slide_has_a_title_and_notes_with_a_clock(pages, name):
    _, deck = read_deck(name)
    clock = deck['start']
    slides = slides_of(pages[name])
    assert len(slides) > 10
    for slide in slides:
        notes, = slide.select('aside.notes')
        start, end = map(int, re.match(
            r'\s*Minutes (\d+) to (\d+) of 45\.', notes.get_text()).groups())
        assert (start, end > start) == (clock, True)
        clock = end
        assert len(notes.get_text().split()) > 15
        notes.extract()
        title, = slide.select('h1, h2, h3')
        assert title.get_text()
        assert not slide.select('aside')
    assert clock == deck['start'] + sum(
        entry.get('minutes', 0) for entry in deck['cells'].values())


def test_two_decks_fill_a_lesson():
    end = {}
    for name in SECTIONS:
        _, deck = read_deck(name)
        assert deck['start'] == end.get(deck['lesson'], 0)
        end[deck['lesson']] = deck['start'] + sum(
            entry.get('minutes', 0) for entry in deck['cells'].values())
    assert end == {1: 45, 2: 45, 3: 34}


@pytest.mark.parametrize('name', SECTIONS)
def test_figures_are_described(pages, name):
    page = BeautifulSoup(pages[name], 'html.parser')
    images = page.select('img')
    # Figures that move describe themselves.
    assert len(images) + len(page.select('.moving-figure')) >= 4
    for image in images:
        assert len(image['alt']) > 40
        assert 'No description' not in image['alt']


@pytest.mark.parametrize('name', SECTIONS)
def test_code_on_slides_is_the_code_of_the_notebook(pages, name):
    lines = {re.sub(r'  # D\d+$', '', line).strip()
             for cell in read_notebook(name + '.ipynb')['cells']
             if cell['cell_type'] == 'code'
             for line in text(cell).splitlines()}
    blocks = [block for slide in slides_of(pages[name])
              for block in slide.select('.highlight pre')]
    assert len(blocks) >= 4
    for block in blocks:
        for line in block.get_text().splitlines():
            assert line.strip() in lines | {'', '# ...'}


@pytest.mark.parametrize('name', SECTIONS)
def test_solutions_and_widgets_are_not_projected(name):
    for cell in read_notebook(name + '.ipynb')['cells']:
        kind = cell['metadata']['slideshow']['slide_type']
        assert kind in slides.SLIDE_TYPES
        if {'solution', 'widget'} & set(cell['metadata'].get('tags', [])):
            assert kind == 'skip'


def test_excerpts():
    code = 'a\n    b = 1\n    c = 2\nd'
    assert excerpt(code, 'b =', 'c =') == (
        '# ...\nb = 1\nc = 2\n# ...')
    assert excerpt(code, 'a', 'd') == code
    for start, end in (('x', 'c'), ('c', 'b'), ('a', 'x')):
        with pytest.raises(DeckError, match='No lines from'):
            excerpt(code, start, end)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the decks and notebooks to change."""
    for name in ('notebooks', 'docs/slides', 'img'):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / 'docs' / 'figures.yml', tmp_path / 'docs')
    monkeypatch.setattr(slides, 'ROOT', tmp_path)
    monkeypatch.setattr(slides, 'DECKS', tmp_path / 'docs' / 'slides')
    return tmp_path


def add_slide(project):
    """As a teacher does in JupyterLab: a cell, a slide type, a picture."""
    path = project / 'notebooks' / 'anchors.ipynb'
    notebook = nbformat.read(path, 4)
    stream = io.BytesIO()
    Image.new('RGB', (40, 30), 'red').save(stream, 'PNG')
    cell = nbformat.v4.new_markdown_cell(
        '### Ours\n\n![a red area](attachment:my%20photo.png)', metadata={
            'slideshow': {'slide_type': 'slide'}}, attachments={
            'my photo.png': {'image/png': base64.b64encode(
                stream.getvalue()).decode()}})
    notebook.cells.insert(3, cell)
    nbformat.write(notebook, path)


def test_a_slide_of_the_teacher(project):
    before = slides_of(slides.page_of('anchors'))
    add_slide(project)
    after = slides_of(slides.page_of('anchors'))
    assert len(after) == len(before) + 1
    ours, = [slide for slide in after if 'Ours' in slide.get_text()]
    assert ours.img['src'].startswith('data:image/png;base64,')
    assert 'of 45.' in ours.select_one('aside.notes').get_text()


def test_a_bad_cell_costs_no_other_deck(project, tmp_path):
    path = project / 'notebooks' / 'anchors.ipynb'
    notebook = nbformat.read(path, 4)
    notebook.cells[0].metadata.slideshow = {'slide_type': 'slid'}
    nbformat.write(notebook, path)
    fault, = slides.write(tmp_path / 'made')
    assert fault.startswith('anchors: DeckError')
    assert '"slid"' in fault
    made = {page.stem for page in (tmp_path / 'made').iterdir()}
    assert made == {*SECTIONS, 'index'} - {'anchors'}
    assert 'anchors.html' not in (
        tmp_path / 'made' / 'index.html').read_text('utf-8')


def test_the_first_slide_says_what_the_shell_says(monkeypatch):
    monkeypatch.setenv('COURSE', 'Vision <1>')
    monkeypatch.setenv('DATE', '3 May')
    first, *others = slides_of(slides.page_of('rpn'))
    assert first.select_one('.occasion').get_text() == 'Vision <1> · 3 May'
    assert not any(slide.select('.occasion') for slide in others)


def test_students_get_no_notes():
    page = slides.page_of('rpn', notes=False)
    assert 'aside' not in {tag.name for slide in slides_of(page)
                           for tag in slide.find_all()}


def test_links_of_a_notebook_lead_to_decks():
    assert local_links('[A](anchors.ipynb) [R](#References) ![x](../img/r.svg)'
                       ) == '[A](anchors.html) R ![x](img/r.svg)'


@pytest.mark.parametrize(('cells', 'message'), [
    ({'00000000': {'notes': 'x'}}, 'shows no cell 00000000'),
    ({None: {'note': 'x'}}, r"unknown \['note'\]"),
    ({None: {'moving': 'x'}}, 'no figure "x"')])
def test_a_deck_that_does_not_fit_its_notebook(tmp_path, monkeypatch, cells,
                                               message):
    first = read_notebook('anchors.ipynb')['cells'][0]['id']
    (tmp_path / 'anchors.yml').write_text(yaml.safe_dump({
        'cells': {key or first: entry for key, entry in cells.items()}}))
    monkeypatch.setattr(slides, 'DECKS', tmp_path)
    with pytest.raises(DeckError, match=message):
        read_deck('anchors')


def test_decks_have_no_texts_for_cells_that_are_gone():
    for path in (ROOT / 'docs' / 'slides').glob('*.yml'):
        assert path.stem in SECTIONS
        read_deck(path.stem)


def test_the_plan_of_the_lessons_is_that_of_the_decks():
    plan = (ROOT / 'docs' / 'teaching.md').read_text('utf-8')
    rows = re.findall(r'^\| (\d+)\W(\d+) \| ([^|]+) \|', plan, re.M)
    decks = [read_deck(name)[1] for name in SECTIONS]
    borders = {}
    for deck in decks:
        clock = deck['start']
        borders[deck['title']] = {clock} | {
            clock := clock + entry['minutes']
            for entry in deck['cells'].values() if 'minutes' in entry}
    end = 0
    for start, stop, title in rows:
        assert int(start) == end % 45
        end += int(stop) - int(start)
        assert {int(start), int(stop)} <= borders[title]
    assert end == 45 + 45 + 34
    assert [title for title in dict.fromkeys(row[2] for row in rows)] == [
        deck['title'] for deck in decks]


def test_the_plan_explains_all_fields_of_a_deck():
    plan = (ROOT / 'docs' / 'teaching.md').read_text('utf-8')
    table = plan.split('| Field |')[1]
    fields = {field for row in re.findall(r'^\| (`[^|]*) \|', table, re.M)
              for field in re.findall(r'`(\w+)`', row)}
    assert fields == slides.FIELDS

"""The book on paper."""
import functools
import itertools
import re
import subprocess
import sys
from collections import Counter

import pytest
from helpers import ROOT, code_cells, markdown_cells, read_notebook, tags, text
from pypdf import PdfReader


@pytest.fixture(scope='module')
def paper(tmp_path_factory):
    """Path of the PDF, as `make pdf` makes it."""
    folder = tmp_path_factory.mktemp('paper')
    for command in (['book.py', folder / 'print', '--builder', 'singlehtml'],
                    ['print_book.py', folder / 'print' / 'index.html',
                     folder / 'book.pdf']):
        subprocess.run([sys.executable, ROOT / 'tools' / command[0],
                        *command[1:]], check=True)
    return folder / 'book.pdf'


@pytest.fixture(scope='module')
def read(paper):
    """Read a page, counted from 1: its text, and how much has which size.

    Of each size it tells apart code and other text. It takes long, so no
    page is read twice.
    """
    pages = PdfReader(paper).pages

    @functools.cache
    def read(number):
        sizes = Counter()

        def count(text, cm, tm, font, size):
            scale = abs(cm[3] or cm[1]) * abs(tm[3] or tm[1])
            if text.strip() and font:
                mono = 'Mono' in font.get('/BaseFont', '')
                sizes[mono, round(size * scale, 1)] += len(text)
        return pages[number - 1].extract_text(visitor_text=count), sizes
    return read


def test_the_print_has_every_section(paper):
    reader = PdfReader(paper)
    assert 100 < len(reader.pages) < 250
    titles = ' '.join(place.title for place in reader.outline
                      if not isinstance(place, list))
    for title in ('Detection Data', 'Anchors', 'Region Proposal Networks',
                  'Faster R-CNN', 'Exercises Solved', 'References'):
        assert title in titles or title in str(reader.outline)


def test_the_contents_name_the_pages(read):
    assert 'An executable chapter' in read(1)[0]
    listed = [row for number in range(2, 6) for row in re.findall(
        r'^((?:\d\.)+ [^\n]+?) ?(\d+)$', read(number)[0], re.M)]
    assert len(listed) > 40
    for title, number in listed:
        assert title.split(' ', 1)[1] in read(int(number))[0], title


def test_text_and_code_are_large_enough_to_read(paper, read):
    sizes = Counter()
    for number in range(len(PdfReader(paper).pages)):
        sizes += read(number + 1)[1]
    assert sum(sizes.values()) > 20_000
    mono = [size for kind, size in sizes if kind]
    assert min(mono) >= 8.5
    body = Counter({size: n for (kind, size), n in sizes.items() if not kind})
    assert body.most_common(1)[0][0] >= 10


def lowest_text(page):
    """How much of the page, in shares, is below its last line of text."""
    margin, height = 18 / 25.4 * 72, float(page.mediabox.height)
    ends = []

    def see(text, cm, tm, font, size):
        end = tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
        # The number of the page is in the margin.
        if text.strip() and end > margin - 2:
            ends.append(end)
    page.extract_text(visitor_text=see)
    return (min(ends) - margin) / (height - 2 * margin) if ends else 1


def test_pages_are_filled(paper):
    """A figure that is kept whole leaves at most a bit more than a third of a
    page; a section ends where it ends."""
    for path in paper.with_suffix('').iterdir():
        pages = PdfReader(path).pages
        empty = {number: round(share, 2) for number, share in enumerate(
            map(lowest_text, pages), 1) if share > .38}
        assert not set(empty) - {len(pages)}, (path.name, empty)
    pages = PdfReader(paper).pages
    assert all(lowest_text(page) < 1 for page in pages)


def test_short_code_is_on_one_page(paper):
    """Code goes on on the next page if some lines are left for it."""
    pages = [page.extract_text() for page in PdfReader(paper).pages]
    for cell in code_cells(read_notebook('faster-rcnn.ipynb')):
        lines = [line.strip() for line in text(cell).splitlines()
                 if line.strip()]
        # A figure that moves stands where widgets would.
        if len(lines) < 14 and 'widget' not in tags(cell):
            assert any(all(line in page for line in lines)
                       for page in pages), lines[0]


def test_each_section_is_a_file(paper):
    made = list(paper.with_suffix('').iterdir())
    titles = {f'{path.stem}.pdf': text(markdown_cells(read_notebook(
                  path.name))[0]).splitlines()[0].strip('# ')
              for path in (ROOT / 'notebooks').glob('*.ipynb')}
    assert {path.name for path in made} == set(titles)
    for path in made:
        pages = PdfReader(path).pages
        assert 3 < len(pages) < 60
        assert titles[path.name] in pages[0].extract_text()


def test_titles_stay_with_what_they_name(paper):
    """Whether a page ends between them depends on all that is above."""
    pages = [page.extract_text() for page in PdfReader(
        paper.with_suffix('') / 'rpn.pdf').pages]
    for title, content in [('Solution to Exercise 3.2', '# Solution 2'),
                           ('Solution to Exercise 3.4', '# Solution 4'),
                           ('Answers', 'The softmax of two scores')]:
        assert any(title in page and content in page for page in pages), title


def test_long_tables_begin_below_their_titles(read):
    """Names in them break between their words only."""
    pages = (read(number)[0] for number in itertools.count(101))
    shown = next(page for page in pages
                 if page.lstrip().startswith('When things go wrong'))
    assert 'test_killed_at_random_' in shown
    names = re.findall(r'test_\w+', (
        ROOT / 'docs' / 'reliability.md').read_text('utf-8'))
    for line in re.findall(r'^\s*(test_\w+)\s*$', shown, re.M):
        assert line.endswith('_') or line in names

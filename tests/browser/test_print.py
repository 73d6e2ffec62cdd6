"""The book on paper."""
import re
import subprocess
import sys
from collections import Counter

import pytest
from helpers import ROOT, code_cells, markdown_cells, read_notebook, tags, text
from pypdfium2 import PdfDocument
from pypdfium2.raw import FPDF_PAGEOBJ_TEXT


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


def texts(path):
    """The text of each page, without blanks: contents come in columns."""
    return [''.join(page.get_textpage().get_text_range().split())
            for page in PdfDocument(path)]


@pytest.fixture(scope='module')
def pages(paper):
    return texts(paper)


def bare(words):
    """Words as `texts` has them."""
    return ''.join(words.split())


def test_the_print_has_every_section(paper):
    document = PdfDocument(paper)
    assert 100 < len(document) < 250
    titles = ' '.join(place.get_title() for place in document.get_toc())
    for title in ('Detection Data', 'Anchors', 'Region Proposal Networks',
                  'Faster R-CNN', 'Exercises Solved', 'References'):
        assert title in titles


def test_the_contents_name_the_pages(paper, pages):
    assert bare('An executable chapter') in pages[0]
    # Without the number of the page at its end.
    contents = ''.join(pages[i].removesuffix(str(i + 1)) for i in range(1, 5))
    places = {title: place.get_dest().get_index()
              for place in PdfDocument(paper).get_toc()
              for title in [bare(place.get_title())]
              if title[0].isdigit() and title in contents}
    assert len(places) > 40
    _, *rows = re.split(f'({"|".join(map(re.escape, places))})', contents)
    for title, after in zip(rows[::2], rows[1::2]):
        # The number of the next heading may follow that of the page.
        number = int(re.match(r'\d+?(?=(\d\.)+\D|\D|$)', after)[0])
        assert number == places[title] + 1, title
        assert title.lstrip('.0123456789') in pages[number - 1], title


def test_text_and_code_are_large_enough_to_read(paper):
    code, prose = Counter(), Counter()
    for page in PdfDocument(paper):
        for piece in page.get_objects([FPDF_PAGEOBJ_TEXT]):
            matrix = piece.get_matrix()
            size = piece.get_font_size() * abs(matrix.d or matrix.b)
            mono = 'Mono' in piece.get_font().get_base_name()
            (code if mono else prose)[round(size, 1)] += 1
    assert sum((code + prose).values()) > 20_000
    assert min(code) >= 8.5
    assert prose.most_common(1)[0][0] >= 10


def lowest_text(page):
    """How much of the page, in shares, is below its last line of text."""
    margin, height = 18 / 25.4 * 72, page.get_height()
    textpage = page.get_textpage()
    ends = [textpage.get_rect(number)[1]
            for number in range(textpage.count_rects())]
    # The number of the page is in the margin.
    ends = [end for end in ends if end > margin - 2]
    return (min(ends) - margin) / (height - 2 * margin) if ends else 1


def test_pages_are_filled(paper):
    """A figure that is kept whole leaves at most a bit more than a third of a
    page; a section ends where it ends."""
    for path in paper.with_suffix('').iterdir():
        pages = PdfDocument(path)
        empty = {number: round(share, 2) for number, share in enumerate(
            map(lowest_text, pages), 1) if share > .38}
        assert not set(empty) - {len(pages)}, (path.name, empty)
    assert all(lowest_text(page) < 1 for page in PdfDocument(paper))


def test_short_code_is_on_one_page(pages):
    """Code goes on on the next page if some lines are left for it."""
    for cell in code_cells(read_notebook('faster-rcnn.ipynb')):
        lines = [bare(line) for line in text(cell).splitlines()
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
        pages = texts(path)
        assert 3 < len(pages) < 60
        assert bare(titles[path.name]) in pages[0]


def test_titles_stay_with_what_they_name(paper):
    """Whether a page ends between them depends on all that is above."""
    pages = texts(paper.with_suffix('') / 'rpn.pdf')
    for title, content in [('Solution to Exercise 3.2', '# Solution 2'),
                           ('Solution to Exercise 3.4', '# Solution 4'),
                           ('Answers', 'The softmax of two scores')]:
        assert any(bare(title) in page and bare(content) in page
                   for page in pages), title


def test_long_tables_begin_below_their_titles(paper):
    """Names in them break between their words only."""
    pages = (page.get_textpage().get_text_range()
             for page in PdfDocument(paper))
    shown = next(page for page in pages
                 if page.lstrip().startswith('When things go wrong'))
    assert 'test_killed_at_random_' in shown
    names = re.findall(r'test_\w+', (
        ROOT / 'docs' / 'reliability.md').read_text('utf-8'))
    lines = re.findall(r'^\s*(test_\w+)\s*$', shown, re.M)
    assert lines
    for line in lines:
        assert line.endswith('_') or line in names

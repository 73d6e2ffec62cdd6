"""The book as a reader sees it, from its folder and without a network.

Pictures of some pages are left in build/screenshots/book.
"""
import itertools

import pytest
from helpers import ROOT, settle

SCREENSHOTS = ROOT / 'build' / 'screenshots' / 'book'
LARGE, PHONE = (1280, 800), (390, 844)
WIDTHS = (390, 768, 1440)
SHOWN = ('index', 'notebooks/anchors', 'reference/symbols', 'api/boxes')
# How light the ground is on which a picture lies: 0 black, 1 white.
GROUND = """
node => {
  const color = getComputedStyle(node).backgroundColor;
  const [r, g, b, a] = color.match(/[0-9.]+/g).map(Number);
  return a === 0 ? 0 : (r + g + b) / 765;
}
"""

BROKEN = 'nodes => nodes.filter(n => !n.naturalWidth).map(n => n.src)'
THEME = 'document.documentElement.dataset.theme'


@pytest.fixture
def visit(new_page, book):
    """Open a page of the book."""
    def visit(name, size=LARGE, scheme='light'):
        page = new_page(*size, scheme)
        page.goto((book / f'{name}.html').as_uri())
        return page
    return visit


def names(book):
    return sorted(path.relative_to(book).with_suffix('').as_posix()
                  for path in book.rglob('*.html')
                  if not {'_static', 'slides'} & set(path.parts))


# What is cut: wider than its box, which does not scroll; or it does, but
# without a sign, or not by keyboard; or it lies under the formula's number.
CUT = """
() => {
  const found = [];
  for (const node of document.querySelectorAll(
      'article :is(mjx-container[display=true], table, figure img)')) {
    const box = node.closest(
      '.pst-scrollable-table-container, figure') ?? node;
    const scrolls = box.scrollWidth > box.clientWidth + 1;
    const edge = box.getBoundingClientRect();
    const number = node.parentElement.querySelector('.eqno');
    if ((scrolls && (!box.matches('.scrolls') || box.tabIndex !== 0))
        || edge.right > innerWidth + 1 || edge.left < -1
        || (number && number.getBoundingClientRect().left < edge.right - 1
            && number.getBoundingClientRect().bottom > edge.top + 1
            && number.getBoundingClientRect().top < edge.bottom - 1))
      found.push(node.outerHTML.slice(0, 120));
  }
  return found;
}
"""


def cut(page, width):
    """What is cut at a width: what is wider has to scroll, with a sign."""
    page.set_viewport_size({'width': width, 'height': 844})
    settle(page)
    found = page.evaluate(CUT)
    if page.evaluate('document.documentElement.scrollWidth') > width:
        found.append('the page')
    return found


def grounds(page):
    """How light it is behind the page, and behind each of its pictures."""
    return page.locator('body').evaluate(GROUND), page.locator(
        'article img').evaluate_all(f'nodes => nodes.map({GROUND})')


def test_every_page_in_every_shape(visit, book, serious):
    """It is loaded once, and then looked at in many ways."""
    assert len(names(book)) > 15
    found, formulas, pictures = [], 0, []
    for name in names(book):
        page = visit(name)
        page.wait_for_load_state()
        found += [(name, 'broken', source) for source in
                  page.eval_on_selector_all('img', BROKEN)]
        found += serious(page, rules={'color-contrast': {'enabled': False}})
        formulas += set_formulas(page)
        # All is laid out anew for another width, but not for other colours.
        for width, scheme in itertools.product(WIDTHS, ('light', 'dark')):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function(f'{THEME} === "{scheme}"')
            found += [(name, width, scheme, part)
                      for part in cut(page, width)]
        ground, behind = grounds(page)
        assert ground < .2, name
        pictures += behind
        page.close()
    assert not found
    assert formulas > 7
    # Figures keep a light ground in the dark.
    assert min(pictures) > .95
    assert len(pictures) > 40


def test_the_wide_table_shows_all_columns_on_a_laptop(visit):
    page = visit('results', (1440, 900))
    assert page.locator('table').count() > 3
    assert page.locator('.scrolls').count() == 0


def test_a_phone_shows_wide_figures_so_that_labels_can_be_read(visit):
    page = visit('notebooks/detection-data', PHONE)
    figure = page.locator('figure:has(> img.wide)').first
    assert figure.locator('img').bounding_box()['width'] > 600
    assert 'scrolls' in figure.get_attribute('class')
    caption = figure.locator('figcaption')
    before = caption.bounding_box()
    assert before['x'] >= 0
    assert before['x'] + before['width'] <= PHONE[0]
    figure.evaluate('node => { node.scrollLeft = 200 }')
    assert caption.bounding_box() == before


def set_formulas(page):
    """Wait for them, and for their marks; returns how many there are."""
    count = page.locator('article div.math').count()
    if count:
        page.wait_for_function('window.MathJax?.startup?.promise')
        page.evaluate('MathJax.startup.promise.then(() => markScrolling())')
    return count


def test_formulas_are_set(visit):
    page = visit('reference/symbols')
    set_formulas(page)
    assert page.locator('mjx-container[display=true] svg').count() == 4
    assert page.locator('mjx-merror, [data-mjx-error]').count() == 0


@pytest.mark.parametrize(('query', 'first', 'excerpt'), [
    ('NMS', 'Non-Maximum Suppression', 'decreasing score'),
    ('RoI pooling', '', 'RoI pooling'),
    ('intersection over union', 'Intersection over Union', 'the area'),
    ('mAP', '', 'mAP'), ('learning rate', 'Training', 'rate')])
def test_the_search_finds_sections_with_excerpts(visit, query, first,
                                                 excerpt):
    page = visit('index')
    page.keyboard.press('Control+k')
    field = page.locator('#pst-search-dialog input')
    field.wait_for()
    field.fill(query)
    field.press('Enter')
    result = page.locator('#search-results li').first
    assert first in result.locator('a').inner_text()
    assert 'd2l_ext' not in result.locator('a').inner_text()
    assert excerpt in result.locator('.context').inner_text()
    address = result.locator('a').get_attribute('href')
    result.locator('a').click()
    page.wait_for_url(f'**/{address.rsplit("/", 1)[-1]}')
    assert page.locator(f'[id="{address.split("#")[1]}"]').count() == 1


def test_a_search_for_nothing_that_is_there(visit):
    page = visit('index')
    page.goto(page.url.replace('index.html', 'search.html?q=xyzzy'))
    page.get_by_text('did not match any documents').wait_for()


def test_a_notebook_is_saved_from_a_folder(visit):
    page = visit('notebooks/anchors')
    page.locator('.dropdown-download-buttons button').first.click()
    with page.expect_download() as saved:
        page.locator('.btn-download-source-button').click()
    assert saved.value.suggested_filename == 'anchors.ipynb'
    assert saved.value.path().read_bytes() == (
        ROOT / 'notebooks' / 'anchors.ipynb').read_bytes()


def test_a_term_explains_itself_by_keyboard(visit):
    page = visit('notebooks/rpn')
    terms = page.locator('article a.term').all()
    assert terms
    for width, term in itertools.product(WIDTHS, terms):
        page.keyboard.press('Tab')
        term.focus()
        shown = term.evaluate(
            "node => getComputedStyle(node, '::after').content")
        assert len(shown) > 30
        assert term.get_attribute('aria-description') in shown.replace(
            '\\"', '"')
        assert not cut(page, width)


def test_the_font_is_the_one_that_is_shipped(visit):
    page = visit('index')
    page.evaluate('document.fonts.ready.then(() => true)')
    assert page.evaluate(
        "[...document.fonts].some(font => font.status === 'loaded' && "
        "font.family.includes('Source Sans Pro'))")


def test_the_reader_chooses_light_or_dark(visit):
    page = visit('index', scheme='light')
    assert page.evaluate(THEME) == 'light'
    switch = page.locator('button.theme-switch-button:visible')
    choices = page.locator('button.theme-change-button[data-mode=dark]')
    # A menu in recent themes; older ones go on to the next mode.
    for _ in range(1 if choices.count() else 2):
        switch.first.click()
    if choices.count():
        choices.first.click()
    assert page.evaluate(THEME) == 'dark'


def test_a_solution_unfolds_by_keyboard(visit):
    page = visit('notebooks/anchors')
    fold = page.locator('details.solution').first
    body = fold.locator('p').last
    assert not body.is_visible()
    fold.locator('summary').focus()
    page.keyboard.press('Enter')
    assert body.is_visible()
    assert '1152' in fold.text_content()


def test_code_can_be_copied(visit):
    page = visit('notebooks/rpn')
    buttons = page.locator('div.cell_input button.copybtn')
    assert buttons.count() == page.locator('div.cell_input').count() > 20


def test_axe_finds_enough_contrast(visit, serious):
    """On some pages, which have the colours of all: it takes long.

    Pictures of some of them are for people to look at.
    """
    found = []
    for name in (*SHOWN, 'results', 'search'):
        page = visit(name)
        for scheme in ('light', 'dark'):
            page.emulate_media(color_scheme=scheme)
            found += serious(page, runOnly=['color-contrast'])
            if name in SHOWN:
                photograph(page, name, scheme)
        page.close()
    assert not found


def photograph(page, name, scheme):
    for size in (LARGE, PHONE):
        page.set_viewport_size(dict(zip(('width', 'height'), size)))
        settle(page)
        file = SCREENSHOTS / (
            f'{name.replace("/", "-")}-{scheme}-{size[0]}.png')
        page.screenshot(path=file)
        assert file.stat().st_size > 10_000
    page.set_viewport_size(dict(zip(('width', 'height'), LARGE)))

"""The book as a reader sees it, from its folder and without a network.

Pictures of some pages are left in build/screenshots/book.
"""
import pytest
from helpers import ROOT

SCREENSHOTS = ROOT / 'build' / 'screenshots' / 'book'
LARGE, PHONE = (1280, 800), (390, 844)
SHOWN = ('index', 'notebooks/anchors', 'reference/symbols', 'api/boxes')
# How light the ground is on which a picture lies: 0 black, 1 white.
GROUND = """
node => {
  const color = getComputedStyle(node).backgroundColor;
  const [r, g, b, a] = color.match(/[0-9.]+/g).map(Number);
  return a === 0 ? 0 : (r + g + b) / 765;
}
"""


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
                  if '_static' not in path.parts)


def test_every_page_loads(visit, book):
    assert len(names(book)) > 15
    for name in names(book):
        page = visit(name)
        page.wait_for_load_state()
        broken = page.eval_on_selector_all(
            'img', 'nodes => nodes.filter(n => !n.naturalWidth).map('
            'n => n.src)')
        assert not broken
        # A page as wide as the window: what is wider scrolls on its own.
        page.set_viewport_size({'width': PHONE[0], 'height': PHONE[1]})
        assert page.evaluate(
            'document.documentElement.scrollWidth') <= PHONE[0], name
        page.close()


def test_formulas_are_set(visit):
    page = visit('reference/symbols')
    page.wait_for_function('window.MathJax?.startup?.promise')
    page.evaluate('MathJax.startup.promise.then(() => true)')
    assert page.locator('mjx-container[display=true] svg').count() == 4
    assert page.locator('mjx-merror, [data-mjx-error]').count() == 0


def test_the_search_finds_roi_pooling(visit):
    page = visit('index')
    page.keyboard.press('Control+k')
    field = page.locator('#pst-search-dialog input')
    field.wait_for()
    field.fill('RoI pooling')
    field.press('Enter')
    # Results appear one after the other.
    page.locator('#search-results li a', has_text='Faster R-CNN').first.click()
    page.wait_for_url('**/notebooks/faster-rcnn.html*')


def test_figures_keep_a_light_ground_in_the_dark(visit, book):
    seen = 0
    for name in names(book):
        if '<img' not in (book / f'{name}.html').read_text('utf-8'):
            continue
        page = visit(name, scheme='dark')
        assert page.evaluate(
            'document.documentElement.dataset.theme') == 'dark'
        assert page.locator('body').evaluate(GROUND) < .2
        for picture in page.locator('article img').all():
            assert picture.evaluate(GROUND) > .95
            seen += 1
        page.close()
    assert seen > 40


def test_the_reader_chooses_light_or_dark(visit):
    page = visit('index', scheme='light')
    theme = 'document.documentElement.dataset.theme'
    assert page.evaluate(theme) == 'light'
    switch = page.locator('button.theme-switch-button:visible')
    choices = page.locator('button.theme-change-button[data-mode=dark]')
    # A menu in recent themes; older ones go on to the next mode.
    for _ in range(1 if choices.count() else 2):
        switch.first.click()
    if choices.count():
        choices.first.click()
    assert page.evaluate(theme) == 'dark'


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


def test_axe_finds_nothing_serious(visit, serious, book):
    found = []
    for name in names(book):
        page = visit(name)
        found += serious(page, rules={'color-contrast': {'enabled': False}})
        page.close()
    assert not found


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_axe_finds_enough_contrast(visit, serious, scheme):
    """On some pages, which have the colours of all: it takes long."""
    found = []
    for name in (*SHOWN, 'results', 'search'):
        page = visit(name, scheme=scheme)
        found += serious(page, runOnly=['color-contrast'])
        page.close()
    assert not found


@pytest.mark.parametrize(('scheme', 'size'), [
    ('light', LARGE), ('dark', LARGE), ('light', PHONE)])
def test_screenshots(visit, scheme, size):
    """For people to look at."""
    for name in SHOWN:
        page = visit(name, size, scheme)
        file = SCREENSHOTS / (
            f'{name.replace("/", "-")}-{scheme}-{size[0]}.png')
        page.screenshot(path=file)
        assert file.stat().st_size > 10_000
        page.close()

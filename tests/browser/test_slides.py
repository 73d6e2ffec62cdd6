"""Every slide fits on a projector of 1280 by 720 pixels.

A picture of each slide is left in build/screenshots.
"""
import re

import pytest
import slides
from helpers import ROOT

SCREENSHOTS = ROOT / 'build' / 'screenshots' / 'slides'
# What a slide shows that sticks out of it, what is cut off inside of it, and
# how large its text comes out.
MEASURE = """
() => {
  const sticksOut = [], fonts = {code: [], text: []}, images = [];
  const slide = Reveal.getCurrentSlide();
  for (const node of slide.querySelectorAll('*')) {
    // A drawing is measured as a whole, a formula by what is seen of it.
    if (node.closest('aside, mjx-assistive-mml') || node.ownerSVGElement)
      continue;
    const box = node.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    const style = getComputedStyle(node);
    const cut = style.display !== 'inline' && (
      node.scrollWidth > node.clientWidth + 1 ||
      node.scrollHeight > node.clientHeight + 3);
    if (cut || box.left < 0 || box.top < 0 || box.right > innerWidth + .5 ||
        box.bottom > innerHeight + .5)
      sticksOut.push(node.outerHTML.slice(0, 200));
    if (node.matches('pre'))
      fonts.code.push(parseFloat(style.fontSize) * Reveal.getScale());
    if (node.matches('p, li'))
      fonts.text.push(parseFloat(style.fontSize) * Reveal.getScale());
    if (node.matches('img')) images.push(box.height);
  }
  const pieces = [...slide.querySelectorAll('h1, h2, h3, p, li, pre, img')]
    .filter(node => !node.closest('aside') && !node.closest('ul ul'))
    .map(node => node.getBoundingClientRect());
  const overlap = pieces.some((a, i) => pieces.slice(i + 1).some(b =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1 &&
    !(a.top <= b.top && a.bottom >= b.bottom)));
  return {sticksOut, overlap, ...fonts, images};
}
"""


@pytest.fixture
def page(new_page):
    return new_page(1280, 720)


def open_deck(page, path):
    page.goto(path.as_uri())
    page.wait_for_function('window.Reveal && Reveal.isReady()')
    # What fades in is complete at once. What a formula says to those who do
    # not see it takes no room.
    page.add_style_tag(content='''
        * { transition: none !important }
        mjx-assistive-mml { height: 0 !important; overflow: hidden }''')


def faults_of_a_slide(page):
    """What sticks out of the slide that is shown, or can't be read."""
    found = page.evaluate(MEASURE)
    small = [(kind, size) for kind, least in (
        ('code', 18), ('text', 24), ('images', 200))
        for size in found[kind] if size < least]
    return [*found['sticksOut'], *small, *['overlap'] * found['overlap']]


@pytest.mark.parametrize('name', slides.SECTIONS)
def test_every_slide_fits_and_can_be_read_by_all(page, serious, decks, name):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    open_deck(page, decks / f'{name}.html')
    assert not serious(page)
    total = page.evaluate('Reveal.getTotalSlides()')
    assert total > 10
    for number in range(1, total + 1):
        while page.evaluate('Reveal.availableFragments().next'):
            page.keyboard.press('Space')
        page.screenshot(path=SCREENSHOTS / f'{name}-{number:02}.png')
        assert not faults_of_a_slide(page), (name, number)
        assert not serious(page, '.slides > section > .present'), number
        page.keyboard.press('Space')
    assert page.evaluate('Reveal.isLastSlide()')


def test_a_printed_deck_has_a_page_a_slide(page, decks):
    page.goto((decks / 'anchors.html').as_uri() + '?print-pdf')
    page.locator('.pdf-page').last.wait_for()
    printed = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb'/Type\s*/Page\b', printed)) == page.locator(
        '.pdf-page').count() > 10


def test_the_speaker_sees_the_notes(page, decks):
    open_deck(page, decks / 'anchors.html')
    with page.expect_popup() as opened:
        page.keyboard.press('s')
    notes = opened.value.locator('.speaker-controls-notes .value')
    notes.get_by_text('Minutes 15 to 16 of 45.').wait_for()
    assert 'fixed number of boxes' in notes.inner_text()


def test_links_lead_from_deck_to_deck(page, decks):
    page.goto((decks / 'index.html').as_uri())
    for name in slides.SECTIONS:
        page.locator(f'a[href="{name}.html"]').click()
        page.wait_for_function('window.Reveal && Reveal.isReady()')
        page.go_back()


def figure_on_a_slide(page, decks, name, figure):
    """Turn to the slide that has a figure that moves."""
    open_deck(page, decks / f'{name}.html')
    found = page.locator(f'[data-figure={figure}]')
    page.evaluate("""node => {
        const {h, v} = Reveal.getIndices(node.closest('section'));
        Reveal.slide(h, v);
    }""", found.element_handle())
    return found


@pytest.mark.parametrize(('name', 'figure'), [
    ('detection-data', 'crop'), ('anchors', 'anchors'), ('anchors', 'iou'),
    ('anchors', 'nms'), ('anchors', 'labels'), ('rpn', 'proposals'),
    ('faster-rcnn', 'pooling')])
def test_figures_move_and_slides_stay(page, decks, name, figure):
    found = figure_on_a_slide(page, decks, name, figure)
    state, slide = found.locator('.state'), page.evaluate(
        'Reveal.getIndices()')
    before = state.text_content()
    found.locator('input[type=range], [role=slider]').first.focus()
    page.keyboard.press('ArrowRight')
    page.keyboard.press('ArrowDown')
    page.keyboard.press('ArrowDown')
    assert state.text_content() != before
    handle = found.locator('.handle.move')
    if handle.count():
        before, box = state.text_content(), handle.first.bounding_box()
        page.mouse.move(box['x'] + 9, box['y'] + 60)
        page.mouse.down()
        page.mouse.move(box['x'] - 40, box['y'] + 100, steps=4)
        page.mouse.up()
        assert state.text_content() != before
        # The box is where the mouse has left it.
        moved = handle.first.bounding_box()
        assert moved['x'] == pytest.approx(box['x'] - 49, abs=12)
    assert page.evaluate('Reveal.getIndices()') == slide

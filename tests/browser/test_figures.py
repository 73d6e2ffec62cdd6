"""Figures that move, in the book: by mouse, finger and keyboard, on paper.

Pictures are left in build/screenshots/figures.
"""
import re

import mxnet as mx
import pytest
from axe_playwright_python.sync_playwright import Axe
from helpers import ROOT, read_notebook, settle
from mxnet import np

import d2l_ext as d2l
from d2l_ext.detector.roi_head import roi_align

SCREENSHOTS = ROOT / 'build' / 'screenshots' / 'figures'
PLACES = [(path.stem, cell['metadata']['moving'])
          for path in sorted((ROOT / 'notebooks').glob('*.ipynb'))
          for cell in read_notebook(path.name)['cells']
          if 'moving' in cell['metadata']]
CONTROLS = 'input[type=range], [role=slider]'
# Everything that a figure says: its line, and what its parts are called.
SAID = """
figure => [figure.querySelector('.state').textContent, ...[
  ...figure.querySelectorAll('svg, [role=slider]')].map(node =>
  [node.ariaLabel, node.ariaValueText, node.ariaValueNow].join())].join('; ')
"""
# Pairs of texts of a drawing that lie on each other, texts that leave it, and
# parts of the figure that leave the window.
FAULTS = """
figure => {
  const faults = [], inside = (a, b) => a.left >= b.left - 1
    && a.top >= b.top - 1 && a.right <= b.right + 1
    && a.bottom <= b.bottom + 1;
  for (const svg of figure.querySelectorAll('.panels > svg')) {
    const texts = [...svg.querySelectorAll('text')].map(
      node => [node.textContent, node.getBoundingClientRect()]);
    texts.forEach(([text, a], i) => {
      if (!inside(a, svg.getBoundingClientRect()))
        faults.push(`${text} leaves the drawing`);
      for (const [other, b] of texts.slice(i + 1))
        if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
            && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3)
          faults.push(`${text} lies on ${other}`);
    });
  }
  for (const node of figure.querySelectorAll('div, input, p, label')) {
    const {left, right} = node.getBoundingClientRect();
    if (left < 0 || right > innerWidth)
      faults.push(`${node.className} leaves the window`);
  }
  return faults;
}
"""
SET_ALL = """
(figure, share) => {
  for (const input of figure.querySelectorAll('input[type=range]')) {
    const at = +input.min + share * (input.max - input.min);
    input.value = at;
    input.dispatchEvent(new Event('input'));
  }
}
"""

BEGIN = """
figure => {
  figure.replaceChildren();
  figures.draw[figure.dataset.figure](figure);
}
"""


@pytest.fixture(scope='module')
def pages(shared_page, book):
    """The page of each section that was asked for, loaded once."""
    loaded = {}

    def open_page(section):
        if section not in loaded:
            page = loaded[section] = shared_page(1280, 900)
            page.goto((book / 'notebooks' / f'{section}.html').as_uri())
            # Formulas that are set push what is below them.
            page.evaluate('window.MathJax?.startup.promise.then(() => true)')
        return loaded[section]
    return open_page


@pytest.fixture
def find(pages):
    """A figure of a page of the book, as it is at first."""
    def find(section, name, size=(1280, 900), scheme='light'):
        page = pages(section)
        page.emulate_media(color_scheme=scheme, media='screen')
        page.set_viewport_size({'width': size[0], 'height': size[1]})
        settle(page)
        figure = page.locator(f'[data-figure={name}]').first
        figure.evaluate(BEGIN)
        figure.scroll_into_view_if_needed()
        return page, figure
    return find


def said(figure):
    return figure.evaluate(SAID)


def state(figure):
    return figure.locator('.state').text_content()


def numbers(text):
    return [float(number) for number in re.findall(r'\d+(?:\.\d+)?', text)]


def test_six_figures_and_more():
    assert {name for _, name in PLACES} >= {
        'anchors', 'crop', 'iou', 'labels', 'nms', 'pooling'}


@pytest.mark.parametrize(('section', 'name'), PLACES)
def test_arrow_keys_move_every_part(find, section, name):
    page, figure = find(section, name)
    parts = figure.locator(CONTROLS)
    assert parts.count()
    for i in range(parts.count()):
        part = parts.nth(i)
        part.focus()
        for keys in (('ArrowLeft', 'ArrowRight'), ('ArrowUp', 'ArrowDown')):
            before, line = said(figure), state(figure)
            # At the end of its way a part goes only in one direction.
            for key in keys:
                page.keyboard.press(key)
                if said(figure) != before:
                    break
            assert said(figure) != before, (part, keys)
            assert state(figure) != line, (part, keys)


def boxes_of(figure):
    """Boxes A and B of the figure for IoU, and the IoU, as it says them."""
    found = numbers(state(figure))
    boxes = [(x, y, x + width, y + height)
             for x, y, width, height in (found[:4], found[4:8])]
    return boxes, found[8]


def test_the_words_are_true(find):
    page, figure = find('anchors', 'iou')
    for name, key in (('Box A', 'ArrowRight'), ('Box B, size', 'ArrowUp')):
        figure.get_by_role('slider', name=name, exact=True).focus()
        for _ in range(3):
            page.keyboard.press(f'Shift+{key}')
            (a, b), value = boxes_of(figure)
            assert value == pytest.approx(
                float(d2l.iou(np.array(a), np.array(b))), abs=.006)
    page, figure = find('faster-rcnn', 'pooling')
    figure.get_by_role('slider', name='Region', exact=True).focus()
    cells = figure.locator('svg').first.locator('text.number')
    grid = np.array(list(map(float, cells.all_text_contents()[:48])))
    for _ in range(6):
        page.keyboard.press('ArrowRight')
        _, region, pooled, aligned = [
            numbers(part) for part in re.split('Region|pooling:|RoIAlign:',
                                               state(figure))]
        rois, X = np.array([[0, *region]]), grid.reshape(1, 1, 6, 8)
        assert pooled == mx.npx.roi_pooling(
            X, rois, pooled_size=(2, 2), spatial_scale=1).reshape(-1).tolist()
        assert aligned == pytest.approx(roi_align(
            X, rois, (2, 2)).reshape(-1).tolist(), abs=.06)


def middle(node):
    box = node.bounding_box()
    return box['x'] + box['width'] / 2, box['y'] + box['height'] / 2


def test_the_mouse_drags_boxes_and_chooses_cells(find):
    page, figure = find('anchors', 'iou')
    (before, _), _ = boxes_of(figure)
    side = figure.locator('svg').first.bounding_box()['width'] / 1.06
    box = figure.locator('.handle.move').first.bounding_box()
    x, y = box['x'] + 8, box['y'] + 40
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + .2 * side, y + .1 * side, steps=4)
    page.mouse.up()
    (after, _), _ = boxes_of(figure)
    assert after == pytest.approx([before[0] + .2, before[1] + .1,
                                   before[2] + .2, before[3] + .1], abs=.011)
    corner = figure.locator('.handle.resize').first
    page.mouse.move(*middle(corner))
    page.mouse.down()
    page.mouse.move(*(v - .1 * side for v in middle(corner)), steps=4)
    page.mouse.up()
    (smaller, _), _ = boxes_of(figure)
    assert smaller[:2] == after[:2]
    assert smaller[2:] == pytest.approx([v - .1 for v in after[2:]], abs=.011)

    page, figure = find('anchors', 'anchors')
    area = figure.locator('svg').first.bounding_box()
    page.mouse.click(area['x'] + 6.5 / 8 * area['width'],
                     area['y'] + 4.5 / 6 * area['height'])
    assert state(figure).startswith('Cell 3, 5:')


@pytest.mark.parametrize(('section', 'name'), [
    ('anchors', 'iou'), ('detection-data', 'crop'),
    ('faster-rcnn', 'pooling')])
def test_a_finger_drags_the_box_and_not_the_page(find, section, name):
    page, figure = find(section, name, (390, 844))
    touch = page.context.new_cdp_session(page)
    touch.send('Emulation.setTouchEmulationEnabled', {'enabled': True})
    x, y = middle(figure.locator('.handle.move').first)
    before, place = state(figure), page.evaluate('scrollY')
    for kind, step in (('Start', 0), *(('Move', i) for i in range(1, 9))):
        touch.send('Input.dispatchTouchEvent', {
            'type': f'touch{kind}', 'touchPoints': [
                {'x': x - 3 * step, 'y': y + 5 * step}]})
    touch.send('Input.dispatchTouchEvent', {'type': 'touchEnd',
                                            'touchPoints': []})
    touch.send('Emulation.setTouchEmulationEnabled', {'enabled': False})
    assert state(figure) != before
    assert page.evaluate('scrollY') == place


@pytest.mark.parametrize(('section', 'name'), PLACES)
def test_axe_finds_nothing(find, section, name):
    for scheme in ('light', 'dark'):
        page, _ = find(section, name, scheme=scheme)
        found = Axe().run(page, context=f'[data-figure={name}]', options={
            'preload': False, 'resultTypes': ['violations']})
        assert not found.response['violations'], scheme


@pytest.mark.parametrize(('section', 'name'), PLACES)
def test_nothing_sticks_out_or_lies_on_another(find, section, name):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for width in (390, 768, 1440):
        for scheme in ('light', 'dark'):
            page, figure = find(section, name, (width, 900), scheme)
            figure.screenshot(
                path=SCREENSHOTS / f'{name}-{scheme}-{width}.png')
            for share in (None, 0, .3, .65, 1):
                if share is not None:
                    figure.evaluate(SET_ALL, share)
                assert not figure.evaluate(FAULTS), (width, share)
            assert page.evaluate(
                'document.documentElement.scrollWidth') <= width


@pytest.mark.parametrize(('section', 'name'), PLACES)
def test_paper_shows_a_still(find, section, name):
    page, figure = find(section, name)
    before = state(figure)
    page.emulate_media(media='print')
    assert not figure.evaluate(FAULTS)
    for panel in figure.locator('.panels > svg').all():
        assert panel.is_visible()
        assert panel.bounding_box()['width'] > 150
    assert figure.locator('.state').inner_text() == before
    assert not figure.locator('input:visible, .resize:visible').count()

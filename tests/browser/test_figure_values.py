"""Figures that move show what the library computes.

Both get the same inputs, the figures' functions in Chromium.
"""
import mxnet as mx
import numpy
import pytest
import yaml
from helpers import ROOT, random_boxes, random_truth, read_notebook, text
from mxnet import np, npx
from numpy.testing import assert_allclose
from PIL import Image

import d2l_ext as d2l
from d2l_ext.detector.roi_head import roi_align
from d2l_ext.drawn import dataset

FOLDER = ROOT / 'docs' / '_static' / 'figures'
SCRIPTS = yaml.safe_load(
    (ROOT / 'docs' / 'figures.yml').read_text('utf-8'))['scripts']


@pytest.fixture
def run(new_page):
    """Call one of the figures' functions with each list of arguments."""
    page = new_page(800, 600)
    for name in SCRIPTS:
        page.add_script_tag(path=FOLDER / f'{name}.js')

    def run(function, calls):
        assert len(calls) >= 40
        return page.evaluate(f'calls => calls.map(x => {function}(...x))',
                             calls)
    run.value = page.evaluate
    return run


@pytest.fixture
def rng():
    return numpy.random.default_rng(26)


def cell(name, key):
    """Source of a notebook's cell."""
    return next(text(c) for c in read_notebook(f'{name}.ipynb')['cells']
                if c['id'] == key)


def rows(boxes):
    return boxes.asnumpy().T.tolist()


def pairs(rng):
    """Boxes that lie anywhere, or touch, are equal, have no area."""
    grid = rng.integers(0, 5, (200, 2, 4)) / 4
    grid = np.array(numpy.concatenate([
        grid.min(axis=1)[:, :2], grid.max(axis=1)[:, :2]], axis=1).T,
        dtype='float32')
    a = np.concatenate([random_boxes(rng, 200), grid], axis=1)
    b = np.concatenate([random_boxes(rng, 200), grid[:, ::-1]], axis=1)
    return a, b


def test_iou(run, rng):
    a, b = pairs(rng)
    expected = d2l.iou(a, b).asnumpy()
    assert {0, 1} < set(expected.tolist())
    assert_allclose(run('figures.iou', list(zip(rows(a), rows(b)))),
                    expected, atol=1e-6)


def test_nms(run, rng):
    calls, expected = [], []
    for n in rng.integers(0, 12, 300).tolist():
        boxes = random_boxes(rng, n)
        # Every other time some scores are equal.
        scores = np.array(rng.uniform(size=n).round(1 + 5 * (n % 2)),
                          dtype='float32')
        threshold = round(float(rng.uniform(-.1, 1.1)), 2)
        calls.append([scores.tolist(), rows(boxes), threshold])
        expected.append(d2l.nms(scores, boxes, threshold).tolist())
    assert run('figures.nms', calls) == expected


def test_anchors(run, rng):
    calls = [[int(height), int(width), rng.uniform(.1, 1, sizes).tolist(),
              rng.uniform(.2, 4, ratios).tolist()]
             for height, width, sizes, ratios in rng.integers(1, 7, (60, 4))]
    for call, anchors in zip(calls, run('figures.generateAnchors', calls)):
        assert_allclose(anchors, d2l.generate_anchors(*call).asnumpy().T,
                        atol=1e-6)


def test_labels(run, rng):
    calls, expected = [], []
    for seed in range(200):
        truth = random_truth(rng, 1, int(rng.integers(1, 5)))
        anchors = (random_boxes(rng, int(rng.integers(1, 60))) if seed % 2
                   else d2l.generate_anchors(4, 4, [.7, .4], [1, 2.1, .45]))
        options = [float(rng.uniform(.2, .9)), float(rng.uniform(.1, .6)),
                   float(rng.integers(0, 9)) / 2]
        # What the library is going to draw.
        mx.random.seed(seed)
        lots = np.random.uniform(size=(1, anchors.shape[1]))[0].tolist()
        mx.random.seed(seed)
        labels, _ = d2l.label_anchors(truth, anchors, *options)
        calls.append([truth[0].tolist(), rows(anchors), *options, lots])
        expected.append(labels[0].tolist())
    assert {label for labels in expected for label in labels} == {-1, 0, 1, 2}
    assert run('figures.labelAnchors', calls) == expected


def regions(rng, count=300):
    """Maps, regions in quarters of a cell, and shapes of the output."""
    for _ in range(count):
        height, width = rng.integers(1, 8, 2).tolist()
        low = rng.integers(0, 4 * numpy.array([width, height])) / 4
        size = rng.integers(0, 4 * numpy.array([width, height]) + 1) / 4
        high = numpy.minimum(low + size, [width, height])
        yield (rng.integers(0, 100, (height, width)).tolist(),
               [*low.tolist(), *high.tolist()],
               *rng.integers(1, 5, 2).tolist())


def pooled(function, grid, region, *size):
    X = np.array(grid, dtype='float32')[None, None]
    return function(X, np.array([[0, *region]]), size)[0, 0].asnumpy()


def test_roi_pooling(run, rng):
    calls = list(regions(rng))
    for call, output in zip(calls, run('figures.roiPooling', calls)):
        assert (pooled(lambda X, rois, size: npx.roi_pooling(
            X, rois, pooled_size=size, spatial_scale=1), *call)
            == output).all(), call


def test_roi_align(run, rng):
    calls = list(regions(rng))
    for call, output in zip(calls, run('figures.roiAlign', calls)):
        assert_allclose(output, pooled(roi_align, *call), atol=1e-3)


def test_cropping(run, rng):
    scope = {'numpy': numpy}
    exec(cell('detection-data', '83fa25f7').split('def jitter_colors')[0],
         scope)

    class At:
        """Stands in for random numbers: a place that is given."""
        def uniform(self, low, high, count):
            return numpy.array(place)

    calls, expected = [], []
    for truth in random_truth(rng, 200, 3).asnumpy():
        share = float(rng.uniform(.2, 1))
        place = rng.uniform(0, 1 - share, 2).tolist()
        _, moved = scope['random_crop'](
            numpy.zeros((30, 40, 3)), truth.astype(float), At(), share)
        calls.append([truth.tolist(), *place, share])
        expected.append(moved)
    assert_allclose(run('figures.crop', calls), expected, atol=1e-6)
    assert len({tuple(row) for moved in expected for row in moved}) > 100


class Dataset:
    """What `precision_recall` needs to know of a data set of one class."""
    classes = ('cat',)

    def __init__(self, images):
        self.objects = [[d2l.VOCObject('cat', tuple(box), difficult)
                         for box, difficult in image] for image in images]

    def __len__(self):
        return len(self.objects)

    def image_size(self, index):
        return 1, 1


def random_detections(rng, images):
    """On each image some boxes near its objects, and some anywhere."""
    for image in images:
        near = [numpy.array(box) + rng.normal(0, .03, 4) for box, _ in image
                for _ in range(rng.integers(0, 3))]
        n = int(rng.integers(0 if near else 1, 3))
        boxes = [*near, *random_boxes(rng, n).asnumpy().T]
        boxes = numpy.array([[*box[:2], *numpy.maximum(
            box[2:], box[:2] + .01)] for box in boxes])
        yield [np.zeros(len(boxes)),
               np.array(rng.uniform(size=len(boxes)).round(2)),
               np.array(boxes.T)]


def test_precision_and_recall(run, rng):
    calls, expected = [], []
    for _ in range(150):
        images = [[(box, bool(rng.uniform() < .15)) for box in rows(
            random_boxes(rng, int(n)))] for n in rng.integers(0, 4, 3)]
        found = list(random_detections(rng, images))
        calls.append([
            [{'image': i, 'score': score, 'box': box}
             for i, (_, scores, boxes) in enumerate(found)
             for score, box in zip(scores.tolist(), rows(boxes))],
            [{'image': i, 'box': box, 'difficult': difficult}
             for i, image in enumerate(images) for box, difficult in image]])
        expected.append(d2l.precision_recall(found, Dataset(images))['cat'])
    results = run('figures.precisionRecall', calls)
    for curve, result in zip(expected, results):
        if numpy.isnan(curve).all():
            assert result['precision'] is None
        else:
            assert_allclose(result['precision'], curve, atol=1e-6)
    assert 20 < sum(0 < numpy.nan_to_num(c).mean() < 1 for c in expected)


def test_recall_of_proposals(run, rng):
    calls, expected = [], []
    for _ in range(100):
        truth = random_truth(rng, 3, 3)
        truth[0, 0] = np.array([0, .2, .2, .6, .6])   # one object at least
        boxes = [random_boxes(rng, 8) for _ in truth]
        count = int(rng.integers(1, 10))
        calls.append([list(map(rows, boxes)), [
            [row[1:] for row in image if row[0] >= 0]
            for image in truth.tolist()], .3, count])
        expected.append(d2l.proposal_recall(
            [(None, b) for b in boxes], list(truth), .3, count))
    assert 0 < numpy.mean(expected) < 1
    assert_allclose(run('figures.proposalRecall', calls), expected)


def test_the_example_is_that_of_the_sections(run):
    picture, objects = d2l.draw_example()
    shown = run.value('figures.example')
    assert (shown['width'], shown['height']) == picture.size
    assert [(item['name'], tuple(item['box'])) for item in shown['objects']
            ] == [(item.name, item.box) for item in objects]
    scope = {'np': np, 'iou': d2l.iou, 'nms': d2l.nms}
    scope['width'], scope['height'] = picture.size
    exec(cell('anchors', '018caadb'), scope)
    assert_allclose(shown['scores'], scope['scores'].asnumpy())
    assert_allclose(shown['boxes'], (
        scope['boxes'] * scope['sides']).asnumpy().T, atol=1e-3)


def test_the_scenes_are_those_of_the_validation_set(run):
    scenes = run.value('figures.scenes.images')
    assert len(scenes) == 4
    for i, scene in enumerate(scenes):
        seed = dataset._SEED, dataset.NUM_TRAIN + i
        image, objects = dataset.draw_picture(numpy.random.default_rng(seed))
        width, height = image.size
        sides = numpy.array([width, height, width, height])
        assert_allclose([item['box'] for item in scene['objects']],
                        [item.box / sides for item in objects
                         if not item.difficult], atol=.005)
        shown = Image.open(FOLDER / scene['picture'])
        difference = numpy.asarray(shown, float) - numpy.asarray(
            image.resize(shown.size))
        assert abs(difference).mean() < 8
        # By falling score, as suppression takes them.
        for kind in ('proposals', 'detections'):
            scores = [item['score'] for item in scene[kind]]
            assert scores == sorted(scores, reverse=True)
            assert len(scores) > 5


def test_scripts_are_small():
    for name in SCRIPTS:
        lines = (FOLDER / f'{name}.js').read_text('utf-8').splitlines()
        assert max(map(len, lines)) <= 79, name
        # One idea each; the scenes are numbers.
        assert len(lines) <= 150 or name == 'scenes', name
    assert {path.stem for path in FOLDER.glob('*.js')} == set(SCRIPTS)

"""The head with options: RoIAlign by hand, offsets for each class."""
import math

import numpy
import pytest
from helpers import random_boxes
from mxnet import np
from numpy.testing import assert_allclose

from d2l_ext.detector.roi_head import RoIHead, own_class_boxes, roi_align
from d2l_ext.rcnn import FasterRCNNOutput


def plain_value(channel, y, x):
    """Bilinear interpolation; cell (i, j) has its centre at (i, j)."""
    height, width = channel.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return 0.
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    i, j = min(int(y), height - 2), min(int(x), width - 2)
    down, right = y - i, x - j
    return ((1 - down) * (1 - right) * channel[i, j]
            + (1 - down) * right * channel[i, j + 1]
            + down * (1 - right) * channel[i + 1, j]
            + down * right * channel[i + 1, j + 1])


def plain_roi_align(X, rois, size):
    out = numpy.zeros((len(rois), X.shape[1], *size))
    for r, (image, x1, y1, x2, y2) in enumerate(rois):
        for c, i, j in numpy.ndindex(X.shape[1], *size):
            points = [(y1 + (i + (p + .5) / 2) * (y2 - y1) / size[0] - .5,
                       x1 + (j + (q + .5) / 2) * (x2 - x1) / size[1] - .5)
                      for p in range(2) for q in range(2)]
            out[r, c, i, j] = numpy.mean(
                [plain_value(X[int(image), c], *point) for point in points])
    return out


def test_roi_align_by_hand(rng):
    for height, width in ((4, 4), (3, 7), (8, 5)):
        X = rng.normal(size=(2, 3, height, width)).astype('float32')
        rois = numpy.concatenate([
            rng.integers(0, 2, (9, 1)), random_boxes(rng, 9).asnumpy().T
            * [width, height, width, height]], axis=1).astype('float32')
        for size in ((2, 2), (3, 4)):
            ours = roi_align(np.array(X), np.array(rois), size).asnumpy()
            assert_allclose(ours, plain_roi_align(X, rois, size), atol=1e-4)


def test_regions_without_area_are_no_trouble():
    """MXNet's operator would abort the process."""
    X = np.arange(16.).reshape(1, 1, 4, 4)
    rois = np.array([[0, 2, 1, 2, 3], [0, 1, 4, 3, 4], [0, 0, 0, 0, 0]])
    pooled = roi_align(X, rois, (2, 2)).asnumpy()
    assert numpy.isfinite(pooled).all()
    assert pooled[0].min() >= 0
    assert pooled[0].max() <= 15


def test_the_last_cell_can_be_left_out():
    """On a ramp, the maximum tells which cells there are."""
    X = np.tile(np.arange(8.), (5, 1)).reshape(1, 1, 5, 8)
    roi = np.array([[0, 2 / 8, 0, 6 / 8, 1]])

    values = {}
    for pooling in ('max', 'inner-max'):
        head = RoIHead(1, pooling, 2, 0)
        head.initialize()
        head.hidden.register_forward_hook(
            lambda block, args, Y, name=pooling: values.update(
                {name: Y[0, 0].tolist()}))
        head(X, roi)
    # Cells 2 to 6 in windows of two and a half, and cells 2 to 5.
    assert values == {'max': [[4, 6]] * 2, 'inner-max': [[3, 5]] * 2}


def test_it_can_be_the_chapters_head(rng):
    """The same parameters give the same predictions."""
    X = np.array(rng.normal(size=(2, 6, 5, 8)), dtype='float32')
    rois = np.concatenate([np.array(rng.integers(0, 2, (7, 1)),
                                    dtype='float32'),
                           random_boxes(rng, 7).T], axis=1)
    ours, chapters = RoIHead(2, 'max', 2, 0), FasterRCNNOutput(2)
    for head in (ours, chapters):
        head.initialize()
        head(X, rois)
    for name in ('cls_predictor', 'box_predictor'):
        for kind in ('weight', 'bias'):
            getattr(getattr(chapters, name), kind).set_data(
                getattr(getattr(ours, name), kind).data())
    for a, b in zip(ours(X, rois), chapters(X, rois)):
        assert_allclose(a.asnumpy(), b.asnumpy(), atol=1e-5)


def test_shapes_and_wrong_words(rng):
    X = np.array(rng.normal(size=(1, 6, 5, 8)), dtype='float32')
    rois = np.array([[0, .1, .1, .5, .7], [0, 0, 0, 1, 1]])
    head = RoIHead(3, 'align', 4, 16, class_specific=True)
    head.initialize()
    cls_preds, box_preds = head(X, rois)
    assert cls_preds.shape == (2, 4)
    assert box_preds.shape == (2, 12)
    with pytest.raises(ValueError, match='pooling'):
        RoIHead(3, pooling='mean')


def test_each_proposal_is_judged_by_its_own_class():
    boxes = np.arange(24.).reshape(3, 8)     # two classes, four offsets each
    labels = np.array([2., 0., 1.])

    def batch_fn(Y, features, output_model, anchors):
        return (np.zeros((3, 3)), boxes), (labels, None), anchors

    (_, own), _, anchors = own_class_boxes(batch_fn)(None, None, None, 'x')
    assert anchors == 'x'
    assert own.asnumpy().tolist() == [[4, 5, 6, 7], [8, 9, 10, 11],
                                      [16, 17, 18, 19]]
    assert math.isfinite(float(own.sum()))

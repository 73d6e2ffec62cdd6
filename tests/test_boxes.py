"""Geometry against hand-computed numbers, properties and MXNet's kernels."""
import mxnet as mx
import numpy
import pytest
from helpers import random_boxes
from mxnet import np
from numpy.testing import assert_allclose, assert_array_equal

from d2l_ext import boxes as d2l_boxes


def columns(*rows):
    return np.array(rows, dtype='float32').reshape(-1, 4).T


def test_center_form_by_hand():
    corner = columns((.1, .2, .5, .4))
    assert_allclose(d2l_boxes.box_corner_to_center(corner).asnumpy().T,
                    [[.3, .3, .4, .2]], rtol=1e-6)


@pytest.mark.parametrize('shape', [(4,), (4, 1), (4, 7), (4, 0)])
def test_both_notations_convert_back(shape):
    a = np.random.uniform(size=shape)
    there = d2l_boxes.box_corner_to_center(a)
    assert there.shape == shape
    back = d2l_boxes.box_center_to_corner(there)
    assert_allclose(back.asnumpy(), a.asnumpy(), atol=1e-6)


@pytest.mark.parametrize(('a', 'b', 'expected'), [
    ((0, 0, 2, 2), (1, 1, 3, 3), 1 / 7),
    ((0, 0, 1, 1), (0, 0, 1, 1), 1),
    ((0, 0, 1, 1), (1, 0, 2, 1), 0),          # they touch
    ((0, 0, 1, 1), (5, 5, 6, 6), 0),
    ((0, 0, 4, 4), (1, 1, 3, 3), 1 / 4),      # one inside the other
    ((.5, .5, .5, .5), (.5, .5, .5, .5), 0),  # no area, not NaN
    ((.2, .2, .2, .9), (.1, .1, .8, .8), 0),
])
def test_iou_by_hand(a, b, expected):
    a, b = (np.array(x, dtype='float32') for x in (a, b))
    assert float(d2l_boxes.iou(a, b)) == pytest.approx(expected)


def test_iou_broadcasts_and_agrees_with_the_operator(rng):
    for seed in range(20):
        a, b = random_boxes(rng, 9), random_boxes(rng, seed)
        ours = d2l_boxes.iou(a[:, :, None], b[:, None])
        assert ours.shape == (9, seed)
        if seed:
            theirs = mx.nd.contrib.box_iou(a.T.as_nd_ndarray(),
                                           b.T.as_nd_ndarray())
            assert_allclose(ours.asnumpy(), theirs.asnumpy(), atol=1e-5)
    one = a[:, 0]
    assert_allclose(d2l_boxes.iou(one, b).asnumpy(),
                    d2l_boxes.iou(one.reshape(4, 1), b).asnumpy())


def test_offsets_by_hand():
    anchor, truth = columns((0, 0, 2, 4)), columns((1, 1, 5, 3))
    # Centres (1, 2) and (3, 2), sizes (2, 4) and (4, 2).
    expected = [[10, 0, 5 * numpy.log(2), -5 * numpy.log(2)]]
    offsets = d2l_boxes.anchor_to_gt_offset(anchor, truth)
    assert_allclose(offsets.asnumpy().T, expected, rtol=1e-5)


def test_offsets_agree_with_the_operator(rng):
    """MultiBoxTarget's variances .1 and .2 are our factors 10 and 5."""
    matched = 0
    for _ in range(20):
        anchors, truth = random_boxes(rng, 6), random_boxes(rng, 1)
        label = np.concatenate([np.zeros((1, 1)), truth.T], axis=1)
        target, mask, _ = mx.nd.contrib.MultiBoxTarget(
            anchors.T[None].as_nd_ndarray(), label[None].as_nd_ndarray(),
            mx.nd.zeros((1, 2, 6)))
        mask = mask.asnumpy().reshape(-1, 4)
        ours = d2l_boxes.anchor_to_gt_offset(anchors, truth).asnumpy().T
        assert_allclose(ours * mask, target.asnumpy().reshape(-1, 4),
                        rtol=1e-4, atol=1e-4)
        matched += mask.any()
    assert matched > 10


def test_offsets_and_back_is_the_identity(rng):
    for _ in range(20):
        anchors, truth = random_boxes(rng, 50), random_boxes(rng, 50)
        offsets = d2l_boxes.anchor_to_gt_offset(anchors, truth)
        back = d2l_boxes.anchor_plus_offset(anchors, offsets)
        assert_allclose(back.asnumpy(), truth.asnumpy(), atol=1e-5)


def test_offsets_stay_finite():
    flat = columns((.5, .5, .5, .5), (.1, .1, .9, .1))
    full = columns((0, 0, 1, 1), (0, 0, 1, 1))
    for a, b in ((flat, full), (full, flat), (flat, flat)):
        offsets = d2l_boxes.anchor_to_gt_offset(a, b).asnumpy()
        assert numpy.isfinite(offsets).all()
    wild = np.full((4, 2), 1e4)
    assert numpy.isfinite(
        d2l_boxes.anchor_plus_offset(full, wild).asnumpy()).all()


def test_project_box_clips_all_sides():
    outside = columns((-1, .2, .5, 3), (2, 2, 3, 3))
    assert_array_equal(d2l_boxes.project_box(outside).asnumpy().T,
                       np.array([[0, .2, .5, 1], [1, 1, 1, 1]]).asnumpy())


def plain_nms(scores, boxes, threshold):
    """As one would explain it: take the best, drop what overlaps it."""
    order = list(numpy.argsort(-scores, kind='stable'))
    overlaps = d2l_boxes.iou(np.array(boxes)[:, :, None],
                             np.array(boxes)[:, None]).asnumpy()
    kept = []
    while order:
        best = order.pop(0)
        kept.append(best)
        order = [i for i in order if overlaps[best, i] <= threshold]
    return kept


@pytest.mark.parametrize('threshold', [.1, .3, .5, .7, .9])
@pytest.mark.parametrize('n', [0, 1, 2, 60])
def test_nms_agrees_with_the_plain_version(rng, n, threshold):
    for _ in range(5):
        a = random_boxes(rng, n).asnumpy()
        scores = rng.normal(size=n).astype('float32')
        scores[:n // 2] = scores[n // 2:n // 2 * 2]   # ties
        kept = d2l_boxes.nms(np.array(scores), np.array(a), threshold)
        assert kept.dtype == numpy.int32
        assert kept.asnumpy().tolist() == plain_nms(scores, a, threshold)


def test_batch_nms_by_class():
    same = [.1, .1, .6, .6]
    rows = np.array([[[0, .9, *same], [1, .8, *same], [0, .7, *same]]])
    for by_class, ids in ((True, [0, 1]), (False, [0])):
        kept, counts = d2l_boxes.batch_nms(rows, .5, by_class)
        assert kept[:, 0].asnumpy().tolist() == ids
        assert counts.tolist() == [len(ids)]


@pytest.mark.parametrize('max_kept', [None, 0, 3, 99])
def test_batch_nms_serves_each_image_as_if_alone(rng, max_kept):
    boxes = [random_boxes(rng, 20).T for _ in range(3)]
    scores = rng.normal(size=(3, 20, 1)).astype('float32')
    scores[1] = -numpy.inf   # an image without boxes
    rows = np.concatenate((np.arange(20).reshape(1, 20, 1) + np.zeros(
        (3, 1, 1)), np.array(scores), np.stack(boxes)), axis=2)
    kept, counts = d2l_boxes.batch_nms(rows, .3, max_kept=max_kept)
    expected = [d2l_boxes.nms(np.array(s[:, 0]), b.T, .3)[:max_kept].tolist()
                if numpy.isfinite(s).all() else []
                for s, b in zip(scores, boxes)]
    assert counts.tolist() == [len(x) for x in expected]
    assert kept[:, 0].tolist() == [i for ids in expected for i in ids]

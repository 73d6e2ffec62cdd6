"""Properties of any boxes, tried on boxes that hypothesis makes up.

It likes to try what one forgets: boxes without area, equal boxes, boxes
outside of the image, none at all.
"""
import numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from mxnet import np, npx
from numpy.testing import assert_allclose, assert_array_equal

from d2l_ext import boxes as d2l_boxes
from d2l_ext.anchors import label_anchors
from d2l_ext.data.voc import flip_left_right

settings.register_profile('project', deadline=None, max_examples=60,
                          derandomize=True)
settings.load_profile('project')


def box_tuples(low, high, min_side):
    """Corner boxes, many with the shortest side."""
    start, some_side = (
        st.floats(*ends, width=32, allow_subnormal=False)
        for ends in ((low, high), (min_side, high - low)))
    side = some_side | st.just(min_side)
    return st.tuples(start, start, side, side).map(
        lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))


def columns(rows):
    return np.array(rows, dtype='float32').reshape(-1, 4).T


def box_lists(low=0, high=1, min_side=0, max_size=8):
    """Lists of corner boxes, as float32 columns (4, n)."""
    box = box_tuples(low, high, min_side)
    return st.lists(box, max_size=max_size).map(columns)


def paired_lists(low=0, high=1, min_side=0):
    """Two such lists of the same length."""
    box = box_tuples(low, high, min_side)
    return st.lists(st.tuples(box, box), max_size=8).map(
        lambda pairs: [columns([pair[i] for pair in pairs])
                       for i in range(2)])


@given(box_lists(-1, 2), box_lists(-1, 2))
def test_iou_is_symmetric_and_in_range(a, b):
    there = d2l_boxes.iou(a[:, :, None], b[:, None]).asnumpy()
    back = d2l_boxes.iou(b[:, :, None], a[:, None]).asnumpy()
    assert_array_equal(there, back.T)
    assert ((there >= 0) & (there <= 1 + 1e-5)).all()


@given(box_lists(min_side=1 / 16))
def test_iou_with_itself_is_one(a):
    assert_allclose(d2l_boxes.iou(a, a).asnumpy(), 1, atol=1e-5)


@given(paired_lists(min_side=1 / 64))
def test_offsets_and_back(pair):
    anchors, truth = pair
    offsets = d2l_boxes.anchor_to_gt_offset(anchors, truth)
    assert_allclose(
        d2l_boxes.anchor_plus_offset(anchors, offsets).asnumpy(),
        truth.asnumpy(), atol=1e-4)


@given(paired_lists(-1, 2))
def test_offsets_are_finite_for_any_boxes(pair):
    anchors, truth = pair
    offsets = d2l_boxes.anchor_to_gt_offset(anchors, truth)
    assert numpy.isfinite(offsets.asnumpy()).all()
    back = d2l_boxes.anchor_plus_offset(anchors, offsets)
    assert numpy.isfinite(back.asnumpy()).all()


@given(box_lists(-1, 2))
def test_projected_boxes_lie_in_the_image(boxes):
    projected = d2l_boxes.project_box(boxes).asnumpy()
    assert ((projected >= 0) & (projected <= 1)).all()
    assert (projected[:2] <= projected[2:]).all()
    again = d2l_boxes.project_box(np.array(projected)).asnumpy()
    assert_array_equal(again, projected)


@given(box_lists(), st.integers(0, 4), st.sampled_from([.2, .5, .8]))
def test_nms_keeps_no_pair_and_drops_nothing_without_cause(
        boxes, levels, threshold):
    """Few levels make many equal scores."""
    n = boxes.shape[1]
    scores = numpy.arange(n, dtype='float32') % (levels + 1)
    kept = d2l_boxes.nms(np.array(scores, dtype='float32'), boxes,
                         threshold).asnumpy().tolist()
    overlaps = d2l_boxes.iou(boxes[:, :, None], boxes[:, None]).asnumpy()
    assert len(set(kept)) == len(kept)
    assert list(scores[kept]) == sorted(scores[kept], reverse=True)
    for i in kept:
        assert not any(overlaps[i, j] > threshold + 1e-5
                       for j in kept if j != i)
    for gone in set(range(n)) - set(kept):
        assert any(overlaps[gone, k] > threshold - 1e-5
                   and scores[k] >= scores[gone] for k in kept)


@given(box_lists(max_size=4), box_lists(), st.integers(0, 1000),
       st.sampled_from([(.7, .3), (.5, .5), (.3, .1)]))
def test_a_positive_is_never_ignored_or_negative(objects, anchors, seed,
                                                 thresholds):
    npx.random.seed(seed)
    pos_iou, neg_iou = thresholds
    count = objects.shape[1]
    truth = np.concatenate([np.zeros((count, 1)), objects.T], axis=1)
    labels, offsets = label_anchors(truth[None], anchors, pos_iou, neg_iou,
                                    3)
    labels = labels[0].asnumpy()
    overlaps = d2l_boxes.iou(objects[:, :, None], anchors[:, None]).asnumpy()
    best = overlaps.max(axis=0, initial=0)
    assert (labels[best > pos_iou + 1e-5] == 1).all()
    for row in overlaps:
        if row.max(initial=0) > 1e-5:
            best_anchors = row >= row.max() - 1e-6
            assert (labels[best_anchors] == 1).any()
    assert not (labels[(best > neg_iou + 1e-5)] == 0).any()
    assert (labels == 0).sum() <= 3 * max((labels == 1).sum(), 1)
    assert numpy.isfinite(offsets.asnumpy()).all()


@given(box_lists(), st.integers(0, 3))
def test_flipping_twice_is_the_identity(boxes, padding):
    boxes = boxes.asnumpy().T.clip(0, 1)
    label = numpy.full((len(boxes) + padding, 5), -1, 'float32')
    label[:len(boxes), 0] = 1
    label[:len(boxes), 1:] = boxes
    image = numpy.arange(2 * 3 * 3).reshape(2, 3, 3)
    once = flip_left_right(image, label)
    twice = flip_left_right(*once)
    assert_array_equal(twice[0], image)
    assert_allclose(twice[1], label, atol=1e-6)
    assert (once[1][:, 1] <= once[1][:, 3]).all()

"""Where anchors lie, and how they are labelled."""
from collections import Counter

import mxnet as mx
import numpy
import pytest
from helpers import random_boxes, random_truth
from mxnet import np, npx
from numpy.testing import assert_allclose, assert_array_equal

from d2l_ext import anchors as d2l_anchors
from d2l_ext.boxes import anchor_to_gt_offset, iou

SIZES, RATIOS = [.75, .5, .25], [1, 2, .5]


def test_anchors_by_hand_on_a_map_that_is_not_square():
    # 2 x 4 cells: a size of 1 measures two cells, a ratio of 1 is square.
    a = d2l_anchors.generate_anchors(2, 4, [1, .5], [1, 4])
    assert a.shape == (4, 2 * 4 * 3)
    first_cell = [[.125 - .25, .25 - .5, .125 + .25, .25 + .5],
                  [.125 - .5, .25 - .25, .125 + .5, .25 + .25],
                  [.125 - .125, .25 - .25, .125 + .125, .25 + .25]]
    assert_allclose(a.T[:3].asnumpy(), first_cell, atol=1e-6)
    next_cell = numpy.add(first_cell, [.25, 0, .25, 0])
    assert_allclose(a.T[3:6].asnumpy(), next_cell, atol=1e-6)


@pytest.mark.parametrize(('height', 'width'), [(1, 1), (8, 8), (3, 7),
                                               (7, 3), (5, 9)])
def test_anchors_follow_their_formula(height, width):
    a = d2l_anchors.generate_anchors(height, width, SIZES, RATIOS).asnumpy()
    shortest = min(height, width)
    expected = []
    for i in range(height):
        for j in range(width):
            for s, r in [(.75, 1), (.75, 2), (.75, .5), (.5, 1), (.25, 1)]:
                w = shortest / width * s * r**.5
                h = shortest / height * s / r**.5
                x, y = (j + .5) / width, (i + .5) / height
                expected.append([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
    assert_allclose(a.T, expected, atol=1e-5)


@pytest.mark.parametrize(('height', 'width'), [(4, 4), (3, 6), (2, 9)])
def test_anchors_agree_with_the_operator(height, width):
    """MultiBoxPrior measures by the height and lists sizes first."""
    theirs = mx.nd.contrib.MultiBoxPrior(
        mx.nd.zeros((1, 1, height, width)), sizes=SIZES, ratios=RATIOS)
    theirs = theirs.asnumpy().reshape(-1, 5, 4)[:, [0, 3, 4, 1, 2]]
    ours = d2l_anchors.generate_anchors(height, width, SIZES, RATIOS)
    assert_allclose(ours.asnumpy().T, theirs.reshape(-1, 4), atol=1e-5)


@pytest.fixture
def reference():
    """The example of the documentation: a cat and a dog, 728 x 561."""
    sides = numpy.array([728, 561, 728, 561])
    truth = [[0, *numpy.array([400, 112, 655, 493]) / sides],
             [1, *numpy.array([60, 45, 378, 516]) / sides]]
    return (np.array([truth], dtype='float32'),
            d2l_anchors.generate_anchors(8, 8, SIZES, RATIOS))


def test_reference_example_to_the_count(reference):
    for seed in range(5):
        npx.random.seed(seed)
        labels, offsets = d2l_anchors.label_anchors(*reference, .7, .3, 5)
        assert labels.shape == (1, 320)
        assert offsets.shape == (1, 320, 4)
        assert Counter(labels.asnumpy().ravel().tolist()) == {
            1: 1, 2: 1, 0: 10, -1: 308}


def check_labels(truth, anchors, labels, offsets, pos_iou, neg_iou, ratio):
    """Every promise about labels, for one image, written out plainly."""
    objects = truth[truth[:, 0] >= 0]
    n = anchors.shape[1]
    overlap = numpy.array([
        iou(np.array(o[1:]), np.array(anchors)).asnumpy() for o in objects]
    ).reshape(len(objects), n)
    best = overlap.max(axis=0, initial=0)
    owner = (overlap.argmax(axis=0) if len(objects)
             else numpy.zeros(n, int))
    forced = {}
    for k, row in enumerate(overlap):
        if row.max(initial=0) > 0:
            forced.setdefault(int(row.argmax()), []).append(k)
    for anchor, candidates in forced.items():
        owner[anchor] = max(candidates, key=lambda k: overlap[k, anchor])
    positive = best > pos_iou
    positive[list(forced)] = True
    # Positives: class and offset of the owner, never lost to the draw.
    assert_array_equal(labels > 0, positive)
    for i in numpy.flatnonzero(positive):
        assert labels[i] == objects[owner[i], 0] + 1
        expected = anchor_to_gt_offset(np.array(anchors[:, i]),
                                       np.array(objects[owner[i], 1:]))
        assert_allclose(offsets[i], expected.asnumpy(), rtol=1e-4,
                        atol=1e-4)
    # Negatives: only background, exactly as many as asked for.
    background = (best < neg_iou) & ~positive
    assert background[labels == 0].all()
    wanted = ratio * max(positive.sum(), 1)
    assert (labels == 0).sum() == min(wanted, background.sum())
    assert not offsets[~positive].any()


def test_labels_are_right_for_300_seeds(rng):
    """Each label that the draft could corrupt, on maps of all shapes."""
    maps = [(8, 8), (3, 9), (9, 4)]
    for seed in range(300):
        npx.random.seed(seed)
        anchors = d2l_anchors.generate_anchors(*maps[seed % 3], SIZES,
                                               RATIOS)
        truth = random_truth(rng, 2, 4)
        labels, offsets = d2l_anchors.label_anchors(truth, anchors, .5, .4,
                                                    3)
        for image in range(2):
            check_labels(truth[image].asnumpy(), anchors.asnumpy(),
                         labels[image].asnumpy(), offsets[image].asnumpy(),
                         .5, .4, 3)


def test_a_hard_object_keeps_its_only_positive():
    """The draft could sample the best anchor as a negative."""
    anchors = d2l_anchors.generate_anchors(4, 4, [.9], [1])
    truth = np.array([[[0, .40, .40, .45, .45]]])   # tiny
    best = int(iou(truth[0, 0, 1:].reshape(4, 1), anchors).argmax())
    for seed in range(300):
        npx.random.seed(seed)
        labels, _ = d2l_anchors.label_anchors(truth, anchors, .7, .3, 100)
        assert labels[0, best] == 1
        assert (labels == 0).sum() == 15


def test_an_anchor_goes_to_the_object_it_overlaps_most():
    """The draft gave it to the last one."""
    anchors = np.array([[0, 0, 1, 1], [0, 0, .1, .1], [.9, .9, 1, 1]]).T
    truth = np.array([[[0, 0, 0, 1, .9], [1, 0, 0, 1, .6]]])
    labels, _ = d2l_anchors.label_anchors(truth, anchors, .5, .01, 1)
    assert labels[0, 0] == 1


def test_the_best_anchor_stays_its_objects():
    # Object 1 overlaps anchor 0 less than object 0 does, but has no better;
    # object 0 keeps anchor 1, its best.
    anchors = np.array([[0, 0, .5, 1], [0, 0, .52, 1]]).T
    truth = np.array([[[0, 0, 0, .55, 1], [1, 0, 0, .3, 1]]])
    labels, _ = d2l_anchors.label_anchors(truth, anchors, .7, .3, 1)
    assert labels.asnumpy().tolist() == [[2, 1]]


def test_ties_go_to_the_first():
    anchors = np.array([[0, 0, 1, 1], [0, 0, 1, 1]]).T
    truth = np.array([[[1, 0, 0, 1, 1], [0, 0, 0, 1, 1]]])
    labels, _ = d2l_anchors.label_anchors(truth, anchors, 1.1, .3, 1)
    assert labels.asnumpy().tolist() == [[2, -1]]


@pytest.mark.parametrize('number', [-2, -3, -9])
def test_difficult_objects_are_ignored(number):
    """What overlaps one of them by the threshold or more is ignored."""
    anchors = np.array([[0, 0, .5, .5], [0, 0, .5, .2], [0, 0, .5, .1],
                        [.6, .6, 1, 1], [.5, .5, 1, 1]]).T
    hard = [number, 0, 0, .5, .5]
    for seed in range(20):
        npx.random.seed(seed)
        labels, offsets = d2l_anchors.label_anchors(
            np.array([[[0, .5, .5, 1, 1], hard]]), anchors, .7, .3, 5)
        # IoU with the difficult object: 1, 0.4, 0.2, 0, 0.
        assert labels[0].asnumpy().tolist() == [-1, -1, 0, -1, 1]
        assert (offsets == 0).all()
    # Without another object, too; and an object at the same place counts.
    labels, _ = d2l_anchors.label_anchors(np.array([[hard]]), anchors, .7,
                                          .3, 5)
    assert labels[0].asnumpy().tolist() == [-1, -1, 0, 0, 0]
    labels, _ = d2l_anchors.label_anchors(
        np.array([[[1, 0, 0, .5, .5], hard]]), anchors, .7, .3, 5)
    assert labels[0, 0] == 2


def test_an_image_without_objects_counts_as_having_one():
    anchors = d2l_anchors.generate_anchors(4, 4, SIZES, RATIOS)
    for truth in (np.full((2, 3, 5), -1.), np.zeros((2, 0, 5))):
        labels, offsets = d2l_anchors.label_anchors(truth, anchors, .7, .3,
                                                    5)
        assert (labels == 0).sum(axis=1).asnumpy().tolist() == [5, 5]
        assert (labels == -1).sum() == 2 * (80 - 5)
        assert not offsets.any()


def test_boxes_without_area_are_no_objects():
    anchors = d2l_anchors.generate_anchors(4, 4, SIZES, RATIOS)
    truth = np.array([[[0, .5, .5, .5, .5]]])
    labels, offsets = d2l_anchors.label_anchors(truth, anchors, .7, .3, 5)
    assert not (labels > 0).any()
    assert numpy.isfinite(offsets.asnumpy()).all()


def test_padding_is_no_object_whatever_its_box():
    anchors = d2l_anchors.generate_anchors(4, 4, SIZES, RATIOS)
    truth = np.array([[[-1, .1, .1, .6, .6]], [[1, .1, .1, .6, .6]]])
    labels, offsets = d2l_anchors.label_anchors(truth, anchors, .7, .3, 5)
    assert (labels > 0).any(axis=1).asnumpy().tolist() == [False, True]
    assert not offsets[0].any()


def test_a_ratio_of_zero_draws_no_background(rng):
    labels, _ = d2l_anchors.label_anchors(
        random_truth(rng, 2, 3), random_boxes(rng, 40), .7, .3, 0)
    assert not (labels == 0).any()


def test_no_anchors_give_no_labels(rng):
    labels, offsets = d2l_anchors.label_anchors(
        random_truth(rng, 2, 3), np.zeros((4, 0)), .7, .3, 5)
    assert labels.shape == (2, 0)
    assert offsets.shape == (2, 0, 4)


def test_the_draw_is_fair_and_follows_the_seed(rng):
    anchors, truth = random_boxes(rng, 40), np.full((1, 1, 5), -1.)
    count = numpy.zeros(40)
    for seed in range(200):
        npx.random.seed(seed)
        first, _ = d2l_anchors.label_anchors(truth, anchors, .7, .3, 5)
        npx.random.seed(seed)
        second, _ = d2l_anchors.label_anchors(truth, anchors, .7, .3, 5)
        assert_array_equal(first.asnumpy(), second.asnumpy())
        count += first[0].asnumpy() == 0
    assert count.sum() == 200 * 5
    assert 8 <= count.min()   # 25 expected each; three deviations below
    assert count.max() <= 45

"""The loops that the benchmarks compare with compute the same."""
import numpy
import plain
import pytest
from helpers import random_truth
from mxnet import init, np
from numpy.testing import assert_allclose, assert_array_equal

from d2l_ext import anchors, rpn
from d2l_ext.boxes import iou


def without_ties(truth, boxes):
    """Two anchors that fit an object alike are told by rounding alone."""
    for rows in truth:
        for row in rows:
            second, best = numpy.sort(iou(row[1:], boxes).asnumpy())[-2:]
            if best - second < 1e-5:
                row[0] = -1
    return truth


@pytest.mark.parametrize('num_rows', [1, 4, 9])
def test_labels_are_the_same(rng, num_rows):
    """All but the choice of the background, which is drawn."""
    boxes = anchors.generate_anchors(5, 7, rpn.SIZES, rpn.RATIOS)
    for _ in range(10):
        truth = without_ties(random_truth(rng, 6, num_rows), boxes)
        ours, plains = (module.label_anchors(truth, boxes, .5, .3, 3)
                        for module in (anchors, plain))
        labels, expected = (x[0].asnumpy() for x in (ours, plains))
        assert_array_equal(labels * (labels > 0), expected * (expected > 0))
        assert_array_equal((labels == 0).sum(axis=1),
                           (expected == 0).sum(axis=1))
        assert_allclose(ours[1].asnumpy(), plains[1].asnumpy(), rtol=1e-4,
                        atol=1e-4)


def test_proposals_are_the_same():
    output = rpn.RPNOutput()
    output.initialize(init.Xavier())
    features = 5 * np.random.normal(size=(3, 8, 5, 7))
    ours, plains = (module.predict_rpn(features, output, rpn.rpn_anchors, .5)
                    for module in (rpn, plain))
    for found, expected in zip(ours, plains):
        assert 0 < len(found[0]) < 5 * 7 * 5
        for a, b in zip(found, expected):
            assert_allclose(a.asnumpy(), b.asnumpy(), atol=1e-4)

"""The second stage: pooling, targets and detections."""
import math

import numpy
from helpers import random_boxes, random_truth
from mxnet import autograd, init, np, npx
from mxnet.gluon import nn
from numpy.testing import assert_allclose, assert_array_equal

from d2l_ext import rcnn
from d2l_ext.boxes import anchor_to_gt_offset, iou


def plain_roi_pooling(X, rois, size):
    """RoI pooling bin by bin, with MXNet's rounding of corners and bins."""
    def away_from_zero(x):
        return int(math.copysign(math.floor(abs(x) + .5), x))

    _, channels, height, width = X.shape
    out = numpy.zeros((len(rois), channels, size, size), 'float32')
    for r, (image, *corners) in enumerate(rois):
        x1, y1, x2, y2 = map(away_from_zero, corners)
        w, h = max(x2 - x1 + 1, 1), max(y2 - y1 + 1, 1)
        for i in range(size):
            for j in range(size):
                top, bottom = (y1 + math.floor(i * h / size),
                               y1 + math.ceil((i + 1) * h / size))
                left, right = (x1 + math.floor(j * w / size),
                               x1 + math.ceil((j + 1) * w / size))
                cells = X[int(image), :, max(top, 0):min(bottom, height),
                          max(left, 0):min(right, width)]
                if cells.size:
                    out[r, :, i, j] = cells.max(axis=(1, 2))
    return out


def random_rois(rng, n, batch_size):
    return numpy.concatenate([rng.integers(0, batch_size, (n, 1)),
                              random_boxes(rng, n).asnumpy().T],
                             axis=1).astype('float32')


def test_head_pools_on_maps_that_are_not_square(rng):
    """The draft took height for width, and changed the caller's rois."""
    for height, width in ((4, 4), (3, 9), (8, 5)):
        X = rng.normal(size=(2, 3, height, width)).astype('float32')
        rois = random_rois(rng, 12, 2)
        head = rcnn.FasterRCNNOutput(2)
        head.initialize()
        given = np.array(rois)
        cls_preds, box_preds = head(np.array(X), given)
        assert_array_equal(given.asnumpy(), rois)
        assert (cls_preds.shape, box_preds.shape) == ((12, 3), (12, 4))
        scaled = rois * [1, width, height, width, height]
        pooled = np.array(plain_roi_pooling(X, scaled.astype('float32'), 2))
        assert_allclose(cls_preds.asnumpy(),
                        head.cls_predictor(pooled).asnumpy(), atol=1e-5)
        assert_allclose(box_preds.asnumpy(),
                        head.box_predictor(pooled).asnumpy(), atol=1e-5)


def test_head_gradient_against_differences(rng):
    """Value and gradient with respect to the features."""
    X = rng.permutation(2 * 2 * 4 * 5).reshape(2, 2, 4, 5).astype('float32')
    rois = random_rois(rng, 5, 2)
    head = rcnn.FasterRCNNOutput(1)
    head.initialize()

    def value(array):
        cls_preds, box_preds = head(np.array(array), np.array(rois))
        return float((cls_preds * cls_preds).sum() + box_preds.sum())

    features = np.array(X)
    features.attach_grad()
    with autograd.record():
        cls_preds, box_preds = head(features, np.array(rois))
        total = (cls_preds * cls_preds).sum() + box_preds.sum()
    total.backward()
    gradient = features.grad.asnumpy()
    assert gradient.any()
    for index in numpy.ndindex(*X.shape):
        step = numpy.zeros_like(X)
        step[index] = .25    # less than half of what elements differ by
        numeric = (value(X + step) - value(X - step)) / .5
        assert_allclose(gradient[index], numeric, rtol=2e-2, atol=2e-2)


def proposals_of(rng, batch_size, counts):
    return [[np.random.uniform(size=n), random_boxes(rng, n)]
            for _, n in zip(range(batch_size), counts)]


def test_targets_are_those_of_each_image(rng):
    truth, preds = random_truth(rng, 3, 4), proposals_of(rng, 3, (9, 30, 1))
    npx.random.seed(1)
    rois, labels, offsets = rcnn.faster_rcnn_targets(truth, preds)
    assert len(rois) == len(labels) == len(offsets)
    assert (labels >= 0).all()
    for i, (_, boxes) in enumerate(preds):
        mine = rois[:, 0].asnumpy() == i
        objects = truth[i].asnumpy()
        objects = objects[objects[:, 0] >= 0]
        for roi, label, offset in zip(rois.asnumpy()[mine],
                                      labels.asnumpy()[mine],
                                      offsets.asnumpy()[mine]):
            assert (boxes.asnumpy().T == roi[1:]).all(axis=1).any()
            overlaps = [float(iou(np.array(roi[1:]), np.array(o[1:])))
                        for o in objects]
            if label == 0:
                assert not any(o > .5 for o in overlaps)
                continue
            # The label and the offsets speak of one and the same object.
            expected = [anchor_to_gt_offset(np.array(roi[1:]),
                                            np.array(o[1:])).asnumpy()
                        for o in objects if o[0] + 1 == label]
            assert min(abs(e - offset).max() for e in expected) < 1e-3


def test_detections_by_hand():
    """Class, probability and box of the confident predictions."""
    features = np.zeros((2, 1, 4, 4))
    preds = [[np.array([.9, .8]), np.array([[.1, .1, .5, .5],
                                            [.1, .1, .5, .52]]).T],
             [np.array([.9]), np.array([[.2, .2, .9, .9]]).T]]

    class Oracle(nn.Block):
        def forward(self, X, rois):
            return (np.array([[0, 9, 0], [0, 8, 0], [9, 0, 0.]]),
                    np.zeros((3, 4)))

    first, second = rcnn.predict_rcnn(features, Oracle(), preds,
                                      score_threshold=.5)
    ids, scores, boxes = first
    assert ids.asnumpy().tolist() == [0]         # its double is suppressed
    assert float(scores[0]) > .999
    assert_allclose(boxes.asnumpy().T, [[.1, .1, .5, .5]], atol=1e-6)
    assert [a.shape[-1] for a in second] == [0, 0, 0]   # background


def test_detections_are_limited_and_sorted(rng):
    head = rcnn.FasterRCNNOutput(3)
    head.initialize()
    preds = proposals_of(rng, 2, (40, 25))
    X = np.random.normal(size=(2, 4, 4, 4))
    for ids, scores, boxes in rcnn.predict_rcnn(
            X, head, preds, max_detections=7, score_threshold=0):
        assert boxes.shape == (4, 7)
        value = scores.asnumpy()
        assert (value[:-1] >= value[1:]).all()
        assert set(ids.asnumpy()) <= {0, 1, 2}


def test_a_proposal_is_positive_above_one_half():
    """Not only the best one of an object, also a worse one with IoU 0.6."""
    truth = np.array([[[1, 0, 0, 1, 1]]])
    boxes = np.array([[0, 0, 1, 1], [0, 0, 1, .6], [0, 0, 1, .4]]).T
    _, labels, _ = rcnn.faster_rcnn_targets(
        truth, [[np.array([.9, .8, .7]), boxes]])
    assert labels.asnumpy().tolist() == [2, 2, 0]


def test_classes_do_not_suppress_each_other():
    class Undecided(nn.Block):
        def forward(self, X, rois):
            return np.array([[0, 9, 9.]]), np.zeros((1, 4))

    preds = [[np.array([.9]), np.array([[.1, .1, .5, .5]]).T]]
    (ids, _, _), = rcnn.predict_rcnn(np.zeros((1, 1, 4, 4)), Undecided(),
                                     preds)
    assert sorted(ids.asnumpy().tolist()) == [0, 1]


def test_each_image_is_served_as_if_alone(rng):
    features = np.array(rng.normal(size=(3, 8, 5, 7)), 'float32')
    head = rcnn.FasterRCNNOutput(2)
    head.initialize(init.Normal(.3))
    preds = [[None, random_boxes(rng, n)] for n in (12, 0, 5)]
    together = rcnn.predict_rcnn(features, head, preds, max_proposals=9,
                                 max_detections=6)
    assert len(together[0][0]) == 6
    assert len(together[1][0]) == 0
    for i in (0, 2):
        alone, = rcnn.predict_rcnn(features[i:i + 1], head, [preds[i]],
                                   max_proposals=9, max_detections=6)
        for a, b in zip(together[i], alone):
            assert_allclose(a.asnumpy(), b.asnumpy(), rtol=1e-5,
                            atol=1e-6)

"""Numbers stay finite, whatever pictures and boxes a batch holds."""
import math

import numpy
import pytest
from helpers import random_truth
from mxnet import autograd, cpu, init, np
from mxnet.gluon import nn
from PIL import Image

from d2l_ext import Recipe, Step, make_detector, predict_faster_rcnn
from d2l_ext.boxes import anchor_plus_offset, project_box
from d2l_ext.detector.stages import (
    JointLoss,
    JointOutput,
    joint_batch_fn,
    sampled_targets,
    targets_with_ground_truth,
)
from d2l_ext.errors import TrainingError
from d2l_ext.losses import DetectionLoss
from d2l_ext.rcnn import FasterRCNNOutput, faster_rcnn_targets, predict_rcnn
from d2l_ext.rpn import RPNOutput, detection_backbone, predict_rpn, rpn_anchors
from d2l_ext.training import train_detection


def finite(*arrays):
    return all(numpy.isfinite(x.asnumpy()).all() for x in arrays)


def train(truth, shape=(16, 24), num_classes=2, stride=4, backbone=None,
          **joint):
    """Both stages at once for two epochs, the second one with momentum."""
    if backbone is None:
        backbone = nn.HybridSequential()
        backbone.add(nn.Conv2D(8, 3, stride, 1, activation='relu'),
                     nn.BatchNorm())
    output = JointOutput(RPNOutput(), FasterRCNNOutput(num_classes))
    for model in (backbone, output):
        model.initialize(init.Xavier())
    X = np.random.normal(size=(len(truth), 3, *shape))
    data = [(X, np.array(truth, dtype='float32'))]
    history = train_detection(backbone, output, joint_batch_fn(**joint),
                              data, data, JointLoss(1), 2, .1, .1, cpu())
    assert all(math.isfinite(entry.loss) for entry in history)
    assert finite(*(p.data() for model in (backbone, output)
                    for p in model.collect_params().values()))
    return backbone, output


NONE = [-1.] * 5
TRUTHS = {
    'no object': [[NONE, NONE], [NONE, NONE]],
    'one image of two without object': [[[0, .1, .1, .6, .7]], [NONE]],
    'one image': [[[1, .2, .2, .9, .9], NONE]],
    'a point': [[[0, .5, .5, .5, .5]], [[1, .2, .2, .2, .9]]],
    'a hundredth of a pixel': [[[0, .5, .5, .5001, .5001]]],
    'the whole picture': [[[0, 0, 0, 1, 1]], [[1, 0, 0, 1, 1]]],
    'a hair at the edge': [[[0, 0, .999, 1, 1]], [[0, .9999, 0, 1, 1]]],
    'twenty at one place': [[[1, .3, .3, .5, .5]] * 20],
}


@pytest.mark.parametrize('targets', [
    faster_rcnn_targets, sampled_targets(4), targets_with_ground_truth],
    ids=['all', 'sampled', 'truth'])
@pytest.mark.parametrize('name', TRUTHS)
def test_batches_of_all_kinds(name, targets):
    train(TRUTHS[name], targets_fn=targets)


@pytest.mark.parametrize('num_classes', [1, 2, 20])
def test_any_number_of_classes(rng, num_classes):
    truth = random_truth(rng, 3, 4, num_classes)
    backbone, output = train(truth, num_classes=num_classes)
    features = backbone(np.random.normal(size=(3, 3, 16, 24)))
    for classes, scores, boxes in predict_rcnn(
            features, output.rcnn_output, predict_rpn(
                features, output.rpn_output, rpn_anchors, .7),
            score_threshold=0):
        assert len(classes) == len(scores) == boxes.shape[1] > 0
        assert 0 <= classes.min() <= classes.max() < num_classes
        assert finite(scores, boxes)


@pytest.mark.parametrize('shape', [(1, 1), (3, 5), (33, 32), (16, 200),
                                   (200, 16)])
def test_pictures_of_any_shape(rng, shape):
    """With the backbone itself, for which one pixel makes one cell."""
    truth = random_truth(rng, 2, 2)
    backbone, output = train(truth, shape, backbone=detection_backbone(1))
    proposals = predict_rpn(backbone(np.ones((2, 3, *shape))),
                            output.rpn_output, rpn_anchors, .7)
    for scores, boxes in proposals:
        assert len(scores) > 0
        assert finite(scores, boxes)


@pytest.mark.parametrize('offset', [50., 1e4, 1e30, 3e38, -3e38])
def test_offsets_that_would_overflow(offset):
    anchors = np.array([[0, 0, 1, 1], [.5, .5, .5, .5], [-1, -1, 2, 2]]).T
    for which in range(4):
        offsets = np.zeros((4, 3))
        offsets[which] = offset
        boxes = project_box(anchor_plus_offset(anchors, offsets)).asnumpy()
        assert ((boxes >= 0) & (boxes <= 1)).all()
        assert (boxes[:2] <= boxes[2:]).all()


def test_a_model_with_wild_predictions(rng):
    """Parameters a thousand times too large give boxes in the picture."""
    recipe = Recipe(steps=(Step('joint', 1, .1, .1),), side=64)
    detector = make_detector(recipe, ['cat', 'dog'])
    for model in (detector.rpn_output, detector.rcnn_output):
        for parameter in model.collect_params().values():
            parameter.set_data(1000 * parameter.data())
    picture = (rng.uniform(0, 255, (40, 90, 3))).astype('uint8')
    found, = predict_faster_rcnn(detector, Image.fromarray(picture),
                                 score_threshold=0)
    assert found
    for item in found:
        x1, y1, x2, y2 = item.box
        assert 0 <= x1 <= x2 <= 90
        assert 0 <= y1 <= y2 <= 40
        assert 0 <= item.probability <= 1


def test_no_proposals(rng):
    """Nothing is found in a picture without proposals."""
    features = np.array(rng.normal(size=(2, 8, 4, 6)), dtype='float32')
    head = FasterRCNNOutput(2)
    head.initialize()
    nothing = [np.zeros(0), np.zeros((4, 0))]
    one = [np.ones(1), np.array([[.1], [.1], [.9], [.9]])]
    for empty in (predict_rcnn(features, head, [one, nothing])[1:],
                  predict_rcnn(features, head, [nothing, nothing])):
        for classes, scores, boxes in empty:
            assert len(classes) == len(scores) == boxes.shape[1] == 0
    rois, cls_labels, box_labels = faster_rcnn_targets(
        random_truth(rng, 2, 3), [one, nothing])
    assert len(rois) == len(cls_labels) == len(box_labels) == 1
    with autograd.record():
        value = DetectionLoss(1)(*head(features, rois), cls_labels,
                                 box_labels)
    value.backward()
    assert finite(value)


@pytest.mark.parametrize('offset', [0, -1e30, 1e30])
def test_something_is_always_proposed(rng, offset):
    """However sure of the background an output model is."""
    output = RPNOutput()
    output.initialize()
    features = np.array(rng.normal(size=(2, 8, 4, 6)), dtype='float32')
    output(features)
    output.cls_predictor.bias.set_data(np.array([1e6, -1e6] * 5))
    output.box_predictor.bias.set_data(np.full(20, offset))
    for scores, boxes in predict_rpn(features, output, rpn_anchors, .7):
        assert len(scores) == boxes.shape[1] > 0
        assert finite(scores, boxes)


def test_scores_that_are_no_numbers_are_told(rng):
    """The second stage would make MXNet crash, and the kernel with it."""
    output = RPNOutput()
    output.initialize()
    features = np.array(rng.normal(size=(2, 8, 4, 6)), dtype='float32')
    output(features)
    output.cls_predictor.bias.set_data(np.full(10, numpy.nan))
    with pytest.raises(TrainingError, match='Nothing is proposed'):
        predict_rpn(features, output, rpn_anchors, .7)

"""Backbone, output layers, targets and proposals of the first stage."""
import numpy
import pytest
from helpers import random_truth
from mxnet import autograd, gluon, init, np
from mxnet.gluon import nn
from mxnet.gluon.model_zoo import vision
from numpy.testing import assert_allclose, assert_array_equal

from d2l_ext import rpn
from d2l_ext.boxes import anchor_plus_offset, iou, nms, project_box


def test_backbone_is_the_model_zoos(tmp_path):
    """The same function of the same parameters, map 32 times smaller."""
    backbone = rpn.detection_backbone()
    backbone.initialize()
    X = np.random.uniform(size=(2, 3, 64, 96))
    features = backbone(X)
    assert features.shape == (2, 512, 2, 3)
    zoo = nn.HybridSequential()
    zoo.add(*vision.resnet18_v2().features[:-2])
    backbone.save_parameters(str(tmp_path / 'parameters'))
    zoo.load_parameters(str(tmp_path / 'parameters'))
    assert_allclose(zoo(X).asnumpy(), features.asnumpy(), rtol=1e-4,
                    atol=1e-5)


@pytest.mark.parametrize('num_stages', [3, 4])
def test_inference_is_what_was_trained(num_stages, rng):
    """Means of batch normalisation that do not move would be a mismatch.

    The pictures are all but normalised. After some steps on one batch, the
    network in inference gives what it gave in training.
    """
    backbone = rpn.detection_backbone(num_stages)
    backbone.initialize(init.Xavier())
    X = np.array(rng.normal(2, 3, (4, 3, 64, 96)), dtype='float32')
    trainer = gluon.Trainer(backbone.collect_params(), 'sgd',
                            {'learning_rate': 0})
    for _ in range(100):
        with autograd.record():
            trained = backbone(X)
        trained.backward()
        trainer.step(1)
    assert_allclose(backbone(X).asnumpy(), trained.asnumpy(), atol=.05)


def test_output_keeps_the_order_of_anchors():
    """The channels of a cell belong to the anchors of that cell."""
    output = rpn.RPNOutput(num_anchors=3)
    output.initialize()
    X = np.random.uniform(size=(2, 6, 4, 5))
    cls_preds, box_preds = output(X)
    assert cls_preds.shape == (2 * 4 * 5 * 3, 2)
    assert box_preds.shape == (2 * 4 * 5 * 3, 4)
    hidden = output.conv(X)
    cls, box = output.cls_predictor(hidden), output.box_predictor(hidden)
    image, i, j, anchor = 1, 2, 3, 1
    row = ((image * 4 + i) * 5 + j) * 3 + anchor
    assert_array_equal(cls_preds[row].asnumpy(),
                       cls[image, 2 * anchor:2 * anchor + 2, i, j].asnumpy())
    assert_array_equal(box_preds[row].asnumpy(),
                       box[image, 4 * anchor:4 * anchor + 4, i, j].asnumpy())


def test_targets_merge_classes(rng):
    anchors = rpn.rpn_anchors(np.zeros((1, 1, 4, 6)))
    assert anchors.shape == (4, 4 * 6 * 5)
    truth = random_truth(rng, 3, 4, num_classes=7)
    labels, offsets = rpn.rpn_targets(truth, anchors)
    assert labels.shape == (3 * 120,)
    assert offsets.shape == (3 * 120, 4)
    assert set(numpy.unique(labels.asnumpy())) == {-1, 0, 1}
    assert not offsets[labels < 1].any()


def test_batch_hands_its_anchors_back(rng):
    output = rpn.RPNOutput()
    output.initialize()
    truth, features = random_truth(rng, 2, 3), np.ones((2, 8, 3, 4))
    preds, labels, anchors = rpn.rpn_batch(truth, features, output, None)
    assert [len(a) for a in (*preds, *labels)] == [2 * 60] * 4
    _, _, again = rpn.rpn_batch(truth, features, output, anchors)
    assert again is anchors


@pytest.mark.parametrize('shape', [(1, 8, 1, 1), (3, 8, 4, 6)])
def test_proposals_image_by_image(shape):
    """The result is that of a plain loop over images."""
    output = rpn.RPNOutput()
    output.initialize()
    X = np.random.normal(size=shape)
    anchors = rpn.rpn_anchors(X)
    proposals = rpn.predict_rpn(X, output, rpn.rpn_anchors, .5)
    assert len(proposals) == len(X)
    for image, (scores, boxes) in zip(X, proposals):
        cls_preds, box_preds = output(image[None])
        objectness = numpy.exp(cls_preds.asnumpy())
        objectness = np.array(objectness[:, 1] / objectness.sum(axis=1))
        moved = anchor_plus_offset(anchors, box_preds.T)
        kept = nms(objectness, moved, .5)
        assert_allclose(scores.asnumpy(), objectness[kept].asnumpy(),
                        rtol=1e-5)
        assert_allclose(boxes.asnumpy(),
                        project_box(moved[:, kept]).asnumpy(), atol=1e-5)
        value = scores.asnumpy()
        assert (value[:-1] >= value[1:]).all()
        assert boxes.min() >= 0
        assert boxes.max() <= 1


def test_a_trained_output_would_propose_the_object():
    """Correct objectness and offsets give the correct proposal."""
    anchors = rpn.rpn_anchors(np.zeros((1, 1, 8, 8)))
    truth = np.array([[[0, .2, .3, .6, .9]]])
    labels, offsets = rpn.rpn_targets(truth, anchors)

    class Oracle(nn.Block):
        def forward(self, X):
            score = np.where(labels > 0, 5., -5.)
            return np.stack([-score, score], axis=1), offsets

    (scores, boxes), = rpn.predict_rpn(np.zeros((1, 1, 8, 8)), Oracle(),
                                       rpn.rpn_anchors, .7)
    assert float(scores[0]) > .99
    assert float(iou(boxes[:, 0], truth[0, 0, 1:])) > .999

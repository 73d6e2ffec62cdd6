"""Batch functions: the second stage's, and that of joint training."""
import ast
import inspect
import textwrap

import numpy
from helpers import (
    code_cells,
    random_boxes,
    random_truth,
    read_notebook,
    text,
)
from mxnet import autograd, cpu, init, np, npx
from mxnet.gluon import nn
from numpy.testing import assert_allclose, assert_array_equal

from d2l_ext.detector import stages as steps
from d2l_ext.losses import DetectionLoss
from d2l_ext.rcnn import FasterRCNNOutput, faster_rcnn_targets
from d2l_ext.rpn import RPNOutput, rpn_batch
from d2l_ext.training import train_detection


def test_the_batch_function_is_the_chapters():
    """But with the RPN's output module and the threshold from outside."""
    cell, = (c for c in code_cells(read_notebook('faster-rcnn.ipynb'))
             if c['metadata'].get('source_cell') == 38)
    ours = ast.parse(textwrap.dedent(inspect.getsource(
        steps.faster_rcnn_batch_fn))).body[0]
    nested, = (node for node in ours.body
               if isinstance(node, ast.FunctionDef))
    assert steps.NMS_IOU == .7
    assert ast.unparse(nested) == ast.unparse(ast.parse(
        text(cell).replace('d2l.', '').replace('nms_threshold=0.7', 'NMS_IOU')
    ).body[0])


def models(rng):
    features = np.array(rng.normal(size=(2, 8, 4, 6)), dtype='float32')
    rpn_output, rcnn_output = RPNOutput(), FasterRCNNOutput(2)
    for model in (rpn_output, rcnn_output):
        model.initialize(init.Xavier())
    # A first call sets the parameters, with random numbers of its own.
    rpn_output(features)
    rcnn_output(features, np.array([[0, 0, 0, 1, 1.]]))
    return features, rpn_output, rcnn_output, random_truth(rng, 2, 3)


def test_joint_training_does_what_both_steps_do(rng):
    features, rpn_output, rcnn_output, truth = models(rng)
    joint = steps.joint_batch_fn()
    npx.random.seed(3)
    preds, labels, anchors = joint(
        truth, features, steps.JointOutput(rpn_output, rcnn_output), None)
    npx.random.seed(3)
    first = rpn_batch(truth, features, rpn_output, None)
    second = steps.faster_rcnn_batch_fn(rpn_output)(
        truth, features, rcnn_output, None)
    for a, b in zip((*preds, *labels, anchors),
                    (*first[0], *second[0], *first[1], *second[1],
                     first[2])):
        assert_allclose(a.asnumpy(), b.asnumpy(), atol=1e-6)
    loss = DetectionLoss(2)
    total = float(steps.JointLoss(2)(*preds, *labels).sum())
    assert abs(total - float(loss(*first[0], *first[1]).sum())
               - float(loss(*second[0], *second[1]).sum())) < 1e-4


def test_joint_training_moves_all_three_models(rng):
    backbone = nn.HybridSequential()
    backbone.add(nn.Conv2D(8, 3, 4, 1, activation='relu'))
    rpn_output, rcnn_output = RPNOutput(), FasterRCNNOutput(2)
    output = steps.JointOutput(rpn_output, rcnn_output)
    for model in (backbone, output):
        model.initialize(init.Xavier())
    data = [(np.array(rng.normal(size=(2, 3, 16, 24)), dtype='float32'),
             random_truth(rng, 2, 3)) for _ in range(2)]
    joint = steps.joint_batch_fn()
    joint(data[0][1], backbone(data[0][0]), output, None)
    parameters = [*backbone.collect_params().values(),
                  *output.collect_params().values()]
    before = [p.data().copy() for p in parameters]
    history = train_detection(backbone, output, joint, data, data[:1],
                              steps.JointLoss(1), 3, .1, .1, cpu())
    assert history[-1].loss < history[0].loss
    for parameter, value in zip(parameters, before):
        assert (parameter.data() != value).any(), parameter.name


def test_no_gradient_reaches_the_rpn_from_the_second_stage(rng):
    features, rpn_output, rcnn_output, truth = models(rng)
    rpn_output(features)
    with autograd.record():
        preds, labels, _ = steps.faster_rcnn_batch_fn(rpn_output)(
            truth, features, rcnn_output, None)
        value = DetectionLoss(1)(*preds, *labels)
    value.backward()
    assert all((p.grad() == 0).all()
               for p in rpn_output.collect_params().values())
    assert any((p.grad() != 0).any()
               for p in rcnn_output.collect_params().values())


def random_proposals(rng, batch_size, n):
    return [[np.random.uniform(size=n), random_boxes(rng, n)]
            for _ in range(batch_size)]


def test_objects_are_proposals_of_their_own(rng):
    truth, preds = random_truth(rng, 3, 4), random_proposals(rng, 3, 10)
    rois, labels, offsets = steps.targets_with_ground_truth(truth, preds)
    for i, rows in enumerate(truth.asnumpy()):
        for row in rows[rows[:, 0] >= 0]:
            same = ((rois.asnumpy()[:, 0] == i)
                    & (rois.asnumpy()[:, 1:] == row[1:]).all(axis=1))
            assert same.sum() == 1
            assert labels.asnumpy()[same] == row[0] + 1
            assert_allclose(offsets.asnumpy()[same], 0, atol=1e-4)
    # The caller's proposals are as they were.
    assert all(boxes.shape == (4, 10) for _, boxes in preds)


def test_a_sample_of_the_targets(rng):
    truth, preds = random_truth(rng, 3, 4), random_proposals(rng, 3, 200)
    npx.random.seed(5)
    everything = faster_rcnn_targets(truth, preds)
    npx.random.seed(5)
    rois, labels, offsets = steps.sampled_targets(16, .25)(truth, preds)
    rows = {tuple(row) for row in np.concatenate(
        (everything[0], everything[1][:, None], everything[2]),
        axis=1).asnumpy().tolist()}
    for row in np.concatenate((rois, labels[:, None], offsets),
                              axis=1).asnumpy().tolist():
        assert tuple(row) in rows
    images = rois.asnumpy()[:, 0]
    for i in range(3):
        mine = labels.asnumpy()[images == i]
        all_mine = everything[1].asnumpy()[
            everything[0].asnumpy()[:, 0] == i]
        assert (mine > 0).sum() == min(4, (all_mine > 0).sum())
        assert (mine == 0).sum() == min(12, (all_mine == 0).sum())
    npx.random.seed(6)
    other, _, _ = steps.sampled_targets(16, .25)(truth, preds)
    assert other.shape != rois.shape or (other != rois).any()


def test_a_fixed_backbone_stays_and_is_not_in_training_mode(rng):
    backbone = nn.HybridSequential()
    backbone.add(nn.Conv2D(8, 3, 4, 1), nn.BatchNorm())
    output = RPNOutput()
    for model in (backbone, output):
        model.initialize(init.Xavier())
    data = [(np.array(rng.normal(size=(2, 3, 16, 24)), dtype='float32'),
             random_truth(rng, 2, 3)) for _ in range(2)]
    backbone(data[0][0])
    before = [p.data().asnumpy() for p in
              backbone.collect_params().values()]
    history = train_detection(backbone, output, rpn_batch, data, data[:1],
                              DetectionLoss(1), 3, 0, .2, cpu())
    assert history[-1].loss < history[0].loss
    for value, p in zip(before, backbone.collect_params().values()):
        assert_array_equal(p.data().asnumpy(), value)
    assert numpy.isfinite(history[-1].test_box_mae)

"""The same workloads in GluonCV, in an environment of its own.

`bench.py` makes that environment. The models are as similar as the two
libraries allow: ResNet-18, five anchors a cell, an RPN of 128 channels, and
in the training step features of stride 16, RoIAlign to 4 x 4 windows, a
hidden layer of 256 units and 32 proposals an image.
"""
import json
import sys
import warnings

warnings.filterwarnings('ignore')

import mxnet as mx  # noqa: E402
import numpy as np  # noqa: E402
from gluoncv.model_zoo import FasterRCNN, resnet18_v1b  # noqa: E402
from gluoncv.model_zoo.rcnn.rpn import RPN  # noqa: E402
from gluoncv.model_zoo.rcnn.rpn.rpn_target import (  # noqa: E402
    RPNTargetGenerator,
)
from mxnet import autograd, gluon, nd  # noqa: E402
from worker import serve  # noqa: E402

SETTINGS = json.loads(sys.argv[1])
SIDE, CLASSES = SETTINGS['side'], ('cat', 'dog')
ANCHORS = {'base_size': 16, 'scales': (2, 4, 6, 9, 13), 'ratios': (1,),
           'alloc_size': (32, 32), 'clip': 4.}


def random_truth(batch_size, num_objects):
    corners = np.sort(np.random.uniform(
        0, SIDE, (batch_size, num_objects, 2, 2)), axis=2)
    classes = np.random.randint(0, 2, (batch_size, num_objects, 1))
    return nd.array(corners.reshape(batch_size, -1, 4)), nd.array(classes)


def rpn(stride):
    block = RPN(channels=128, strides=stride, nms_thresh=.7,
                train_pre_nms=2000, train_post_nms=320, test_pre_nms=2000,
                test_post_nms=320, min_size=1, **ANCHORS)
    block.initialize()
    return block


def anchors(stride):
    block, side = rpn(stride), SIDE // stride
    return block.anchor_generator(nd.zeros((1, 1, side, side))
                                  ).reshape((-1, 4))


def labels():
    """Targets for 32 images x 320 anchors x 4 objects."""
    generate = RPNTargetGenerator(allowed_border=SIDE)
    boxes, _ = random_truth(32, 4)
    all_anchors = anchors(32)

    def run():
        for image in boxes:
            generate(image, all_anchors, SIDE, SIDE)
        nd.waitall()
    return run


def proposals():
    block, cells = rpn(32), SIDE // 32
    block.hybridize()
    X, features = nd.zeros((32, 3, SIDE, SIDE)), nd.random.normal(
        shape=(32, 512, cells, cells))

    def run():
        block(X, features)
        nd.waitall()
    return run


def network(batch_size):
    """Faster R-CNN with features of stride 16."""
    base = resnet18_v1b(pretrained_base=False)
    features = gluon.nn.HybridSequential()
    for name in ('conv1', 'bn1', 'relu', 'maxpool', 'layer1', 'layer2',
                 'layer3'):
        features.add(getattr(base, name))
    hidden = gluon.nn.HybridSequential()
    hidden.add(gluon.nn.Dense(256, activation='relu'))
    net = FasterRCNN(
        features, None, CLASSES, box_features=hidden, short=SIDE,
        max_size=SIDE, roi_mode='align', roi_size=(4, 4), strides=16,
        rpn_channel=128, rpn_train_pre_nms=1280, rpn_train_post_nms=300,
        rpn_min_size=1, per_device_batch_size=batch_size, num_sample=32,
        max_num_gt=8, **ANCHORS)
    net.initialize(mx.init.Xavier())
    net.hybridize(static_alloc=True)
    return net


def training_step():
    """The parts and losses of GluonCV's own training script."""
    batch_size = SETTINGS['batch_size']
    net = network(batch_size)
    trainer = gluon.Trainer(net.collect_params(), 'sgd', {
        'learning_rate': 1e-9, 'momentum': .9})
    generate = RPNTargetGenerator(allowed_border=SIDE)
    score_loss = gluon.loss.SigmoidBinaryCrossEntropyLoss()
    class_loss = gluon.loss.SoftmaxCrossEntropyLoss()
    box_loss, rpn_box_loss = gluon.loss.HuberLoss(), gluon.loss.HuberLoss(
        rho=1 / 9)
    X = nd.random.normal(shape=(batch_size, 3, SIDE, SIDE))
    boxes, classes = random_truth(batch_size, 4)
    all_anchors = anchors(16)

    def run():
        scores, offsets, masks = (nd.array(np.stack(x)) for x in zip(*(
            generate(image, all_anchors, SIDE, SIDE) for image in boxes)))
        with autograd.record():
            (class_preds, box_preds, _, _, _, raw_scores, raw_boxes, _,
             class_targets, box_targets, box_masks, _) = net(
                X, boxes, classes)
            raw_scores = raw_scores.squeeze(axis=-1)
            used = scores >= 0
            loss = score_loss(raw_scores, scores, used).sum() / used.sum()
            loss = loss + (rpn_box_loss(raw_boxes, offsets, masks).sum()
                           / batch_size)
            loss = loss + class_loss(
                class_preds, class_targets,
                (class_targets >= 0).expand_dims(-1)).sum()
            loss = loss + box_loss(box_preds, box_targets, box_masks).sum()
        loss.backward()
        trainer.step(batch_size)
        nd.waitall()
        assert np.isfinite(loss.asscalar())
    return run


if __name__ == '__main__':
    serve({'labels': labels, 'proposals': proposals,
           'training step': training_step})

"""Workloads of this project, for `worker.serve`.

    python benchmarks/ours.py            the library as it is
    python benchmarks/ours.py plain      with loops, and not compiled
"""
import functools
import sys
import time
from pathlib import Path

import d2l_ext as d2l  # isort: skip
import mxnet
import plain
from bfloat16 import with_bfloat16
from mxnet import autograd, cpu, init, np, npx
from worker import serve

from d2l_ext import rcnn, rpn
from d2l_ext.detector import stages

BATCH_SIZE, SIDE = 32, 256
CLASSES = 'cat', 'dog'
NUM_CLASSES = len(CLASSES)
PLAIN = sys.argv[1:] == ['plain']


def replace_helpers():
    """Replace array operations by loops, for the life of the process."""
    rpn.label_anchors = rcnn.label_anchors = plain.label_anchors
    for module in (rpn, stages, d2l):
        module.predict_rpn = plain.predict_rpn


def drawn(split, side=SIDE):
    root, _ = d2l.voc_dir()
    return d2l.VOCDetection(root, split, side, side, CLASSES)


def batch(batch_size=BATCH_SIZE, side=SIDE):
    """Pictures of the embedded set with their ground truth."""
    return next(iter(d2l.load_batches(drawn('train', side), batch_size)))


def random_truth(batch_size, num_objects, num_classes=NUM_CLASSES):
    corners = np.sort(np.random.uniform(
        size=(batch_size, num_objects, 2, 2)), axis=2)
    classes = np.random.randint(0, num_classes, (
        batch_size, num_objects, 1)).astype('float32')
    return np.concatenate(
        (classes, corners.reshape(batch_size, -1, 4)), axis=2)


def backbone():
    model = d2l.detection_backbone()
    model.initialize(init.Xavier())
    if PLAIN:
        model.hybridize(False)
    return model


def backbone_alone(**shape):
    """Forward and backward pass of the backbone, which training needs."""
    model, (X, _) = backbone(), batch(**shape)

    def run():
        with autograd.record():
            features = model(X)
        features.backward()
        mxnet.nd.waitall()
    return run


def training_step(stage, sizes=d2l.rpn.SIZES, num_objects=None,
                  num_classes=None, **shape):
    """One batch through `train_detection`, with everything it does."""
    anchor_fn = functools.partial(d2l.rpn_anchors, sizes=sizes)
    models = [backbone(), d2l.RPNOutput(len(sizes) + 2),
              d2l.FasterRCNNOutput(num_classes or NUM_CLASSES)]
    X, Y = batch(**shape)
    if num_objects or num_classes:
        Y = random_truth(len(X), num_objects or Y.shape[1],
                         num_classes or NUM_CLASSES)
    data = [(X, Y)]
    for model in models[1:]:
        model.initialize(init.Xavier())
    if stage == 'rpn':
        output, batch_fn = models[1], functools.partial(
            rpn.rpn_batch, anchor_fn=anchor_fn)
    else:
        output, batch_fn = models[2], stages.faster_rcnn_batch_fn(
            models[1], anchor_fn)

    def run():
        # At such a small rate the models, and so the number of proposals,
        # do not change.
        d2l.train_detection(models[0], output, batch_fn, data, [],
                            d2l.DetectionLoss(1), 1, 1e-9, 1e-9, cpu())
        mxnet.nd.waitall()
    return run


def both_steps():
    """One step of each of the chapter's two trainings."""
    first, second = training_step('rpn'), training_step('rcnn')

    def run():
        first()
        second()
    return run


def proposals(predict_rpn=rpn.predict_rpn):
    output = d2l.RPNOutput()
    output.initialize(init.Xavier())
    features = backbone()(batch()[0])

    def run():
        predict_rpn(features, output, d2l.rpn_anchors, .7)
        mxnet.nd.waitall()
    return run


def labels(label_anchors=d2l.label_anchors):
    """Labels of 32 images x 320 anchors x 4 objects."""
    anchors = d2l.generate_anchors(8, 8, d2l.rpn.SIZES, d2l.rpn.RATIOS)
    truth = random_truth(BATCH_SIZE, 4)

    def run():
        label_anchors(truth, anchors, .7, .3, 5)
        mxnet.nd.waitall()
    return run


class TimedIterator:
    """Gives batches, and measures how long the loop waits for them."""

    def __init__(self, loader, length):
        self._loader, self._length, self.waited = loader, length, 0.

    def __len__(self):
        return self._length

    def __iter__(self):
        start = time.perf_counter()
        batches = iter(self._loader)
        for _ in range(self._length):
            item = next(batches)
            self.waited += time.perf_counter() - start
            yield item
            start = time.perf_counter()


def data_wait():
    """Share of the time of four training steps spent waiting for data."""
    loader = d2l.load_batches(drawn('train'), BATCH_SIZE, True)
    model, output = backbone(), d2l.RPNOutput()
    output.initialize(init.Xavier())

    def run():
        timed = TimedIterator(loader, 4)
        epoch, = d2l.train_detection(
            model, output, rpn.rpn_batch, timed, [], d2l.DetectionLoss(1), 1,
            1e-9, 1e-9, cpu())
        return {'share': timed.waited / epoch.seconds}
    return run


def joint_step():
    """One batch through the best recipe, stride 16 and RoIAlign."""
    recipe = d2l.BEST._replace(
        steps=(d2l.Step('joint', 1, 1e-9, 1e-9),))
    detector = d2l.make_detector(recipe, CLASSES)
    data = [batch(recipe.batch_size)]

    def run():
        d2l.train_recipe(recipe, detector, data, [])
        mxnet.nd.waitall()
    return run


def inference(prepare=lambda detector: detector, batch_size=BATCH_SIZE,
              num_classes=NUM_CLASSES):
    """Images to detections."""
    detector = prepare(d2l.make_detector(d2l.CHAPTER, names(num_classes)))
    dataset = drawn('val')
    pictures = [dataset.read_image(i) for i in range(batch_size)]

    def run():
        d2l.predict_faster_rcnn(detector, pictures)
    return run


def inference_in_training_form():
    """The same with the forward pass of a training step."""
    detect = inference()

    def run():
        with autograd.train_mode():
            detect()
    return run


def forward(mode, **shape):
    """The backbone's part of it."""
    model, (X, _) = backbone(), batch(**shape)

    def run():
        with mode():
            model(X).wait_to_read()
    return run


def photographs(folder, detector):
    """Files to detections, with a detector that was trained on photographs."""
    detector = d2l.load_detector(Path(detector), cpu())

    def run():
        d2l.predict_faster_rcnn(detector, folder)
    return run


def names(num_classes):
    return [f'class-{number}' for number in range(num_classes)]


def evaluation(num_classes, batch_size):
    """Average precision of ten detections on each picture of a data set.

    Of all pictures, whatever the size of a batch.
    """
    dataset = drawn('val')
    dataset.classes = names(num_classes)
    dataset.objects = [
        [item._replace(name=dataset.classes[(i + j) % num_classes])
         for j, item in enumerate(objects)]
        for i, objects in enumerate(dataset.objects)]
    truth = random_truth(len(dataset), 10, num_classes)
    found = [[rows[:, 0], np.random.uniform(size=10), rows[:, 1:].T]
             for rows in truth]

    def run():
        d2l.evaluate_detection(found, dataset)
    return run


WORKLOADS = {
    'backbone': backbone_alone,
    'RPN step': functools.partial(training_step, 'rpn'),
    'Faster R-CNN step': functools.partial(training_step, 'rcnn'),
    'both steps': both_steps,
    'labels': labels,
    'plain labels': functools.partial(labels, plain.label_anchors),
    'list labels': functools.partial(labels, functools.partial(
        plain.label_anchors, rows_of=np.ndarray.tolist)),
    'proposals': proposals,
    'plain proposals': functools.partial(proposals, plain.predict_rpn),
    'training step': joint_step,
    'inference': inference,
    'inference in bfloat16': functools.partial(
        inference, with_bfloat16),
    'inference in training form': inference_in_training_form,
    'forward': functools.partial(forward, autograd.train_mode),
    'forward in evaluation form': functools.partial(
        forward, autograd.predict_mode),
    'photographs': photographs,
    'evaluation': evaluation,
    'data': data_wait,
}

if __name__ == '__main__':
    npx.set_np()
    npx.random.seed(0)
    if PLAIN:
        replace_helpers()
    serve(WORKLOADS)

"""One training loop for region proposals and for Faster R-CNN."""
from __future__ import annotations

import math
import os
import sys
import time
from typing import Callable, List, NamedTuple, Sequence, Union

from mxnet import autograd, gluon, lr_scheduler
from mxnet.context import Context
from mxnet.gluon import nn
from tqdm import tqdm

from .distributed.replicas import Replicas
from .errors import TrainingError
from .losses import DetectionEvaluation
from .runtime.checkpoint import Checkpoint
from .runtime.live_plot import LivePlot

__all__ = ['Epoch', 'train_detection']

# A learning rate means what it does in plain SGD: with momentum m a step
# lasts 1 / (1 - m) times as long, so the rate is multiplied by 1 - m.
MOMENTUM, WEIGHT_DECAY = .9, 1e-4
# The rate rises over the first steps and falls to zero, along a cosine, until
# the last one: few epochs do better than at a constant rate.
WARMUP_STEPS = 5
# Long gradients are shortened to this norm: the first batches of a new
# output layer can otherwise throw the backbone away.
MAX_GRADIENT = 5.


class Epoch(NamedTuple):
    """What `train_detection` reports of an epoch.

    Class errors are shares of the anchors that are not ignored; box errors
    are mean absolute errors of the four offsets of positive anchors, nan
    where there was none. Of an epoch that was stopped and resumed, `seconds`
    counts from where it was resumed.
    """
    epoch: int
    loss: float
    train_class_error: float
    train_box_mae: float
    test_class_error: float
    test_box_mae: float
    seconds: float


def train_detection(backbone: nn.Block, output_model: nn.Block,
                    batch_fn: Callable, train_iter: gluon.data.DataLoader,
                    test_iter: gluon.data.DataLoader, loss: Callable,
                    num_epochs: int, backbone_lr: float, output_lr: float,
                    ctx: Union[Context, Sequence[Context]],
                    checkpoint: Union[str, os.PathLike, None] = None,
                    resume: bool = False, kvstore: str = 'device'
                    ) -> List[Epoch]:
    """Train a backbone together with an output model on top of it.

    Parameters
    ----------
    backbone : Block
        Maps images (B, 3, H, W) to features.
    output_model : Block
        Predicts from features; `batch_fn` knows how to call it.
    batch_fn : callable
        `batch_fn(Y, features, output_model, anchors)` returns predictions,
        labels and anchors, as `rpn_batch` does. Of more than one pair of
        predictions the errors of the last are reported.
    train_iter, test_iter : iterable with a length
        Batches of images and ground truth.
    loss : callable
        `loss(*predictions, *labels)` gives an array that sums to the loss
        of the batch, as `DetectionLoss` does. For several devices it needs
        a method `counts`, too, as that has.
    num_epochs : int
        Passes over `train_iter`; each is followed by one over `test_iter`.
    backbone_lr, output_lr : float
        Learning rates of the two models. A backbone whose rate is 0 stays
        as it is, the means of its batch normalisation included; a step
        then spares its backward pass.
    ctx : Context or sequence of Context
        Device that both models are on; of several, each computes a share
        of every batch.
    checkpoint : path, optional
        A file that takes, after every epoch and when the training is
        interrupted, all that it needs to go on.
    resume : bool
        Whether to go on from that file, if it is there. A run that was
        stopped and resumed ends as one that was not: bit for bit, on the
        same machine with the same number of threads.
    kvstore : str
        How gradients are added up: `device`, on the devices of this
        process; or `dist_sync`, if this is a worker of a training on
        several hosts. `train_iter` and `test_iter` then have this worker's
        shares, as `load_data_voc_detection` gives them; worker 0 alone
        plots, prints and stores.

    Returns
    -------
    list of Epoch
        The history, one entry an epoch, of all workers together; it is
        plotted as it grows. The last one is printed, too.

    Raises
    ------
    TrainingError
        When the loss or its gradient is not finite, there is no batch, or
        fewer images in a batch than devices.
    CheckpointError
        When the checkpoint can't be written, is damaged, or is of another
        training; or when there is one and `resume` is not set.

    Notes
    -----
    Stochastic gradient descent with momentum 0.9 and weight decay 1e-4;
    rates are scaled by 0.1 to make up for the momentum.
    """
    if not len(train_iter):
        raise TrainingError('There is no batch to train on: are there fewer '
                            'images than a batch takes?')
    num_steps = num_epochs * len(train_iter)
    moving = [(output_model, output_lr)]
    if backbone_lr:
        moving.insert(0, (backbone, backbone_lr))
    models = [model for model, _ in moving]
    trainers = [_trainer(model, lr, num_steps) for model, lr in moving]
    replicas = Replicas((backbone, output_model), ctx, kvstore)
    plot, anchors = LivePlot(num_epochs), [None] * len(replicas.devices)

    def outputs_of(batch, learns):
        """Predictions and labels of each device's share."""
        outputs = []
        for i, (X, Y) in enumerate(replicas.split(*batch)):
            with autograd.record() if learns else autograd.pause():
                features = backbone(X)
            preds, labels, anchors[i] = batch_fn(
                Y, features, output_model, anchors[i])
            outputs.append((preds, labels))
        return outputs

    with Checkpoint(checkpoint, resume, replicas, train_iter,
                    (backbone, output_model), trainers,
                    num_epochs=num_epochs, backbone_lr=backbone_lr,
                    output_lr=output_lr) as keeper:
        history = [Epoch(*row) for row in keeper.history]
        for epoch in range(len(history) + 1, num_epochs + 1):
            start = time.perf_counter()
            train, test = _Counts(), _Counts()
            bar = tqdm(train_iter, f'epoch {epoch}/{num_epochs}',
                       leave=False, file=sys.stdout, unit='batch',
                       disable=replicas.rank > 0)
            for number, batch in keeper.batches(bar, epoch, train.sums):
                with autograd.record():
                    outputs = outputs_of(batch, learns=backbone_lr > 0)
                    values = replicas.losses(loss, outputs)
                autograd.backward(values)
                replicas.share_gradients(models)
                norm = max(_clip_gradients(models, device)
                           for device in replicas.devices)
                batch_loss = sum(float(value.sum()) for value in values)
                if not math.isfinite(batch_loss + norm):
                    raise TrainingError(
                        f'In batch {number} of epoch {epoch}'
                        f'{_images(train_iter, number)} the loss is '
                        f'{batch_loss} and its gradient has the norm {norm}. '
                        'A smaller learning rate often helps (now '
                        f'backbone_lr={backbone_lr}, output_lr={output_lr});'
                        ' else look for pixels or boxes of these images '
                        'that are not finite.')
                # The loss is a mean already: no division by the batch size.
                for trainer in trainers:
                    trainer.step(1)
                train.add(outputs, batch_loss)
                bar.set_postfix(
                    loss=f'{train.loss * replicas.num_workers:.3f}')
            for batch in test_iter:
                test.add(outputs_of(batch, learns=False))
            for counts in (train, test):
                counts.sums[1:] = replicas.total(counts.sums[1:])
            history.append(Epoch(
                epoch, train.loss, train.class_error, train.box_mae,
                test.class_error, test.box_mae,
                time.perf_counter() - start))
            if replicas.rank == 0:
                plot.show(history)
            keeper.end(history)
    last = history[-1]
    if replicas.rank == 0:
        print(f'train class err {last.train_class_error:.2e}, '
              f'box mae {last.train_box_mae:.2e}; '
              f'test class err {last.test_class_error:.2e}, '
              f'box mae {last.test_box_mae:.2e}')
    return history


def _images(train_iter, number):
    """Names of the images of a batch, where there are any."""
    names_of = getattr(train_iter, 'names_of', None)
    return f' ({", ".join(names_of(number))})' if names_of else ''


def _trainer(model, learning_rate, num_steps):
    # The scheduler can't do with a cosine of no step at all.
    schedule = lr_scheduler.CosineScheduler(
        max(num_steps, WARMUP_STEPS + 1),
        base_lr=(1 - MOMENTUM) * learning_rate, warmup_steps=WARMUP_STEPS)
    # Without a store of its own: `Replicas` adds up the gradients, which are
    # shortened before the step.
    return gluon.Trainer(model.collect_params(), 'sgd', {
        'lr_scheduler': schedule, 'momentum': MOMENTUM, 'wd': WEIGHT_DECAY},
        kvstore=None)


def _clip_gradients(models, ctx):
    """Shorten a device's gradient to MAX_GRADIENT; returns its norm before.
    """
    gradients = [parameter.grad(ctx).as_nd_ndarray() for model in models
                 for parameter in model.collect_params().values()
                 if parameter.grad_req != 'null']
    return gluon.utils.clip_global_norm(
        gradients, MAX_GRADIENT, check_isfinite=False).asscalar()


class _Counts:
    """Sums over batches: of the loss and of `DetectionEvaluation`."""

    def __init__(self):
        self._evaluate = DetectionEvaluation()
        # Of batches, and of this worker's share of all else.
        self.sums = [0.] * 6

    def add(self, outputs, loss=0.):
        counts = [self._evaluate(*preds[-2:], *labels[-2:])
                  for preds, labels in outputs]
        more = 1, loss, *map(sum, zip(*counts))
        self.sums[:] = [a + b for a, b in zip(self.sums, more)]

    @property
    def loss(self) -> float:
        return self.sums[1] / self.sums[0]

    @property
    def class_error(self) -> float:
        _, _, right, _, valid, _ = self.sums
        return 1 - right / valid if valid else math.nan

    @property
    def box_mae(self) -> float:
        *_, error, _, positive = self.sums
        return error / positive if positive else math.nan

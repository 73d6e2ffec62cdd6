"""One training loop for region proposals and for Faster R-CNN."""
from __future__ import annotations

import math
import sys
import time
from typing import Callable, List, NamedTuple

from mxnet import autograd, gluon, lr_scheduler
from mxnet.context import Context
from mxnet.gluon import nn
from tqdm import tqdm

from .errors import TrainingError
from .losses import DetectionEvaluation
from .plotting import LivePlot

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
    where there was none.
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
                    ctx: Context) -> List[Epoch]:
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
        of the batch, as `DetectionLoss` does.
    num_epochs : int
        Passes over `train_iter`; each is followed by one over `test_iter`.
    backbone_lr, output_lr : float
        Learning rates of the two models. A backbone whose rate is 0 stays
        as it is, the means of its batch normalisation included; a step
        then spares its backward pass.
    ctx : Context
        Device that both models are on.

    Returns
    -------
    list of Epoch
        The history, one entry an epoch; it is plotted as it grows. The
        last one is printed, too.

    Raises
    ------
    TrainingError
        When the loss or its gradient is not finite.

    Notes
    -----
    Stochastic gradient descent with momentum 0.9 and weight decay 1e-4;
    rates are scaled by 0.1 to make up for the momentum.
    """
    num_steps = num_epochs * len(train_iter)
    moving = [(output_model, output_lr)]
    if backbone_lr:
        moving.insert(0, (backbone, backbone_lr))
    models = [model for model, _ in moving]
    trainers = [_trainer(model, lr, num_steps) for model, lr in moving]
    history, anchors, plot = [], None, LivePlot(num_epochs)
    for epoch in range(1, num_epochs + 1):
        start = time.perf_counter()
        train, total_loss = _Counts(), 0.
        bar = tqdm(train_iter, f'epoch {epoch}/{num_epochs}', leave=False,
                   file=sys.stdout, unit='batch')
        for number, (X, Y) in enumerate(bar, 1):
            X, Y = X.as_in_ctx(ctx), Y.as_in_ctx(ctx)
            with autograd.record():
                with autograd.record() if backbone_lr else autograd.pause():
                    features = backbone(X)
                preds, labels, anchors = batch_fn(
                    Y, features, output_model, anchors)
                values = loss(*preds, *labels)
            values.backward()
            norm = _clip_gradients(models, ctx)
            batch_loss = float(values.sum())
            if not math.isfinite(batch_loss + norm):
                raise TrainingError(
                    f'In batch {number} of epoch {epoch} the loss is '
                    f'{batch_loss} and its gradient has the norm {norm}. A '
                    'smaller learning rate often helps (now backbone_lr='
                    f'{backbone_lr}, output_lr={output_lr}); else look for '
                    'pixels or boxes that are not finite.')
            # The loss is a mean already: no division by the batch size.
            for trainer in trainers:
                trainer.step(1)
            total_loss += batch_loss
            train.add(preds, labels)
            bar.set_postfix(loss=f'{total_loss / number:.3f}')
        test = _Counts()
        for X, Y in test_iter:
            preds, labels, anchors = batch_fn(
                Y.as_in_ctx(ctx), backbone(X.as_in_ctx(ctx)), output_model,
                anchors)
            test.add(preds, labels)
        history.append(Epoch(
            epoch, total_loss / number, train.class_error, train.box_mae,
            test.class_error, test.box_mae, time.perf_counter() - start))
        plot.show(history)
    last = history[-1]
    print(f'train class err {last.train_class_error:.2e}, '
          f'box mae {last.train_box_mae:.2e}; '
          f'test class err {last.test_class_error:.2e}, '
          f'box mae {last.test_box_mae:.2e}')
    return history


def _trainer(model, learning_rate, num_steps):
    schedule = lr_scheduler.CosineScheduler(
        num_steps, base_lr=(1 - MOMENTUM) * learning_rate,
        warmup_steps=WARMUP_STEPS)
    return gluon.Trainer(model.collect_params(), 'sgd', {
        'lr_scheduler': schedule, 'momentum': MOMENTUM, 'wd': WEIGHT_DECAY})


def _clip_gradients(models, ctx):
    """Shorten the gradient to MAX_GRADIENT; returns its norm before."""
    gradients = [parameter.grad(ctx).as_nd_ndarray() for model in models
                 for parameter in model.collect_params().values()
                 if parameter.grad_req != 'null']
    return gluon.utils.clip_global_norm(
        gradients, MAX_GRADIENT, check_isfinite=False).asscalar()


class _Counts:
    """Sums of `DetectionEvaluation` over batches."""

    def __init__(self):
        self._evaluate = DetectionEvaluation()
        self._sums = [0.] * 4

    def add(self, preds, labels):
        self._sums = [a + b for a, b in zip(
            self._sums, self._evaluate(*preds[-2:], *labels[-2:]))]

    @property
    def class_error(self) -> float:
        right, _, valid, _ = self._sums
        return 1 - right / valid if valid else math.nan

    @property
    def box_mae(self) -> float:
        _, error, _, positive = self._sums
        return error / positive if positive else math.nan

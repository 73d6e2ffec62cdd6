"""One training loop for region proposals and for Faster R-CNN."""
from __future__ import annotations

import contextlib
import math
import os
from typing import Callable, List, Sequence, Union

from d2l.mxnet import Accumulator
from mxnet import autograd, gluon, lr_scheduler, nd
from mxnet.context import Context
from mxnet.gluon import nn

from .losses import DetectionEvaluation
from .runtime.run import Epoch, Run

__all__ = ['train_detection']

# Learning rates are those of plain SGD: momentum m makes a step 1 / (1 - m)
# times as long, so the rate is multiplied by 1 - m.
MOMENTUM, WEIGHT_DECAY = .9, 1e-4
# The rate rises over the first steps and then falls to zero along a cosine:
# with few epochs, that works better than a constant rate.
WARMUP_STEPS = 5
# Gradients are clipped to this norm: the first batches of a new output layer
# could otherwise ruin the backbone.
MAX_GRADIENT = 5.


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
        labels and anchors, as `rpn_batch` does. If there are several pairs
        of predictions, errors are reported for the last pair.
    train_iter, test_iter : iterable with a length
        Batches of images and ground truth.
    loss : callable
        `loss(*predictions, *labels)` returns an array that sums to the loss
        of the batch, as `DetectionLoss` does. With several devices it also
        needs a method `counts`.
    num_epochs : int
        Passes over `train_iter`; each is followed by one over `test_iter`.
    backbone_lr, output_lr : float
        Learning rates of the two models. A rate of 0 freezes the backbone,
        including the statistics of its batch normalisation, and saves its
        backward pass.
    ctx : Context or sequence of Context
        The device of both models, or several devices, each of which computes
        a share of every batch.
    checkpoint : path, optional
        File for the state of the training, written after every epoch and
        when the training is interrupted.
    resume : bool
        Whether to resume from that file if it exists. A resumed training
        gives the same result as an uninterrupted one: bit for bit, on the
        same machine with the same number of threads.
    kvstore : str
        How gradients are added up: `device`, on the devices of this process;
        or `dist_sync`, if this is a worker of a training on several hosts.
        `train_iter` and `test_iter` then give this worker's shares, as from
        `load_data_voc_detection`; only worker 0 plots, prints and stores.

    Returns
    -------
    list of Epoch
        The history, with one entry per epoch for all workers together. It is
        plotted as it grows, and the last entry is printed.

    Raises
    ------
    TrainingError
        If the loss or its gradient is not finite, if there is no batch, or
        if a batch has fewer images than there are devices.
    CheckpointError
        If the checkpoint can't be written, is damaged or belongs to another
        training; or if it exists and `resume` is not set.

    Notes
    -----
    Stochastic gradient descent with momentum 0.9 and weight decay 1e-4;
    rates are multiplied by 0.1 to compensate for the momentum.
    """
    rates = {backbone: backbone_lr, output_model: output_lr}
    if not backbone_lr:
        del rates[backbone]
    trainers = {model: _trainer(model, rate, num_epochs * len(train_iter))
                for model, rate in rates.items()}
    run = Run((backbone, output_model), list(trainers.values()), train_iter,
              ctx, checkpoint, resume, kvstore, num_epochs=num_epochs,
              backbone_lr=backbone_lr, output_lr=output_lr)
    forward = _forward_fn(backbone, output_model, batch_fn,
                          backbone in trainers, run.replicas)
    with run:
        for epoch in run.epochs():
            train = Accumulator(5)
            for batch in run.batches(train):
                train.add(*_train_batch(batch, forward, loss, trainers, run))
            test = _evaluate(test_iter, forward)
            loss_sum, *counts = run.replicas.total(train.data)
            run.end_epoch(Epoch(
                epoch, loss_sum / len(train_iter), *_errors(counts),
                *_errors(run.replicas.total(test)), run.seconds()))
    if run.replicas.rank == 0:
        print(run.history[-1])
    return run.history


def _trainer(model, learning_rate, num_steps):
    # The scheduler divides by the number of steps after the warm-up.
    schedule = lr_scheduler.CosineScheduler(
        max(num_steps, WARMUP_STEPS + 1),
        base_lr=(1 - MOMENTUM) * learning_rate, warmup_steps=WARMUP_STEPS)
    # No key-value store: `Replicas` adds up the gradients, which are clipped
    # before the step.
    return gluon.Trainer(model.collect_params(), 'sgd', {
        'lr_scheduler': schedule, 'momentum': MOMENTUM, 'wd': WEIGHT_DECAY},
        kvstore=None)


def _forward_fn(backbone, output_model, batch_fn, learns, replicas):
    """A function from a batch to predictions and labels on each device."""
    anchors = [None] * len(replicas.devices)

    def forward(batch):
        outputs = []
        for i, (X, Y) in enumerate(replicas.split(*batch)):
            # A frozen backbone needs no backward pass.
            with contextlib.nullcontext() if learns else autograd.pause():
                features = backbone(X)
            preds, labels, anchors[i] = batch_fn(
                Y, features, output_model, anchors[i])
            outputs.append((preds, labels))
        return outputs
    return forward


def _train_batch(batch, forward, loss, trainers, run):
    """Make one step; returns the loss and the counts of the batch."""
    with autograd.record():
        outputs = forward(batch)
        values = run.replicas.losses(loss, outputs)
    autograd.backward(values)
    run.replicas.share_gradients(trainers)
    norm = max(_clip_gradients(trainers, device)
               for device in run.replicas.devices)
    batch_loss = sum(float(value.sum()) for value in values)
    run.report(batch_loss, norm)
    # The loss is already a mean: no division by the batch size.
    for trainer in trainers.values():
        trainer.step(1)
    return batch_loss, *_count(outputs)


def _evaluate(test_iter, forward):
    """Sums of the counts of all batches."""
    sums = Accumulator(4)
    for batch in test_iter:
        sums.add(*_count(forward(batch)))
    return sums.data


def _clip_gradients(models, ctx):
    """Clip a device's gradient to MAX_GRADIENT; returns the norm before."""
    gradients = [parameter.grad(ctx).as_nd_ndarray() for model in models
                 for parameter in model.collect_params().values()
                 if parameter.grad_req != 'null']
    # Not from `dot`, which gluon takes: BLAS adds up as the machine likes.
    norm = float(nd.multi_sum_sq(
        *gradients, num_arrays=len(gradients)).sum().sqrt().asscalar())
    if norm > MAX_GRADIENT:
        for gradient in gradients:
            gradient *= MAX_GRADIENT / norm
    return norm


def _count(outputs):
    """Sums of the counts of `DetectionEvaluation` over all shares."""
    evaluate = DetectionEvaluation()
    counts = [evaluate(*preds[-2:], *labels[-2:])
              for preds, labels in outputs]
    return map(sum, zip(*counts))


def _errors(counts):
    """Class error and box error from such sums."""
    right, error, valid, positive = counts
    return (1 - right / valid if valid else math.nan,
            error / positive if positive else math.nan)

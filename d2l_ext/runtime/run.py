"""What goes on around a training loop: devices, progress, checkpoints, plot.
"""
from __future__ import annotations

import math
import os
import sys
import time
from typing import Iterator, NamedTuple, Sequence, Tuple, Union

from d2l.mxnet import Accumulator
from mxnet import gluon
from mxnet.context import Context
from mxnet.gluon import nn
from tqdm import tqdm

from ..distributed.replicas import Replicas
from ..errors import TrainingError
from .checkpoint import Checkpoint
from .live_plot import LivePlot

__all__ = ['Epoch', 'Run']


class Epoch(NamedTuple):
    """What a training reports of an epoch.

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

    def __str__(self) -> str:
        return (f'train class err {self.train_class_error:.2e}, '
                f'box mae {self.train_box_mae:.2e}; '
                f'test class err {self.test_class_error:.2e}, '
                f'box mae {self.test_box_mae:.2e}')


def _check_classes(models, train_iter):
    """See that the second stage was made for the classes of the data set.

    With fewer scores than classes, MXNet would take the last score for
    those that are missing, without a word.
    """
    classes = getattr(getattr(train_iter, 'dataset', None), 'classes', None)
    for model in models:
        head = getattr(model, 'rcnn_output', model)
        predictor = getattr(head, 'cls_predictor', None)
        if classes is None or not isinstance(predictor, nn.Dense):
            continue
        made_for = predictor.weight.shape[0] - 1   # without background
        if made_for != len(classes):
            kind, right = type(head).__name__, len(classes)
            raise TrainingError(
                f'The data set has {right} classes ({", ".join(classes)}), '
                f'but {kind}({made_for}) was made for {made_for}. In the '
                f'cell that makes the output model, write {kind}({right}) '
                f'in place of {kind}({made_for}), and run it again; or set '
                'D2L_CLASSES to the names of '
                f'{made_for} class{"es" if made_for > 1 else ""}.')


class Run:
    """A training under way; the loop itself is `train_detection`.

    A context manager: within its block an interrupt waits until the batch
    is done and the checkpoint, if there is one, is written.

    Parameters
    ----------
    models : sequence of Block
        All models that a batch goes through, trained or not.
    trainers : sequence of Trainer
        Those of the models that learn.
    train_iter : iterable with a length
        Batches of images and ground truth.
    ctx : Context or sequence of Context
        Device or devices of the models.
    checkpoint, resume, kvstore
        As for `train_detection`.
    **settings
        Numbers that must be the same for a training to be resumed,
        `num_epochs` among them.

    Attributes
    ----------
    replicas : Replicas
        Shares batches and gradients among devices and workers.
    history : list of Epoch
        The epochs that are done, those before a resumed training included.

    Raises
    ------
    TrainingError
        When there is no batch, or the model of the second stage was made
        for another number of classes than the data set has.
    CheckpointError
        As `Checkpoint` does.
    """

    def __init__(self, models: Sequence[nn.Block],
                 trainers: Sequence[gluon.Trainer],
                 train_iter: gluon.data.DataLoader,
                 ctx: Union[Context, Sequence[Context]],
                 checkpoint: Union[str, os.PathLike, None] = None,
                 resume: bool = False, kvstore: str = 'device', **settings):
        if not len(train_iter):
            raise TrainingError('There is no batch to train on: are there '
                                'fewer images than a batch takes?')
        _check_classes(models, train_iter)
        self._train_iter, self._settings = train_iter, settings
        self.replicas = Replicas(models, ctx, kvstore)
        self._checkpoint = Checkpoint(checkpoint, resume, self.replicas,
                                      train_iter, models, trainers,
                                      **settings)
        self._plot = LivePlot(settings['num_epochs'])
        self.history = [Epoch(*row) for row in self._checkpoint.history]

    def __enter__(self) -> Run:
        self._checkpoint.__enter__()
        return self

    def __exit__(self, *error) -> None:
        self._checkpoint.__exit__(*error)

    def epochs(self) -> Iterator[int]:
        """Numbers of the epochs that are still to do, from 1."""
        while len(self.history) < self._settings['num_epochs']:
            self._start = time.perf_counter()
            self._epoch = len(self.history) + 1
            yield self._epoch

    def batches(self, sums: Accumulator) -> Iterator[Tuple]:
        """The batches of the present epoch, with a progress bar.

        Parameters
        ----------
        sums : Accumulator
            What the loop adds up over the epoch. A training that was
            stopped within the epoch goes on with the sums it had, and with
            the batches that were left.
        """
        self._bar = tqdm(
            self._train_iter, leave=False, file=sys.stdout, unit='batch',
            desc=f'epoch {self._epoch}/{self._settings["num_epochs"]}',
            disable=self.replicas.rank > 0)
        for number, batch in self._checkpoint.batches(self._bar, self._epoch,
                                                      sums):
            self._number = number
            yield batch

    def report(self, loss: float, gradient_norm: float) -> None:
        """Show the loss of the present batch.

        Raises
        ------
        TrainingError
            When loss or gradient is not finite; it names the images.
        """
        if not math.isfinite(loss + gradient_norm):
            names_of = getattr(self._train_iter, 'names_of', None)
            names = (f' ({", ".join(names_of(self._number))})' if names_of
                     else '')
            settings = ', '.join(f'{name}={value}' for name, value
                                 in self._settings.items())
            raise TrainingError(
                f'In batch {self._number} of epoch {self._epoch}{names} the '
                f'loss is {loss} and its gradient has the norm '
                f'{gradient_norm}. A smaller learning rate often helps (now '
                f'{settings}); else look for pixels or boxes of these images '
                'that are not finite.')
        self._bar.set_postfix(loss=f'{loss * self.replicas.num_workers:.3f}')

    def seconds(self) -> float:
        """How long the present epoch has taken so far."""
        return time.perf_counter() - self._start

    def end_epoch(self, entry: Epoch) -> None:
        """Take the epoch into the history, plot it, and keep the state."""
        self.history.append(entry)
        if self.replicas.rank == 0:
            self._plot.show(self.history)
        self._checkpoint.end_epoch(self.history)

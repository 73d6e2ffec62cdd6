"""What surrounds the training loop: devices, progress, checkpoints, plot."""
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
from .learning_curves import LearningCurves

__all__ = ['Epoch', 'Run']


class Epoch(NamedTuple):
    """What a training reports about an epoch.

    Class errors are shares of the anchors that are not ignored. Box errors
    are mean absolute errors of the four offsets of positive anchors, nan if
    there are none. If an epoch was resumed, `seconds` counts from there.
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
    """Check that the second stage was made for the classes of the data set.

    With fewer scores than classes, MXNet would silently use the last score
    for those that are missing.
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
                f'instead of {kind}({made_for}), and run it again; or set '
                'D2L_CLASSES to the names of '
                f'{made_for} class{"es" if made_for > 1 else ""}.')


class Run:
    """A training in progress; the loop itself is `train_detection`.

    A context manager: within its block an interrupt waits until the batch is
    done and the checkpoint, if there is one, is written.

    Parameters
    ----------
    models : sequence of Block
        All models that a batch goes through, trained or not.
    trainers : sequence of Trainer
        The trainers of the models that learn.
    train_iter, ctx, checkpoint, resume, kvstore
        As for `train_detection`.
    **settings
        Numbers that must be the same for a training to be resumed, including
        `num_epochs`.

    Attributes
    ----------
    replicas : Replicas
        Shares batches and gradients among devices and workers.
    history : list of Epoch
        All completed epochs, including those before resuming.

    Raises
    ------
    TrainingError
        If there is no batch, or the model of the second stage was made for
        another number of classes than the data set has.
    CheckpointError
        As for `Checkpoint`.
    """

    def __init__(self, models: Sequence[nn.Block],
                 trainers: Sequence[gluon.Trainer],
                 train_iter: gluon.data.DataLoader,
                 ctx: Union[Context, Sequence[Context]],
                 checkpoint: Union[str, os.PathLike, None] = None,
                 resume: bool = False, kvstore: str = 'device', **settings):
        if not len(train_iter):
            raise TrainingError('There is no batch to train on: are there '
                                'fewer images than in a batch?')
        _check_classes(models, train_iter)
        self._train_iter, self._settings = train_iter, settings
        self.replicas = Replicas(models, ctx, kvstore)
        self._checkpoint = Checkpoint(checkpoint, resume, self.replicas,
                                      train_iter, models, trainers,
                                      **settings)
        self._curves = LearningCurves(settings['num_epochs'])
        self.history = [Epoch(*row) for row in self._checkpoint.history]

    def __enter__(self) -> Run:
        self._checkpoint.__enter__()
        return self

    def __exit__(self, *error) -> None:
        self._checkpoint.__exit__(*error)

    def epochs(self) -> Iterator[int]:
        """Numbers, counted from 1, of the epochs that remain."""
        while len(self.history) < self._settings['num_epochs']:
            self._start = time.perf_counter()
            self._epoch = len(self.history) + 1
            yield self._epoch

    def batches(self, sums: Accumulator) -> Iterator[Tuple]:
        """The batches of the current epoch, with a progress bar.

        Parameters
        ----------
        sums : Accumulator
            What the loop adds up over the epoch. A training that is resumed
            within an epoch gets the sums it had, and the remaining batches.
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
        """Show the loss of the current batch.

        Raises
        ------
        TrainingError
            If the loss or gradient is not finite; it names the images.
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
                f'{settings}); otherwise look for pixels or boxes of these '
                'images that are not finite.')
        self._bar.set_postfix(loss=f'{loss * self.replicas.num_workers:.3f}')

    def seconds(self) -> float:
        """How long the current epoch has taken so far."""
        return time.perf_counter() - self._start

    def end_epoch(self, entry: Epoch) -> None:
        """Add an epoch to the history, plot it, and store the state."""
        self.history.append(entry)
        if self.replicas.rank == 0:
            self._curves.show(self.history)
        self._checkpoint.end_epoch(self.history)

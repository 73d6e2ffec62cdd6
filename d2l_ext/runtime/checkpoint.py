"""Checkpoints: everything that is needed to resume a training."""
from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import signal
import tempfile
import threading
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Iterable, Iterator, List, Sequence, Tuple, Union

import numpy
from d2l.mxnet import Accumulator
from mxnet import nd, np, npx
from mxnet.gluon import Trainer, nn

from ..distributed.replicas import Replicas, named_parameters
from ..errors import CheckpointError, CheckpointWarning
from .files import replacing

__all__ = ['Checkpoint', 'interrupts_noted']

VERSION = 3
# The errors that damaged archives raise.
DAMAGED = (OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError,
           zipfile.BadZipFile, zlib.error)


class Checkpoint:
    """The state of a training, kept in a file while it runs.

    A context manager: within its block an interrupt is held back until the
    batch is done and the file is written. The file is in NumPy's npz format,
    an archive with checksums. It holds parameters, momentum and, as JSON, the
    state of the run; nothing in it is pickled.

    Parameters
    ----------
    path
        The file; None stores nothing.
    resume : bool
        Whether to resume from the file if it exists.
    replicas : Replicas
        With several workers, all read the file, and worker 0 writes it.
    train_iter : iterable with a length
        The batches of an epoch; if it has a `dataset`, the classes of that
        must remain the same, and so must names, sizes and boxes.
    models : sequence of Block
        Models whose parameters are stored, trained or not.
    trainers : sequence of Trainer
        Trainers whose momentum is stored.
    **settings
        Other values, as JSON has them, that must be the same for a training
        to be resumed: rates, number of epochs, ...

    Attributes
    ----------
    history : list
        The history of the run that is resumed, or an empty list.

    Raises
    ------
    CheckpointError
        If the file can't be written, is damaged or belongs to another
        training, or if it exists and `resume` is not set. Models and trainers
        are then unchanged.

    Notes
    -----
    The state of MXNet's random number generator can't be read. So each batch
    has its own seed, derived from one that is drawn once and stored. The
    seed of an epoch is the same for all workers, which must shuffle alike;
    the seeds of batches differ.
    """

    def __init__(self, path: Union[str, os.PathLike, None], resume: bool,
                 replicas: Replicas, train_iter: Iterable,
                 models: Sequence[nn.Block], trainers: Sequence[Trainer],
                 **settings):
        self._replicas = replicas
        self._path = None if path is None else Path(path)
        self._models, self._trainers = models, trainers
        dataset = getattr(train_iter, 'dataset', None)
        self._settings = {'classes': list(getattr(dataset, 'classes', ())),
                          'data': _digest(dataset),
                          'num_batches': len(train_iter), **settings}
        self._noted = []   # interrupts
        self._done = 0, []   # of an epoch: number of batches, sums
        self.history = []
        self._seed = None
        if self._path or replicas.num_workers > 1:
            self._seed = int(np.random.randint(0, 2**30))
        if self._path:
            self._check_path(resume)
            if self._path.exists():
                self._load()
        self._seed = replicas.agree(
            {**self._settings, 'epochs done': len(self.history),
             'batches done': self._done[0]}, self._seed,
            'Give all workers the same data and arguments, and a checkpoint '
            'that all can read.')

    def __enter__(self) -> Checkpoint:
        self._holding_back = contextlib.ExitStack()
        if self._path:
            self._noted = self._holding_back.enter_context(
                interrupts_noted())
        return self

    def __exit__(self, *error) -> None:
        self._holding_back.close()
        # Later random numbers do not depend on whether this run was resumed.
        self._seed_for(0, 0)

    def batches(self, train_iter: Iterable, epoch: int, sums: Accumulator
                ) -> Iterator[Tuple[int, Tuple]]:
        """The batches of an epoch with their numbers, from 1.

        Batches that were done before resuming are skipped. An interrupt that
        came during a batch is raised after it, once the file is written. It
        stores `sums`, which a worker adds up over the epoch, and resuming
        restores them.
        """
        done, kept = self._done
        self._done = 0, []
        sums.data = kept or sums.data
        self._seed_for(epoch, 0)
        for number, batch in enumerate(train_iter, 1):
            if number <= done:
                continue
            self._seed_for(epoch, number)
            yield number, batch
            if self._path and self._replicas.any(self._noted):
                self._save(number, self._replicas.total(sums.data))
                self._interrupt(f'after batch {number} of epoch {epoch}')
        # For the evaluation, so that it draws the same in a resumed run.
        self._seed_for(epoch, -1)

    def end_epoch(self, history: Sequence[Sequence]) -> None:
        """Store the state at the end of an epoch.

        If that fails, for instance on a full disk, the file is unchanged and
        a warning says so: the training in memory is worth more.
        """
        self.history = history
        if self._path:
            self._save(0, [])
            if self._replicas.any(self._noted):
                self._interrupt(f'after epoch {len(history)}')

    def _check_path(self, resume):
        if self._path.exists() and not resume:
            raise CheckpointError(
                f'{self._path}: this checkpoint already exists. Resume from '
                'it with resume=True, remove it, or name another file.')
        if self._replicas.rank > 0:
            return
        try:
            tempfile.TemporaryFile(dir=self._path.parent).close()
        except OSError as error:
            raise CheckpointError(
                f'{self._path}: no checkpoint can be written there '
                f'({error.strerror}). Name another file.') from error

    def _seed_for(self, epoch, batch):
        """Seed a batch; 0 is for shuffling, -1 for the evaluation."""
        if self._seed is not None:
            rank = self._replicas.rank if batch else 0
            npx.random.seed((self._seed + 1_000_003 * epoch + batch
                             + 500_000_003 * rank) % 2**31)

    def _interrupt(self, where):
        raise KeyboardInterrupt(f'stopped {where}; with resume=True the '
                                f'same call goes on from {self._path}')

    def _save(self, number, sums):
        if self._replicas.rank > 0:
            return
        about = {'version': VERSION, 'settings': self._settings,
                 'seed': self._seed, 'history': self.history,
                 'done': [number, sums],
                 'updates': [t.optimizer.num_update for t in self._trainers]}
        content = io.BytesIO()
        numpy.savez(content, about=json.dumps(about),
                    **self._parameters(), **self._momentum())
        try:
            with replacing(self._path) as partial:
                partial.write_bytes(content.getbuffer())
        except OSError as error:
            warnings.warn(
                f'{self._path}: this checkpoint could not be written '
                f'({error.strerror}); the last good one, if any, is kept.',
                CheckpointWarning, stacklevel=3)

    def _load(self):
        about, arrays = self._read()
        for name, value in self._settings.items():
            if about['settings'].get(name) != value:
                raise CheckpointError(
                    f'{self._path}: this checkpoint belongs to another '
                    f'training, with {name} {about["settings"].get(name)} '
                    f'instead of {value}. Use the same value, remove the '
                    'file, or name another one.')
        targets = dict(named_parameters(self._models))
        stored = {name[len('parameter '):]: value for name, value
                  in arrays.items() if name.startswith('parameter ')}
        wrong = [name for name in sorted(targets.keys() | stored.keys())
                 if name not in targets or name not in stored
                 or not _fits(targets[name].shape, stored[name].shape)]
        if wrong:
            raise CheckpointError(
                f'{self._path}: this checkpoint belongs to another model: '
                f'{len(wrong)} parameters differ, the first is {wrong[0]}. '
                'Use the models it was written for, or name another file.')
        for name, parameter in targets.items():
            # Like `load_parameters`: even before a batch has set the shape.
            parameter._load_init(np.array(stored[name]),
                                 parameter.list_ctx())
        self._set_momentum(arrays, about['updates'])
        self._seed = about['seed']
        self.history, self._done = about['history'], about['done']
        if self._replicas.rank > 0:
            # Worker 0 continues with the sums of all workers.
            number, sums = self._done
            self._done = number, [0.] * len(sums)

    def _read(self):
        try:
            with zipfile.ZipFile(self._path) as archive:
                if archive.testzip():
                    raise ValueError('wrong checksum')
            with numpy.load(self._path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            about = json.loads(str(arrays.pop('about')))
            if about['version'] != VERSION:
                raise ValueError(f'version {about["version"]}')
            return about, arrays
        except DAMAGED as error:
            raise CheckpointError(
                f'{self._path}: this is no checkpoint, or it is damaged '
                f'({error}). Remove it to start again.') from error

    def _parameters(self):
        return {f'parameter {name}': parameter.data(
            parameter.list_ctx()[0]).asnumpy()
            for name, parameter in named_parameters(self._models)}

    def _states(self):
        """Name, updaters and number of whatever has a momentum.

        A trainer numbers its parameters in the order of MXNet's names. These
        hold counters, which may differ when the training is resumed.
        """
        names = {id(parameter): name for name, parameter
                 in named_parameters(self._models)}
        for trainer in self._trainers:
            for number, parameter in enumerate(trainer._params):
                yield (f'momentum {names[id(parameter)]}', trainer._updaters,
                       number)

    def _momentum(self):
        # `Trainer.save_states` would pickle.
        return {name: updaters[0].states[number].asnumpy()
                for name, updaters, number in self._states()
                if updaters[0].states.get(number) is not None}

    def _set_momentum(self, arrays, updates):
        for trainer, count in zip(self._trainers, updates):
            trainer.optimizer.begin_num_update = count
            trainer.optimizer.num_update = count
        for name, updaters, number in self._states():
            if name in arrays:
                for updater in updaters:
                    updater.states[number] = nd.array(arrays[name])
                    # Moved to the parameter's device when it is needed.
                    updater.states_synced[number] = False


def _digest(dataset):
    """Number of pictures, and a checksum of their names, sizes, boxes."""
    names = getattr(dataset, 'names', [])
    digest = hashlib.sha1()
    for number, name in enumerate(names):
        content = [name, dataset.image_size(number),
                   dataset.objects[number]]
        digest.update(json.dumps(content).encode())
    return f'{len(names)} pictures ({digest.hexdigest()[:8]})'


def _fits(shape, stored):
    """Whether a stored shape may be that of a parameter (0 is unknown)."""
    return len(shape) == len(stored) and all(
        known in (0, -1, size) for known, size in zip(shape, stored))


@contextlib.contextmanager
def interrupts_noted() -> Iterator[List]:
    """Note interrupts instead of raising them within this block.

    Gives a list that gets an element when Ctrl-C is pressed or a notebook's
    kernel is interrupted. A second interrupt is raised at once. Outside the
    main thread, where no handler can be set, nothing is noted.
    """
    noted = []
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return

    def note(number, frame):
        if noted:
            raise KeyboardInterrupt
        noted.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)

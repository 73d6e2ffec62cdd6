"""Copies of models on several devices or hosts that are trained as one."""
from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import itertools
from typing import Callable, Iterable, List, Sequence, Tuple, Union

import mxnet
from mxnet import autograd, context, gluon, np
from mxnet.base import _LIB, check_call
from mxnet.gluon import nn

from ..errors import TrainingError
from .membership import join

__all__ = ['Replicas', 'worker_of']

_trainings = itertools.count()


@functools.cache
def _distributed_store(kind):
    """MXNet's store for several hosts; a process can have only one."""
    if not mxnet.runtime.Features().is_enabled('DIST_KVSTORE'):
        raise TrainingError('This build of MXNet can\'t train on several '
                            'hosts: it lacks DIST_KVSTORE.')
    if 'async' in kind:
        raise TrainingError(
            f"kvstore='{kind}' would have the servers make the steps, which "
            'leaves no gradient to clip and no momentum to store. Use '
            "'dist_sync'.")
    member = join()
    if member is None:
        raise TrainingError(
            f"kvstore='{kind}' is for the workers of a training on several "
            'hosts, and DMLC_ROLE is not set. tools/launch.py sets it and '
            'starts all processes.')
    with member.exchange():
        store = mxnet.kvstore.create(kind)
    # Workers leave together, but not by MXNet's barrier: see `Member.leave`.
    check_call(_LIB.MXKVStoreSetBarrierBeforeExit(store.handle, 0))
    # Runs after `Member.leave`, which is registered later.
    atexit.register(_close, store)
    member.take_rank(store.rank)
    return store


def _close(store):
    """Free a store, or MXNet aborts the process.

    Before 3.11, Python does not free it at exit.
    """
    check_call(_LIB.MXKVStoreFree(store.handle))
    store.handle = None   # Makes it harmless to free it again.


def worker_of(kvstore: str) -> Tuple[int, int]:
    """Rank of this worker and number of all workers.

    Parameters
    ----------
    kvstore : str
        As for `train_detection`.

    Returns
    -------
    rank, num_workers : int
        0 and 1 unless the name begins with `dist`.

    Raises
    ------
    TrainingError
        If it does, and this process is not a worker.
    """
    if not kvstore.startswith('dist'):
        return 0, 1
    store = _distributed_store(kvstore)
    return store.rank, store.num_workers


class Replicas:
    """Copies of models, one per device, that learn from shares of a batch.

    In each step every copy gets a share of the batch, computes labels, loss
    and gradient on its own device and receives the sum of all gradients. So
    all copies make the same step and remain identical.

    Parameters
    ----------
    models : sequence of Block
        Models that are on all devices, with the same parameters.
    ctx : Context or sequence of Context
        The devices of this process.
    kvstore : str
        `device`, or `dist_sync` for one of several workers, on one or
        several hosts.

    Attributes
    ----------
    devices : list of Context
        The devices of this process.
    rank, num_workers : int
        Rank of this worker and number of all workers.

    Raises
    ------
    TrainingError
        If a batch or a loss can't be shared.
    """

    def __init__(self, models: Sequence[nn.Block],
                 ctx: Union[context.Context, Sequence[context.Context]],
                 kvstore: str = 'device'):
        self.devices = ([ctx] if isinstance(ctx, context.Context) else
                        list(ctx))
        self.rank, self.num_workers = worker_of(kvstore)
        self._models, self._compared = models, False
        # MXNet's store adds up arrays; one device has nothing to add.
        self._store, self._member = None, None
        if kvstore.startswith('dist'):
            self._store, self._member = _distributed_store(kvstore), join()
        elif len(self.devices) > 1:
            self._store = mxnet.kvstore.create(kvstore)
        # One store serves all trainings of a process.
        self._number, self._keys = next(_trainings), set()

    def agree(self, about: dict, offer: object, hint: str) -> object:
        """Compare workers, as `Member.agree` does; one needs no comparison."""
        if self.num_workers == 1:
            return offer
        return self._member.agree(about, offer, hint)

    def total(self, numbers: Sequence[float]) -> List[float]:
        """Sum of each number over all workers."""
        if self.num_workers == 1:
            return list(numbers)
        sums = np.array(numbers, dtype='float64')
        with self._exchange():
            self._add_up(f'total {len(numbers)}', [sums])
            return sums.asnumpy().tolist()

    def any(self, condition: object) -> bool:
        """Whether a condition holds for any worker."""
        return self.total([bool(condition)])[0] > 0

    def split(self, *arrays: np.ndarray) -> List[Tuple]:
        """Split arrays among the devices, image by image.

        Parameters
        ----------
        *arrays : ndarray, shape (B, ...)
            Arrays with one entry for each image.

        Returns
        -------
        list of tuple of ndarray
            The part of each array for each device. If there are fewer images
            than devices, the last devices get none.
        """
        devices = self.devices[:len(arrays[0])]
        return list(zip(*[gluon.utils.split_and_load(
            array, devices, even_split=False) for array in arrays]))

    def losses(self, loss: Callable, outputs: Sequence[Tuple]
               ) -> List[np.ndarray]:
        """Losses of the shares, which add up to the loss of the batch.

        Parameters
        ----------
        loss : callable
            A mean, as `DetectionLoss` is; its `counts` are the numbers of
            items it is taken over. One device does not need them.
        outputs : sequence of (predictions, labels)
            One pair for each share of this process.

        Returns
        -------
        list of ndarray
            The value of `loss` for each share.
        """
        if self._store is None:
            return [loss(*preds, *labels) for preds, labels in outputs]
        if len(outputs) < len(self.devices):
            raise TrainingError(
                f'A batch of {len(outputs)} images is too small for '
                f'{len(self.devices)} devices: each needs one.')
        if not hasattr(loss, 'counts'):
            raise TrainingError(
                'This loss works on one device only. To be averaged over the '
                'shares of several devices, it needs a method `counts`, as '
                'DetectionLoss has.')
        if self.num_workers > 1 and not self._compared:
            # Now that the first batch has set all shapes.
            self._compare_parameters()
        # The mean of the shares' means is not the mean of the batch.
        with autograd.pause():
            counts = [np.stack(loss.counts(*labels))
                      for _, labels in outputs]
            self._add_up('counts', counts)
        return [loss(*preds, *labels, counts=count)
                for (preds, labels), count in zip(outputs, counts)]

    def share_gradients(self, models: Iterable[nn.Block]) -> None:
        """Give each copy the sum of all gradients.

        The running statistics of batch normalisation are set to their mean
        over all copies.

        Parameters
        ----------
        models : iterable of Block
            The models that learn.
        """
        if self._store is None:
            return
        gradients, statistics = {}, {}
        for name, parameter in named_parameters(models):
            if parameter.grad_req == 'null':
                statistics[name] = parameter.list_data()
            else:
                gradients[name] = parameter.list_grad()
        with self._exchange():
            # MXNet sends each gradient as soon as it is computed, while it
            # computes the others.
            for name, arrays in gradients.items():
                self._add_up(name, arrays)
            # The backward pass changes the statistics, and MXNet does not
            # wait for that: it would send, and restore, the old ones.
            _wait_for(gradients)
            for name, arrays in statistics.items():
                self._add_up(name, arrays)
                for array in arrays:
                    array /= len(arrays) * self.num_workers
            if self._member:
                _wait_for(statistics)

    def _compare_parameters(self):
        self._compared = True
        self.agree({f'parameter {name}': _digest(parameter) for
                    name, parameter in named_parameters(self._models)}, None,
                   'Use the same seed in all workers before they make models, '
                   'or load the same file in all of them.')

    def _exchange(self):
        """Limit how long this block waits for the other workers."""
        return (self._member.exchange() if self._member else
                contextlib.nullcontext())

    def _add_up(self, name, arrays):
        """Set arrays, one per device, to their sum, over all workers, too."""
        key = f'{self._number} {name}'
        if key not in self._keys:
            self._keys.add(key)
            with self._exchange():
                self._store.init(key, arrays[0])
        self._store.pushpull(key, arrays, out=arrays)


def _wait_for(arrays):
    for array in itertools.chain(*arrays.values()):
        array.wait_to_read()


def named_parameters(models):
    """All parameters with the names that `save_parameters` uses.

    They contain no counters, so they are the same in every run.
    """
    for number, model in enumerate(models):
        for name, parameter in model._collect_params_with_prefix().items():
            yield f'{number}.{name}', parameter


def _digest(parameter):
    """Shape and checksum, to compare the parameters of two processes."""
    values = parameter.list_data()[0].asnumpy()
    shape = ' x '.join(map(str, values.shape))
    return f'{shape}, {hashlib.sha1(values.tobytes()).hexdigest()[:8]}'

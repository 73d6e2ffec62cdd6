"""Copies of a model, on several devices, that are trained as one."""
from __future__ import annotations

from typing import Callable, List, Sequence, Tuple, Union

from mxnet import autograd, context, gluon, kvstore, np
from mxnet.gluon import nn

from .errors import TrainingError

__all__ = ['Replicas']


class Replicas:
    """Copies of a model, one a device, that learn from shares of a batch.

    Each step every copy gets a share of the batch, computes labels, loss
    and gradient where its share is, and gets the sum of all gradients; so
    all copies make the same step, and stay the same.

    Parameters
    ----------
    ctx : Context or sequence of Context
        The devices. The models are on all of them.

    Attributes
    ----------
    devices : list of Context
        The devices.
    """

    def __init__(self, ctx: Union[context.Context, Sequence]):
        self.devices = ([ctx] if isinstance(ctx, context.Context) else
                        list(ctx))
        # MXNet's own means to add up arrays; one device has nothing to add.
        self._store = (kvstore.create('device') if len(self.devices) > 1
                       else None)
        self._keys = set()

    def split(self, *arrays: np.ndarray) -> List[Tuple]:
        """Share arrays, image by image, among the devices.

        Parameters
        ----------
        *arrays : ndarray, shape (B, ...)
            Each has something for every image.

        Returns
        -------
        list of tuple of ndarray
            For each device its part of each array. Where there are fewer
            images than devices, the last devices get none.
        """
        devices = self.devices[:len(arrays[0])]
        return list(zip(*[gluon.utils.split_and_load(
            array, devices, even_split=False) for array in arrays]))

    def losses(self, loss: Callable, outputs: Sequence[Tuple]
               ) -> List[np.ndarray]:
        """Losses of the shares; together they sum to that of the batch.

        Parameters
        ----------
        loss : callable
            As `DetectionLoss`: a mean, whose `counts` tell what it is taken
            over. With one device these are not needed.
        outputs : sequence of (predictions, labels)
            Of each share.

        Returns
        -------
        list of ndarray
            What `loss` gives for each share.

        Raises
        ------
        TrainingError
            When a device got no image, or the loss can't be shared.
        """
        if self._store is None:
            return [loss(*preds, *labels) for preds, labels in outputs]
        if len(outputs) < len(self.devices):
            raise TrainingError(
                f'A batch of {len(outputs)} images is too small for '
                f'{len(self.devices)} devices: each needs one.')
        if not hasattr(loss, 'counts'):
            raise TrainingError(
                'This loss can be computed on one device only: to take its '
                'mean over the shares of several, it needs a method '
                '`counts`, as DetectionLoss has.')
        # A mean of the shares' means would not be that of the batch.
        with autograd.pause():
            counts = [np.stack(loss.counts(*labels))
                      for _, labels in outputs]
            self._add_up('counts', counts)
        return [loss(*preds, *labels, counts=count)
                for (preds, labels), count in zip(outputs, counts)]

    def share_gradients(self, models: Sequence[nn.Block]) -> None:
        """Give each copy the sum of all gradients.

        What a batch normalisation keeps of the batches that it saw is set
        to the mean of all copies.

        Parameters
        ----------
        models : sequence of Block
            The models that learn.
        """
        if self._store is None:
            return
        for number, model in enumerate(models):
            for name, parameter in (
                    model._collect_params_with_prefix().items()):
                if parameter.grad_req != 'null':
                    self._add_up(f'{number} {name}', parameter.list_grad())
                    continue
                arrays = parameter.list_data()
                self._add_up(f'{number} {name}', arrays)
                for array in arrays:
                    array /= len(arrays)

    def _add_up(self, key, arrays):
        """Set each of the arrays, one a device, to the sum of all."""
        if key not in self._keys:
            self._keys.add(key)
            self._store.init(key, arrays[0])
        self._store.pushpull(key, arrays, out=arrays)

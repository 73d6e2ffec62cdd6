"""The device to compute on."""
import re
import warnings
from typing import List

import mxnet
from mxnet import npx

from ..errors import DeviceError, DeviceWarning
from .cuda import cards, has_kernels

__all__ = ['devices_named', 'try_all_gpus', 'try_gpu']


def usable(card) -> bool:
    """Whether MXNet has code for a card; warns if it has none."""
    if has_kernels(card.capability):
        return True
    capability = '.'.join(map(str, card.capability))
    # At the line that asked for the device.
    warnings.warn(f'MXNet {mxnet.__version__} has no code for the '
                  f'{card.name} (compute capability {capability}); '
                  'computing on the CPU.', DeviceWarning, stacklevel=3)
    return False


def try_gpu(i: int = 0) -> mxnet.Context:
    """A GPU that MXNet can compute on, or the CPU.

    For a card that MXNet has no code for (Hopper, Blackwell), the function
    of this name in `d2l` returns a GPU on which the first operator fails with
    "no kernel image is available".

    Parameters
    ----------
    i : int
        Number of the GPU, from 0.

    Returns
    -------
    mxnet.Context
        `npx.gpu(i)`, or `npx.cpu()` if there is no such GPU or, with a
        DeviceWarning, if MXNet has no code for it.
    """
    if npx.num_gpus() <= i or not usable(cards()[i]):
        return npx.cpu()
    return npx.gpu(i)


def try_all_gpus() -> List[mxnet.Context]:
    """All GPUs that MXNet can compute on, or the CPU.

    Returns
    -------
    list of mxnet.Context
        At least one device. A card that MXNet has no code for is left out
        with a DeviceWarning.
    """
    found = []
    for i in range(npx.num_gpus()):
        if usable(cards()[i]):
            found.append(npx.gpu(i))
    return found or [npx.cpu()]


def devices_named(text: str) -> List[mxnet.Context]:
    """The devices that a user names.

    Parameters
    ----------
    text : str
        `cpu`, `gpu`, `gpu(1)`, or several of them separated by commas; an
        empty text stands for `try_all_gpus()`.

    Returns
    -------
    list of mxnet.Context
        In the order of the text.

    Raises
    ------
    DeviceError
        If a name is not that of a device, or the device does not exist.
    """
    if not text.strip():
        return try_all_gpus()
    found = []
    for name in text.split(','):
        kind = re.fullmatch(r'\s*(cpu|gpu)(?:\((\d+)\))?\s*', name)
        if not kind:
            raise DeviceError(f'{name!r} is not a device. Name cpu, gpu, '
                              'gpu(1), or several of them: gpu(0),gpu(1).')
        device = mxnet.Context(kind[1], int(kind[2] or 0))
        if kind[1] == 'gpu' and device.device_id >= npx.num_gpus():
            raise DeviceError(f'{device}: there is no such GPU; MXNet finds '
                              f'{npx.num_gpus()}. `make doctor` says why.')
        found.append(device)
    return found

"""Which device to compute on."""
import warnings
from typing import List

import mxnet
from mxnet import npx

from ..errors import DeviceWarning
from .cuda import cards, has_kernels

__all__ = ['try_all_gpus', 'try_gpu']


def usable(card) -> bool:
    """Whether MXNet has code for a card; warns where it has none."""
    if has_kernels(card.capability):
        return True
    capability = '.'.join(map(str, card.capability))
    # At the line that asked for the device.
    warnings.warn(f'MXNet {mxnet.__version__} has no code for the '
                  f'{card.name} (compute capability {capability}); '
                  'computing on the CPU.', DeviceWarning, stacklevel=3)
    return False


def try_gpu(i: int = 0) -> mxnet.Context:
    """A GPU, if there is one that MXNet can compute on.

    As the function of this name in `d2l`; but on a card that MXNet holds no
    code for (Hopper, Blackwell) that one gives a GPU on which the first
    operator fails: "no kernel image is available".

    Parameters
    ----------
    i : int
        Which one, counted from 0.

    Returns
    -------
    mxnet.Context
        `npx.gpu(i)`, or `npx.cpu()`: without a word when there are not that
        many, with a DeviceWarning when MXNet has no code for it.
    """
    if npx.num_gpus() <= i or not usable(cards()[i]):
        return npx.cpu()
    return npx.gpu(i)


def try_all_gpus() -> List[mxnet.Context]:
    """All GPUs that MXNet can compute on, or the CPU.

    Returns
    -------
    list of mxnet.Context
        At least one. Each card that MXNet has no code for is left out with
        a DeviceWarning.
    """
    found = []
    for i in range(npx.num_gpus()):
        if usable(cards()[i]):
            found.append(npx.gpu(i))
    return found or [npx.cpu()]

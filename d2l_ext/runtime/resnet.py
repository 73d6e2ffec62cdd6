"""ResNet-18 of MXNet's model zoo, with the changes that detection needs."""
from __future__ import annotations

import os
from typing import Union

from mxnet.gluon import nn
from mxnet.gluon.model_zoo import vision

from .files import store_parameters
from .pretrained import load_imagenet_parameters

__all__ = ['StoredWhole', 'fixed_input_norm', 'last_norm', 'resnet18']


class _ResidualBlock(vision.BasicBlockV2):
    """The model zoo's block with another operator for the addition.

    Under NumPy semantics `+` does not support oneDNN's memory layout, and
    converting back and forth takes a tenth of a training step;
    `elemwise_add` does.
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
    """Layers whose parameters are stored completely, or not at all."""

    def save_parameters(self, filename: str, deduplicate: bool = False
                        ) -> None:
        """Like that of any block, but an interrupted call damages no file."""
        store_parameters(super().save_parameters, filename, deduplicate)


def resnet18(pretrained: Union[bool, str, os.PathLike] = False
             ) -> vision.ResNetV2:
    """ResNet-18, version 2, as a classifier for 1,000 classes.

    It has the layers and parameters of `gluon.model_zoo.vision.resnet18_v2`.
    `features` holds the normalisation of the input, four layers of the stem,
    four stages of two residual blocks, the last normalisation with its
    activation, global pooling and flattening. `pretrained` is as for
    `detection_backbone`.
    """
    resnet = vision.ResNetV2(_ResidualBlock, [2, 2, 2, 2],
                             [64, 64, 128, 256, 512])
    if pretrained:
        load_imagenet_parameters(resnet, pretrained)
    return resnet


def fixed_input_norm(resnet: vision.ResNetV2) -> nn.BatchNorm:
    """The normalisation of the input, with fixed statistics.

    MXNet updates the statistics of batch normalisation in the backward pass,
    which never reaches the first layer. Images are already normalised, and
    this way they are treated alike in training and inference.
    """
    return nn.BatchNorm(scale=False, center=False, use_global_stats=True,
                        params=resnet.features[0].params)


def last_norm(resnet: vision.ResNetV2, num_stages: int) -> nn.BatchNorm:
    """The normalisation that follows the last of `num_stages` stages.

    A residual block of version 2 begins with its normalisation: after fewer
    than four stages, this is the first layer of the next stage.
    """
    return (resnet.features[9] if num_stages == 4 else
            resnet.features[5 + num_stages][0].bn1)

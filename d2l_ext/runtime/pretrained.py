"""Parameters that MXNet's model zoo trained on ImageNet."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Union

from mxnet.base import MXNetError
from mxnet.gluon import nn
from mxnet.gluon.model_zoo import model_store

from ..errors import PretrainedError

__all__ = ['load_imagenet_parameters']

MODEL = 'resnet18_v2'


def load_imagenet_parameters(resnet: nn.Block,
                             source: Union[bool, str, os.PathLike]) -> None:
    """Load the parameters of `gluon.model_zoo.vision.resnet18_v2`.

    Parameters
    ----------
    resnet : Block
        A complete ResNet-18, version 2, with 1,000 classes, whose parameters
        are set.
    source : True or path
        True takes the file from MXNet's folder of models (MXNET_HOME, or
        `~/.mxnet`), where it is downloaded if needed; a path names a file.

    Raises
    ------
    PretrainedError
        If the file can't be downloaded or read, or holds other parameters.
        The message says what to do.
    """
    if source is True:
        source = _downloaded()
    path = Path(source)
    if not path.is_file():
        raise PretrainedError(
            f'{path}: there is no such file of parameters. {_advice()}')
    try:
        resnet.load_parameters(str(path))
    except (AssertionError, MXNetError, KeyError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise PretrainedError(
            f'{path}: these are not the parameters of {MODEL} ({reason}). '
            f'{_advice()}') from error


def _downloaded():
    try:
        return model_store.get_model_file(MODEL)
    except Exception as error:   # a download may raise anything
        raise PretrainedError(
            'The parameters trained on ImageNet could not be downloaded '
            f'({type(error).__name__}). {_advice()}') from error


def _advice():
    name = f'{MODEL}-{model_store.short_hash(MODEL)}.params'
    return (f'On a computer with network access, call mxnet.gluon.model_zoo.'
            f'vision.{MODEL}(pretrained=True), copy the file {name} from '
            '~/.mxnet/models, and pass its path: detection_backbone('
            f'pretrained="PATH/{name}"). Or train from scratch with '
            'pretrained=False.')

"""Recipes: a model and its training, described by one value.

The recipe of the chapter is `CHAPTER`; others state what they change.
"""
from __future__ import annotations

import functools
import json
import os
import warnings
from pathlib import Path
from typing import List, NamedTuple, Optional, Sequence, Tuple, Union

from mxnet import gluon, init, np, npx
from mxnet.base import MXNetError
from mxnet.context import Context, cpu

from ..data.folders import test_mode
from ..errors import DatasetWarning, DetectorError
from ..losses import DetectionLoss
from ..rcnn import faster_rcnn_targets
from ..rpn import (
    RATIOS,
    SIZES,
    RPNOutput,
    detection_backbone,
    rpn_anchors,
    rpn_batch,
)
from ..runtime.files import replacing, store_parameters
from ..runtime.run import Epoch
from ..training import train_detection
from .efficientnet import efficientnet_lite0, load_imagenet
from .inference import Detector
from .roi_head import RoIHead, own_class_boxes
from .stages import (
    JointLoss,
    JointOutput,
    faster_rcnn_batch_fn,
    joint_batch_fn,
    sampled_targets,
    targets_with_ground_truth,
)

__all__ = ['BEST', 'CHAPTER', 'PHOTOGRAPHS', 'TUNED', 'Recipe', 'Step',
           'load_detector', 'load_parameters', 'make_detector',
           'save_detector', 'train_recipe']


class Step(NamedTuple):
    """One call of `train_detection`.

    `stage` is 'rpn', 'rcnn' or 'joint'; the other fields are arguments of
    `train_detection`.
    """
    stage: str
    num_epochs: int
    backbone_lr: float
    output_lr: float


class Recipe(NamedTuple):
    """Everything that a training depends on, except its data and seed.

    `steps` are the trainings, in order. Images have `side` pixels in either
    direction and come in batches of `batch_size`; `window` and `colors` say
    how those to train on are changed, as for `load_batches`. `backbone` is
    'resnet18', of which `num_stages` is that of `detection_backbone`, or
    'efficientnet-lite0', of which `num_stages` is the number of groups. It
    starts from ImageNet's parameters if `imagenet`, its first `num_fixed`
    parts do not learn, and neither do other depthwise convolutions if
    `fixed_depthwise`. `sizes` and `ratios` are those of the
    anchors. `pooling`, `pooled_size`, `num_hidden` and `class_specific`
    describe the `RoIHead`. `lambd` is the weight of the localisation loss.
    The second stage is trained on `num_rois` proposals of an image (None:
    all that are not ignored), which include the ground truth if
    `add_truth`.
    """
    steps: Tuple[Step, ...] = (Step('rpn', 3, .5, .5),
                               Step('rcnn', 3, .01, .1))
    batch_size: int = 32
    side: int = 256
    window: Tuple[float, float] = (1, 1)
    colors: float = 0
    backbone: str = 'resnet18'
    num_stages: int = 4
    imagenet: bool = False
    num_fixed: int = 0
    fixed_depthwise: bool = False
    sizes: Tuple[float, ...] = SIZES
    ratios: Tuple[float, ...] = RATIOS
    pooling: str = 'max'
    pooled_size: int = 2
    num_hidden: int = 0
    class_specific: bool = False
    lambd: float = 1
    num_rois: Optional[int] = None
    add_truth: bool = False


#: The recipe of the chapter.
CHAPTER = Recipe()
#: The chapter with one rate tuned: that of the backbone in step 2.
TUNED = Recipe(steps=(Step('rpn', 3, .5, .5), Step('rcnn', 3, .1, .1)))
#: The recipe of the solutions: stride 16, RoIAlign, joint training.
BEST = Recipe(steps=(Step('joint', 6, .4, .4),), batch_size=8, num_stages=3,
              pooling='align', pooled_size=4, num_hidden=256, num_rois=32)
#: The recipe of `make detector` for photographs: BEST from ImageNet's
#: parameters, of which the first ones are kept and the rest is changed slowly.
PHOTOGRAPHS = BEST._replace(
    steps=(Step('joint', 24, .01, .4),), window=(.6, 1.4), colors=.3,
    backbone='efficientnet-lite0', num_stages=6, imagenet=True, num_fixed=3,
    fixed_depthwise=True, num_hidden=128)


def make_detector(recipe: Recipe, classes: Sequence[str],
                  ctx: Union[Context, Sequence[Context], None] = None
                  ) -> Detector:
    """Make the models of a recipe, with random parameters.

    Parameters
    ----------
    recipe : Recipe
        Describes the models.
    classes : sequence of str
        Names of the classes to detect.
    ctx : Context or sequence of Context, optional
        Device or devices, the CPU if not given.

    Returns
    -------
    Detector
        Initialised as in the chapter, or from ImageNet's parameters;
        `mx.random.seed` makes it repeatable.

    Raises
    ------
    PretrainedError
        If the recipe asks for these, and they are not installed.
    """
    rpn_output = RPNOutput(len(recipe.sizes) + len(recipe.ratios) - 1)
    models = (_backbone(recipe), rpn_output,
              RoIHead(len(classes), recipe.pooling, recipe.pooled_size,
                      recipe.num_hidden, recipe.class_specific))
    ctx = ctx or cpu()
    for model in models:
        model.initialize(init=init.Xavier(), ctx=ctx)
    backbone, _, head = models
    if recipe.imagenet:
        load_imagenet(backbone)
    # Dense layers infer their sizes in a first call.
    first = ctx if isinstance(ctx, Context) else ctx[0]
    features = backbone(np.zeros((1, 3, recipe.side, recipe.side), ctx=first))
    rpn_output(features)
    head(features, np.array([[0, 0, 0, 1, 1]], ctx=first))
    return Detector(*models, list(classes), (recipe.side, recipe.side),
                    functools.partial(rpn_anchors, sizes=recipe.sizes,
                                      ratios=recipe.ratios))


def _backbone(recipe):
    if recipe.backbone == 'efficientnet-lite0':
        return efficientnet_lite0(recipe.num_stages, recipe.num_fixed,
                                  recipe.fixed_depthwise)
    if recipe.backbone != 'resnet18' or recipe.imagenet or recipe.num_fixed:
        raise ValueError(f'there is no such backbone: {recipe.backbone}, '
                         f'{recipe.imagenet=}, {recipe.num_fixed=}')
    return detection_backbone(recipe.num_stages)


def train_recipe(recipe: Recipe, detector: Detector,
                 train_iter: gluon.data.DataLoader,
                 test_iter: gluon.data.DataLoader,
                 ctx: Union[Context, Sequence[Context], None] = None,
                 checkpoints: Union[str, os.PathLike, None] = None,
                 kvstore: str = 'device') -> List[List[Epoch]]:
    """Train a detector, step by step.

    Parameters
    ----------
    recipe : Recipe
        Describes the steps.
    detector : Detector
        From `make_detector`; it is trained in place.
    train_iter, test_iter : DataLoader
        From `load_data_voc_detection`.
    ctx : Context or sequence of Context, optional
        Device or devices of the detector, the CPU if not given.
    checkpoints : path, optional
        Folder for the checkpoint of each step; those that exist are resumed.
    kvstore : str
        As for `train_detection`.

    Returns
    -------
    list of list of Epoch
        The history of each step.

    Raises
    ------
    TrainingError, CheckpointError
        As `train_detection` does.
    """
    if checkpoints is not None:
        Path(checkpoints).mkdir(parents=True, exist_ok=True)
    targets_fn = (targets_with_ground_truth if recipe.add_truth else
                  faster_rcnn_targets)
    if recipe.num_rois:
        targets_fn = sampled_targets(recipe.num_rois, targets_fn=targets_fn)
    backbone, rpn_output, rcnn_output = detector[:3]
    anchor_fn = detector.anchor_fn
    outputs = {'rpn': rpn_output, 'rcnn': rcnn_output,
               'joint': JointOutput(rpn_output, rcnn_output)}
    batch_fns = {
        'rpn': functools.partial(rpn_batch, anchor_fn=anchor_fn),
        'rcnn': faster_rcnn_batch_fn(rpn_output, anchor_fn, targets_fn),
        'joint': joint_batch_fn(anchor_fn, targets_fn)}
    if recipe.class_specific:
        for stage in ('rcnn', 'joint'):
            batch_fns[stage] = own_class_boxes(batch_fns[stage])
    histories = []
    for number, step in enumerate(recipe.steps, 1):
        stage, num_epochs, backbone_lr, output_lr = step
        loss = JointLoss if stage == 'joint' else DetectionLoss
        histories.append(train_detection(
            backbone, outputs[stage], batch_fns[stage], train_iter,
            test_iter, loss(recipe.lambd), num_epochs, backbone_lr,
            output_lr, ctx or cpu(),
            checkpoints and Path(checkpoints) / f'step-{number}.npz',
            resume=True, kvstore=kvstore))
    return histories


def save_detector(detector: Detector, recipe: Recipe,
                  folder: Union[str, os.PathLike],
                  dtype: str = 'float32') -> None:
    """Store a trained detector.

    Parameters
    ----------
    detector : Detector
        The detector to store, with its note.
    recipe : Recipe
        The recipe it was made from.
    folder : path
        Folder for the files `detector.json` (recipe, classes, note, and
        whether test mode is on) and `detector.params` (parameters); created
        if needed.
    dtype : {'float32', 'float16'}
        Type of the numbers in the file. In half precision it is half as
        large, and each number keeps three digits.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    about = {'classes': detector.classes, 'note': detector.note,
             'recipe': recipe._asdict(), 'test_mode': bool(test_mode())}
    values = {name: parameter.data(parameter.list_ctx()[0]).astype(dtype)
              for name, parameter
              in _models(detector)._collect_params_with_prefix().items()}
    store_parameters(lambda path: npx.save(path, values),
                     folder / 'detector.params')
    with replacing(folder / 'detector.json') as partial:
        partial.write_text(json.dumps(about, indent=1), encoding='utf-8')


def load_detector(folder: Union[str, os.PathLike],
                  ctx: Optional[Context] = None) -> Detector:
    """Load a detector that `save_detector` stored.

    Parameters
    ----------
    folder : path
        The folder given to `save_detector`.
    ctx : Context, optional
        Device to load it to, the CPU if not given.

    Returns
    -------
    Detector
        Ready to detect.

    Raises
    ------
    DetectorError
        If the folder holds no complete detector.
    """
    folder = Path(folder)
    try:
        about = json.loads(
            (folder / 'detector.json').read_text(encoding='utf-8'))
        # The file has all parameters: none are needed from elsewhere.
        recipe = Recipe(**about['recipe'])._replace(imagenet=False)
        detector = make_detector(recipe, about['classes'], ctx)
        load_parameters(detector, folder / 'detector.params', ctx)
    except FileNotFoundError as error:
        raise DetectorError(
            f'{folder}: there is no trained detector (no {error.filename}).'
            ' Train one with `make detector`, or name another folder.'
        ) from None
    except (AssertionError, KeyError, MXNetError, TypeError, ValueError
            ) as error:
        reason = str(error).strip().splitlines()[0]
        raise DetectorError(
            f'{folder}: detector.json and detector.params do not hold a '
            f'detector ({reason}). Train it again.') from error
    if about.get('test_mode'):
        warnings.warn(
            f'{folder}: this detector was trained in test mode, on a few '
            'pictures only, and will find next to nothing. Train one with '
            '`make detector`, without D2L_TEST_MODE.', DatasetWarning,
            stacklevel=2)
    return detector._replace(note=about.get('note', ''))


def load_parameters(detector: Detector, path: Union[str, os.PathLike],
                    ctx: Optional[Context] = None) -> None:
    """Load the file `detector.params` of `save_detector` into a detector.

    It must be of the recipe that the parameters were trained with. `ctx` is
    the device to load them to, the CPU if not given.
    """
    _models(detector).load_parameters(str(path), ctx=ctx or cpu(),
                                      cast_dtype=True)


def _models(detector):
    """The three models as one block, to store its parameters."""
    models = gluon.nn.Sequential()
    models.add(detector.backbone, detector.rpn_output, detector.rcnn_output)
    return models

"""Region proposal network: backbone, output layers, targets, proposals.

Alphabet of shapes: B images, h x w cells of the feature map, k anchors a
cell, n = h w k anchors an image, m ground truth rows an image.
"""
from __future__ import annotations

import os
from typing import Callable, List, Optional, Sequence, Tuple, Union

from mxnet import np, npx
from mxnet.gluon import nn

from .anchors import generate_anchors, label_anchors
from .boxes import anchor_plus_offset, batch_nms, project_box
from .errors import TrainingError
from .runtime.resnet import (
    StoredWhole,
    fixed_input_norm,
    last_norm,
    resnet18,
)

__all__ = ['RPNOutput', 'detection_backbone', 'predict_rpn', 'rpn_anchors',
           'rpn_batch', 'rpn_targets']

SIZES, RATIOS = (.85, .43, .21), (1, 2, .5)
# An anchor is positive above the first IoU and background below the second;
# the third number is how many background anchors are sampled for a positive.
POSITIVE_IOU, NEGATIVE_IOU, NEGATIVES_PER_POSITIVE = .7, .3, 5
# If two proposals overlap more than this, only the better one is kept.
NMS_IOU = .7


def detection_backbone(num_stages: int = 4,
                       pretrained: Union[bool, str, os.PathLike] = False
                       ) -> nn.HybridSequential:
    """ResNet-18 (version 2) up to a feature map.

    Parameters
    ----------
    num_stages : int
        How many of the four stages to use: 4 gives features (B, 512, H / 32,
        W / 32), 3 gives (B, 256, H / 16, W / 16).
    pretrained : bool or path
        Whether to start from the model zoo's parameters, which were trained
        on ImageNet: True downloads them on first use; a path names a file.

    Returns
    -------
    HybridSequential
        Maps images (B, 3, H, W), normalised as in
        `load_data_voc_detection`, to features. It is not initialised unless
        `pretrained`, but hybridized: the first call compiles it.

    Raises
    ------
    PretrainedError
        If the parameters can't be downloaded or read.

    Notes
    -----
    The layers and parameters of `gluon.model_zoo.vision.resnet18_v2`
    without its global pooling and flattening.
    """
    resnet = resnet18(pretrained)
    backbone = StoredWhole()
    backbone.add(fixed_input_norm(resnet),
                 *resnet.features[1:5 + num_stages],
                 last_norm(resnet, num_stages), nn.Activation('relu'))
    backbone.hybridize(static_alloc=True, static_shape=True)
    return backbone


class RPNOutput(nn.Block):
    """Objectness and offsets of every anchor, from a feature map.

    Parameters
    ----------
    num_anchors : int
        Anchors a cell, k.

    Notes
    -----
    Section 3.1 of Ren et al. (2015): a 3 x 3 convolution followed by two
    sibling 1 x 1 convolutions. Ours has 128 channels, the paper's has 512.
    """

    def __init__(self, num_anchors: int = 5, **kwargs):
        super().__init__(**kwargs)
        self.conv = nn.Conv2D(128, kernel_size=3, padding=1,
                              activation='relu')
        self.cls_predictor = nn.Conv2D(2 * num_anchors, kernel_size=1)
        self.box_predictor = nn.Conv2D(4 * num_anchors, kernel_size=1)

    def forward(self, X: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Predict from the features of a batch.

        Parameters
        ----------
        X : ndarray, shape (B, C, h, w)
            Features.

        Returns
        -------
        cls_preds : ndarray, shape (B h w k, 2)
            Scores of background and object before the softmax, with anchors
            in the order of `generate_anchors`.
        box_preds : ndarray, shape (B h w k, 4)
            Offsets, in the same order.
        """
        Y = self.conv(X)
        cls_preds = self.cls_predictor(Y).transpose(0, 2, 3, 1)
        box_preds = self.box_predictor(Y).transpose(0, 2, 3, 1)
        return cls_preds.reshape(-1, 2), box_preds.reshape(-1, 4)


def rpn_anchors(X: np.ndarray, sizes: Sequence[float] = SIZES,
                ratios: Sequence[float] = RATIOS) -> np.ndarray:
    """Anchors of a feature map.

    Parameters
    ----------
    X : ndarray, shape (B, C, h, w)
        Features; only their shape and device matter.
    sizes, ratios : sequence of float
        As for `generate_anchors`.

    Returns
    -------
    ndarray, shape (4, k h w)
        Corner boxes, k = len(sizes) + len(ratios) - 1 for each cell.
    """
    _, _, height, width = X.shape
    return generate_anchors(height, width, sizes, ratios, ctx=X.ctx)


def rpn_targets(ground_truth: np.ndarray, anchors: np.ndarray
                ) -> Tuple[np.ndarray, np.ndarray]:
    """Labels and offsets that the RPN should predict.

    Parameters
    ----------
    ground_truth : ndarray, shape (B, m, 5)
        Rows (class, x1, y1, x2, y2), as for `label_anchors`.
    anchors : ndarray, shape (4, n)
        Corner boxes.

    Returns
    -------
    cls_labels : ndarray, shape (B n,)
        1 for an object of any class (IoU > 0.7, or the object's best
        anchor), 0 for background (IoU < 0.3, at most 5 for each positive
        anchor), -1 for ignored.
    box_labels : ndarray, shape (B n, 4)
        Offsets; 0 unless the label is 1.
    """
    labels, offsets = label_anchors(ground_truth, anchors, POSITIVE_IOU,
                                    NEGATIVE_IOU, NEGATIVES_PER_POSITIVE)
    return np.minimum(labels, 1).reshape(-1), offsets.reshape(-1, 4)


def rpn_batch(Y: np.ndarray, backbone_features: np.ndarray,
              output_model: nn.Block, anchors: Optional[np.ndarray],
              anchor_fn: Callable = rpn_anchors
              ) -> Tuple[Tuple, Tuple, np.ndarray]:
    """Predictions and labels of a batch, for `train_detection`.

    Parameters
    ----------
    Y : ndarray, shape (B, m, 5)
        Ground truth.
    backbone_features : ndarray, shape (B, C, h, w)
        Output of the backbone.
    output_model : Block
        An `RPNOutput`.
    anchors : ndarray, shape (4, n), or None
        Those of an earlier batch of the same size; None generates them.
    anchor_fn : callable
        Generates anchors from features.

    Returns
    -------
    predictions, labels : pair of ndarray each
        The four arguments of `DetectionLoss`.
    anchors : ndarray, shape (4, n)
        To be passed with the next batch.
    """
    if anchors is None:
        anchors = anchor_fn(backbone_features)
    return output_model(backbone_features), rpn_targets(Y, anchors), anchors


def predict_rpn(backbone_features: np.ndarray, output_model: nn.Block,
                anchor_fn: Callable[[np.ndarray], np.ndarray],
                nms_threshold: float) -> List[List[np.ndarray]]:
    """Propose regions that may hold an object.

    Parameters
    ----------
    backbone_features : ndarray, shape (B, C, h, w)
        Output of the backbone.
    output_model : Block
        An `RPNOutput`.
    anchor_fn : callable
        Generates anchors (4, n) from the features, such as `rpn_anchors`.
    nms_threshold : float
        If the IoU of two proposals is greater, only the better one is kept.

    Returns
    -------
    list of [scores, boxes], one for each image
        Objectness (k,) in [0, 1], in decreasing order, and corner boxes
        (4, k), clipped to the image; there is at least one.

    Raises
    ------
    TrainingError
        If all scores of an image are nan.
    """
    batch_size = len(backbone_features)
    cls_preds, box_preds = output_model(backbone_features)
    scores = npx.softmax(cls_preds)[:, 1].reshape(batch_size, -1)
    offsets = box_preds.reshape(batch_size, -1, 4).transpose(2, 0, 1)
    anchors = anchor_fn(backbone_features)
    boxes = anchor_plus_offset(anchors[:, None], offsets)   # (4, B, n)
    rows = np.concatenate([np.zeros_like(scores)[None], scores[None],
                           boxes]).transpose(1, 2, 0)
    kept, counts = batch_nms(rows, nms_threshold)
    if not counts.all():   # the best of finite scores is always kept
        raise TrainingError(
            'Nothing is proposed: features or predictions are not finite. '
            'Initialise the models, and train with a smaller learning rate.')
    _, scores, boxes = np.split(kept.T, [1, 2])             # (4, K)
    ends = tuple(counts.cumsum()[:-1])
    return [list(pair) for pair in zip(
        np.split(scores[0], ends),
        np.split(project_box(boxes), ends, axis=1))]

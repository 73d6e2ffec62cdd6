"""The second stage: from proposals to classes and boxes.

Alphabet of shapes: B images, R proposals of all images, k detections of an
image, C classes without the background.
"""
from __future__ import annotations

import math
from typing import List, Tuple

import numpy
from mxnet import np, npx
from mxnet.gluon import nn

from .anchors import label_anchors
from .boxes import anchor_plus_offset, batch_nms, project_box

__all__ = ['FasterRCNNOutput', 'faster_rcnn_targets', 'predict_rcnn']


class FasterRCNNOutput(nn.Block):
    """Class scores and box offsets of every proposal.

    Parameters
    ----------
    num_classes : int
        C, without the background.

    Notes
    -----
    Section 2 of Girshick (2015) has two hidden layers between pooling and
    predictions, and separate offsets for each class; this head has neither.
    """

    def __init__(self, num_classes: int, **kwargs):
        super(FasterRCNNOutput, self).__init__(**kwargs)
        self.cls_predictor = nn.Dense(num_classes + 1)
        self.box_predictor = nn.Dense(4)

    def forward(self, X: np.ndarray, rois: np.ndarray
                ) -> Tuple[np.ndarray, np.ndarray]:
        """Pool the features of each proposal and predict from them.

        Parameters
        ----------
        X : ndarray, shape (B, channels, h, w)
            Features.
        rois : ndarray, shape (R, 5)
            Rows (image, x1, y1, x2, y2): the image's index in the batch, and
            a corner box in units of the image's sides.

        Returns
        -------
        cls_preds : ndarray, shape (R, C + 1)
            Scores before the softmax, the background first.
        box_preds : ndarray, shape (R, 4)
            Offsets, the same for all classes.
        """
        _, _, h, w = X.shape
        scale = np.array([[1, w, h, w, h]], ctx=rois.context)
        Y = npx.roi_pooling(X, rois * scale, pooled_size=(2, 2),
                            spatial_scale=1)
        cls_preds = self.cls_predictor(Y)
        box_preds = self.box_predictor(Y)
        return cls_preds, box_preds


def faster_rcnn_targets(ground_truth: np.ndarray, rpn_preds: List
                        ) -> List[np.ndarray]:
    """Labels and offsets that the second stage should predict.

    Parameters
    ----------
    ground_truth : ndarray, shape (B, m, 5)
        Rows (class, x1, y1, x2, y2), as for `label_anchors`.
    rpn_preds : list of [scores, boxes]
        What `predict_rpn` returns, with at least one proposal in all.

    Returns
    -------
    rois : ndarray, shape (R, 5)
        Proposals of all images, as `FasterRCNNOutput` takes them. Ignored
        proposals are left out: they add nothing to the loss, but cost time.
    cls_labels : ndarray, shape (R,)
        Class + 1 (IoU > 0.5, or the object's best proposal), or 0 for
        background (IoU < 0.5, at most 5 for each positive proposal).
    box_labels : ndarray, shape (R, 4)
        Offsets; 0 unless the label is positive.
    """
    rois, cls_labels, box_offsets = [], [], []
    for i, (label, (_, anchors)) in enumerate(zip(ground_truth, rpn_preds)):
        labels, offsets = label_anchors(
            np.expand_dims(label, axis=0), anchors, 0.5, 0.5, 5)
        rois.append(np.concatenate(
            (np.full((len(labels[0]), 1), i, ctx=anchors.context),
             anchors.T),
            axis=1))
        cls_labels.append(labels[0])
        box_offsets.append(offsets[0])
    targets = [np.concatenate(x) for x in [rois, cls_labels, box_offsets]]
    used = targets[1] >= 0
    return [x[used] for x in targets]


def predict_rcnn(backbone_features: np.ndarray, output_model: nn.Block,
                 rpn_preds: List, nms_threshold: float = .3,
                 score_threshold: float = .01, max_proposals: int = 100,
                 max_detections: int = 100) -> List[List[np.ndarray]]:
    """Detect objects among proposals.

    Parameters
    ----------
    backbone_features : ndarray, shape (B, channels, h, w)
        Output of the backbone.
    output_model : Block
        A `FasterRCNNOutput` or `RoIHead`.
    rpn_preds : list of [scores, boxes]
        What `predict_rpn` returns.
    nms_threshold : float
        If the IoU of two detections of a class is greater, only the better
        one is kept.
    score_threshold : float
        Detections with a smaller probability are left out.
    max_proposals, max_detections : int
        How many of the best proposals of an image are used, and how many of
        the best detections are kept.

    Returns
    -------
    list of [classes, scores, boxes], one for each image
        Class indices (k,), counted from 0 without the background;
        probabilities (k,), in decreasing order; and corner boxes (4, k) in
        units of the image's sides, clipped to the image.
    """
    proposals = [boxes[:, :max_proposals] for _, boxes in rpn_preds]
    counts = [boxes.shape[1] for boxes in proposals]
    images = np.array(numpy.repeat(range(len(counts)), counts), 'float32',
                      ctx=backbone_features.ctx)
    rois = np.concatenate(
        (images[None], np.concatenate(proposals, axis=1))).T
    cls_preds, box_preds = output_model(backbone_features, rois)
    probabilities = npx.softmax(cls_preds)[:, 1:]
    # (4, R, 1), or (4, R, C) if each class has its own offsets.
    offsets = box_preds.reshape(len(rois), box_preds.shape[1] // 4, 4
                                ).transpose(2, 0, 1)
    boxes = project_box(anchor_plus_offset(rois[:, 1:].T[:, :, None],
                                           offsets))
    rows = _by_image(_rows(probabilities, boxes, score_threshold), counts)
    kept, counts = batch_nms(rows, nms_threshold, by_class=True,
                             max_kept=max_detections)
    classes, scores, boxes = np.split(kept.T, [1, 2])
    ends = tuple(counts.cumsum()[:-1])
    return [list(detections) for detections in zip(
        np.split(classes[0], ends), np.split(scores[0], ends),
        np.split(boxes, ends, axis=1))]


def _rows(probabilities, boxes, score_threshold):
    """A row (class, score, corners) for each class of each proposal."""
    shape = probabilities.shape
    classes = np.arange(shape[1], ctx=boxes.ctx)
    scores = np.where(probabilities >= score_threshold, probabilities,
                      -math.inf)
    return np.stack([np.broadcast_to(classes, shape), scores,
                     *(np.broadcast_to(x, shape) for x in boxes)], axis=2)


def _by_image(rows, counts):
    """Rearrange rows (R, C, 6) as (B, n, 6), padded to the same number."""
    num_rois, num_classes, _ = rows.shape
    none = np.full((1, num_classes, 6), -math.inf, ctx=rows.ctx)
    index = numpy.full((len(counts), max(counts)), num_rois)
    mask = numpy.arange(max(counts)) < numpy.array(counts)[:, None]
    index[mask] = numpy.arange(num_rois)
    rows = np.concatenate((rows, none))[np.array(index, ctx=rows.ctx)]
    return rows.reshape(len(counts), -1, 6)

"""The second stage: from proposals to classes and boxes.

Alphabet of shapes: B images, R proposals of all images, k detections of an
image, C classes without the background.
"""
from __future__ import annotations

from typing import List, Tuple

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
    Section 2 of Girshick (2015) has two hidden layers between the pooling
    and the predictions, and offsets for each class; this head has neither.
    """

    def __init__(self, num_classes: int, **kwargs):
        super().__init__(**kwargs)
        self.cls_predictor = nn.Dense(num_classes + 1)
        self.box_predictor = nn.Dense(4)

    def forward(self, X: np.ndarray, rois: np.ndarray
                ) -> Tuple[np.ndarray, np.ndarray]:
        """Predict.

        Parameters
        ----------
        X : ndarray, shape (B, channels, h, w)
            Features.
        rois : ndarray, shape (R, 5)
            Rows (image, x1, y1, x2, y2): the image's index in the batch,
            and a corner box in units of its sides.

        Returns
        -------
        cls_preds : ndarray, shape (R, C + 1)
            Scores before the softmax, the background first.
        box_preds : ndarray, shape (R, 4)
            Offsets, one set for all classes.
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
    """What the second stage is to predict for each proposal.

    Parameters
    ----------
    ground_truth : ndarray, shape (B, m, 5)
        Rows (class, x1, y1, x2, y2), as for `label_anchors`.
    rpn_preds : list of [scores, boxes]
        What `predict_rpn` returns; one proposal in all is needed.

    Returns
    -------
    rois : ndarray, shape (R, 5)
        Proposals of all images, as `FasterRCNNOutput` takes them. Ignored
        ones are left out: they add nothing to a loss, but cost time.
    cls_labels : ndarray, shape (R,)
        Class + 1 (IoU > 0.5, or an object's best proposal), or 0 for
        background (IoU < 0.5, at most 5 for each positive).
    box_labels : ndarray, shape (R, 4)
        Offsets, 0 where the label is not positive.
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
        What the backbone makes of the images.
    output_model : Block
        A `FasterRCNNOutput` or `RoIHead`.
    rpn_preds : list of [scores, boxes]
        What `predict_rpn` returns.
    nms_threshold : float
        Of two detections of a class whose IoU is greater, the better stays.
    score_threshold : float
        Detections with a smaller probability are left out.
    max_proposals, max_detections : int
        Look at so many of the best proposals of an image, and keep so many
        of the best detections.

    Returns
    -------
    list of [classes, scores, boxes], one for each image
        Class indices (k,) counted from 0 without the background,
        probabilities (k,), by falling probability, and corner boxes (4, k)
        in units of the image's sides, clipped to the image.
    """
    proposals = [boxes[:, :max_proposals].T for _, boxes in rpn_preds]
    rois = np.concatenate([
        np.concatenate((np.full((len(rows), 1), i, ctx=rows.ctx), rows),
                       axis=1) for i, rows in enumerate(proposals)])
    cls_preds, box_preds = output_model(backbone_features, rois)
    probabilities = npx.softmax(cls_preds)[:, 1:]
    # (4, R, 1), or (4, R, C) where each class has offsets of its own.
    offsets = box_preds.reshape(len(rois), box_preds.shape[1] // 4, 4
                                ).transpose(2, 0, 1)
    boxes = project_box(anchor_plus_offset(rois[:, 1:].T[:, :, None],
                                           offsets)).transpose(1, 2, 0)
    detections, start = [], 0
    for n in map(len, proposals):
        detections.append(_detect(probabilities[start:start + n],
                                  boxes[start:start + n], nms_threshold,
                                  score_threshold, max_detections))
        start += n
    return detections


def _detect(probabilities, boxes, nms_threshold, score_threshold,
            max_detections):
    n, num_classes = probabilities.shape
    ids = np.arange(num_classes, ctx=boxes.ctx)
    rows = np.concatenate([
        np.broadcast_to(ids[None, :, None], (n, num_classes, 1)),
        probabilities[:, :, None],
        np.broadcast_to(boxes, (n, num_classes, 4))],
        axis=2).reshape(1, -1, 6)
    best = batch_nms(rows, nms_threshold, by_class=True)[0]
    confident = int((best[:, 1] >= score_threshold).sum())
    best = best[:min(confident, max_detections)]
    return [best[:, 0], best[:, 1], best[:, 2:].T]

"""Boxes: two notations, overlap, offsets, non-maximum suppression.

Alphabet of shapes: n boxes; B images; k boxes that are kept.

A set of boxes is stored coordinate first, shape (4, n), so that
`x1, y1, x2, y2 = boxes` unpacks it. Corner boxes are (x1, y1, x2, y2):
upper-left and lower-right corner in units of the image's width and height,
so within [0, 1] inside the image, with x to the right and y down. There is
no "+ 1 pixel" anywhere: the width of a box is x2 - x1. All arrays are float32
unless stated otherwise, and results are on the device of the arguments.
"""
from __future__ import annotations

import math
from typing import Optional, Tuple

import numpy
from mxnet import nd, np

__all__ = [
    'anchor_plus_offset',
    'anchor_to_gt_offset',
    'batch_nms',
    'box_center_to_corner',
    'box_corner_to_center',
    'iou',
    'nms',
    'project_box',
]

# An offset of one moves a centre by a tenth of the anchor's side, and changes
# the logarithm of a side by a fifth: the offsets of positive anchors then have
# a standard deviation near one, which suits the loss (Fast R-CNN normalises
# its targets for the same reason).
CENTER_SCALE, SIZE_SCALE = 10, 5
# The most by which a side grows: more than any anchor needs, and far below
# where exp() of an untrained network's output overflows.
MAX_GROWTH = 1e5
# Replaces a width, height or area of zero in a denominator.
TINY = 1e-12


def box_corner_to_center(boxes: np.ndarray) -> np.ndarray:
    """Convert corner boxes to centre boxes.

    Parameters
    ----------
    boxes : ndarray, shape (4,) or (4, n)
        (x1, y1, x2, y2), in any unit.

    Returns
    -------
    ndarray, same shape
        (cx, cy, w, h) in the same unit; empty if there are no boxes.
    """
    x1, y1, x2, y2 = boxes
    return np.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1])


def box_center_to_corner(boxes: np.ndarray) -> np.ndarray:
    """Convert centre boxes to corner boxes, undoing `box_corner_to_center`.

    Parameters
    ----------
    boxes : ndarray, shape (4,) or (4, n)
        (cx, cy, w, h), in any unit.

    Returns
    -------
    ndarray, same shape
        (x1, y1, x2, y2) in the same unit.
    """
    cx, cy, w, h = boxes
    return np.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2])


def _area(boxes):
    x1, y1, x2, y2 = boxes
    return np.maximum(x2 - x1, 0) * np.maximum(y2 - y1, 0)


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes.

    Parameters
    ----------
    a, b : ndarray, shape (4,), (4, 1) or (4, n)
        Corner boxes in the same unit. All axes but the first are broadcast:
        `iou(a[:, :, None], b[:, None])` compares all pairs.

    Returns
    -------
    ndarray
        Values in [0, 1], of the broadcast shape without the first axis; 0
        if the boxes do not overlap or have no area, never NaN.

    Notes
    -----
    Agrees with `mx.nd.contrib.box_iou`, which takes a box in each row.
    """
    width = np.minimum(a[2], b[2]) - np.maximum(a[0], b[0])
    height = np.minimum(a[3], b[3]) - np.maximum(a[1], b[1])
    intersection = np.maximum(width, 0) * np.maximum(height, 0)
    union = _area(a) + _area(b) - intersection
    return intersection / np.maximum(union, TINY)


def anchor_to_gt_offset(anchors: np.ndarray,
                        ground_truths: np.ndarray) -> np.ndarray:
    """The offsets that turn anchors into ground truth boxes.

    Parameters
    ----------
    anchors : ndarray, shape (4, n)
        Corner boxes.
    ground_truths : ndarray, shape (4, n), or broadcasting with `anchors`
        The box that each anchor should become.

    Returns
    -------
    ndarray, shape (4, n)
        10 (xg - xa) / wa, 10 (yg - ya) / ha, 5 log(wg / wa) and
        5 log(hg / ha) for centres (x, y) and sizes (w, h). Finite even for
        boxes without area.

    Notes
    -----
    Equation 2 of Ren et al. (2015), except for the factors 10 and 5.
    """
    xa, ya, wa, ha = box_corner_to_center(anchors)
    xg, yg, wg, hg = box_corner_to_center(ground_truths)
    wa, ha = np.maximum(wa, TINY), np.maximum(ha, TINY)
    wg, hg = np.maximum(wg, TINY), np.maximum(hg, TINY)
    return np.stack([CENTER_SCALE * (xg - xa) / wa,
                     CENTER_SCALE * (yg - ya) / ha,
                     SIZE_SCALE * np.log(wg / wa),
                     SIZE_SCALE * np.log(hg / ha)])


def anchor_plus_offset(anchors: np.ndarray,
                       offsets: np.ndarray) -> np.ndarray:
    """Move and resize anchors by offsets, undoing `anchor_to_gt_offset`.

    Parameters
    ----------
    anchors : ndarray, shape (4, n)
        Corner boxes.
    offsets : ndarray, shape (4, n), or broadcasting with `anchors`
        What a network predicted.

    Returns
    -------
    ndarray, shape (4, n)
        Corner boxes in the unit of `anchors`; they may extend beyond the
        image. Finite for any offset: a side grows by at most 100,000 times.
    """
    xa, ya, wa, ha = box_corner_to_center(anchors)
    dx, dy, dw, dh = offsets
    dw = np.minimum(dw / SIZE_SCALE, math.log(MAX_GROWTH))
    dh = np.minimum(dh / SIZE_SCALE, math.log(MAX_GROWTH))
    return box_center_to_corner(np.stack([
        xa + dx * wa / CENTER_SCALE, ya + dy * ha / CENTER_SCALE,
        wa * np.exp(dw), ha * np.exp(dh)]))


def project_box(boxes: np.ndarray) -> np.ndarray:
    """Clip boxes to the image.

    Parameters
    ----------
    boxes : ndarray, any shape
        Corner boxes in units of the image's sides.

    Returns
    -------
    ndarray, same shape
        The part inside [0, 1]; a box outside of it has no area left.
    """
    return np.clip(boxes, 0, 1)


def nms(scores: np.ndarray, boxes: np.ndarray,
        iou_threshold: float) -> np.ndarray:
    """Non-maximum suppression: keep the best of boxes that overlap.

    Parameters
    ----------
    scores : ndarray, shape (n,)
        Any finite numbers; higher is better.
    boxes : ndarray, shape (4, n)
        Corner boxes.
    iou_threshold : float
        A box is removed if its IoU with a kept box is greater than this.

    Returns
    -------
    ndarray, shape (k,), int32
        Indices of the boxes that are kept, in order of decreasing score.

    Notes
    -----
    MXNet's operator `mx.nd.contrib.box_nms` does the work.
    """
    n = len(scores)
    index = np.arange(n, ctx=scores.ctx)
    if n == 0:
        return index.astype('int32')
    rows = np.concatenate([np.stack([index, scores]), boxes]).T
    kept, _ = batch_nms(rows[None], iou_threshold)
    return kept[:, 0].astype('int32')


def batch_nms(rows: np.ndarray, iou_threshold: float,
              by_class: bool = False, max_kept: Optional[int] = None
              ) -> Tuple[np.ndarray, numpy.ndarray]:
    """Non-maximum suppression for several images at once.

    Parameters
    ----------
    rows : ndarray, shape (B, n, 6)
        (id, score, x1, y1, x2, y2). A row with score -inf is padding.
    iou_threshold : float
        As for `nms`.
    by_class : bool
        Whether boxes compete only with boxes of the same id.
    max_kept : int, optional
        The most boxes to keep for an image.

    Returns
    -------
    kept : ndarray, shape (K, 6)
        The rows that are kept: image by image, in order of decreasing score.
    counts : numpy.ndarray, shape (B,), int
        Number of rows of each image.
    """
    if 0 in (rows.shape[1], max_kept):
        return rows[:0].reshape(0, 6), numpy.zeros(len(rows), int)
    # The operator moves the rows it keeps to the front and fills up with -1.
    kept = nd.contrib.box_nms(
        rows.as_nd_ndarray(), overlap_thresh=iou_threshold,
        valid_thresh=-math.inf, coord_start=2, score_index=1,
        id_index=0 if by_class else -1, force_suppress=not by_class
    ).as_np_ndarray()[:, :max_kept]
    valid = kept[:, :, 0] >= 0
    return (kept.reshape(-1, 6)[valid.reshape(-1)],
            valid.sum(axis=1).asnumpy())


def to_pixels(boxes, width, height):
    """Convert boxes (4, n) in units of the sides to (n, 4) in pixels."""
    return numpy.asarray(boxes).T * [width, height, width, height]

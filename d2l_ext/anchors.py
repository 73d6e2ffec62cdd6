"""Anchors: where they lie, and which object each one should predict.

Alphabet of shapes: B images, n anchors, m ground truth rows an image.
"""
from __future__ import annotations

from typing import Optional, Sequence, Tuple

import numpy
from mxnet import nd, np, npx
from mxnet.context import Context

from .boxes import CENTER_SCALE, SIZE_SCALE

__all__ = ['generate_anchors', 'label_anchors']

# Multiplied by this, any IoU but zero exceeds one. A power of two keeps the
# order of what is multiplied, to the last bit.
CLAIM = 2.**100


def generate_anchors(height: int, width: int, sizes: Sequence[float],
                     ratios: Sequence[float],
                     ctx: Optional[Context] = None) -> np.ndarray:
    """Anchors centred on every cell of a feature map.

    Parameters
    ----------
    height, width : int
        Size of the feature map, in cells.
    sizes : sequence of float
        Scales s: an anchor of ratio 1 is s times as long as the shorter
        side of the map.
    ratios : sequence of float
        Width over height r, measured in cells. The first size is combined
        with every ratio, the other sizes with the first ratio only: s1 r1,
        s1 r2, ..., s1 rm, s2 r1, ..., sn r1.
    ctx : Context, optional
        Device of the result; MXNet's default if not given.

    Returns
    -------
    ndarray, shape (4, height * width * (len(sizes) + len(ratios) - 1))
        Corner boxes in units of the map's sides: row by row, cell by cell,
        with the anchors of a cell next to each other. They are not clipped,
        so those at the border extend beyond the image.

    Notes
    -----
    Section 3.1.1 of Ren et al. (2015) combines every size with every
    ratio; the shorter list follows Liu et al. (2016), SSD.
    """
    # Width and height of each combination, in cells.
    shapes = [(sizes[0], ratio) for ratio in ratios]
    shapes += [(size, ratios[0]) for size in sizes[1:]]
    size, ratio = numpy.array(shapes).T
    w = min(height, width) * size * numpy.sqrt(ratio)
    h = min(height, width) * size / numpy.sqrt(ratio)
    i, j = numpy.indices((height, width)).reshape(2, -1, 1) + .5
    corners = [(j - w / 2) / width, (i - h / 2) / height,
               (j + w / 2) / width, (i + h / 2) / height]
    return np.array(numpy.stack(corners).reshape(4, -1), dtype='float32',
                    ctx=ctx)


def label_anchors(ground_truth: np.ndarray, anchors: np.ndarray,
                  pos_iou: float, neg_iou: float, neg_pos_ratio: float
                  ) -> Tuple[np.ndarray, np.ndarray]:
    """Assign each anchor to an object or to the background, or ignore it.

    An anchor is positive if its IoU with an object is greater than
    `pos_iou`, or if no other anchor overlaps that object more. It is
    assigned to the object it overlaps most, except that the best anchor of
    an object is always assigned to that object. Ties go to the first, and an
    anchor that is best for two objects goes to the one it overlaps more, so
    that the other one may have no positive anchor. An anchor whose IoU with
    every object is less than `neg_iou` is background; these are sampled at
    random, up to `neg_pos_ratio` for each positive anchor of the image. An
    image without objects counts as having one positive. All other anchors
    are ignored; so is an anchor whose IoU with a difficult object is
    `neg_iou` or more, unless it is positive.

    Parameters
    ----------
    ground_truth : ndarray, shape (B, m, 5)
        Rows (class, x1, y1, x2, y2), corner boxes in units of the image's
        sides. A row of class -1 is padding; so is a box without area, which
        no anchor can overlap. A difficult object of class c has class
        -2 - c.
    anchors : ndarray, shape (4, n)
        Corner boxes, the same for all images.
    pos_iou, neg_iou : float
        Thresholds.
    neg_pos_ratio : float
        Background anchors for each positive one.

    Returns
    -------
    labels : ndarray, shape (B, n)
        Class + 1 for positive anchors, 0 for background, -1 for ignored.
    offsets : ndarray, shape (B, n, 4)
        From positive anchors to their objects, as `anchor_to_gt_offset`
        gives them; 0 for all other anchors.

    Notes
    -----
    Section 3.1.2 of Ren et al. (2015), where negatives are sampled once for
    each mini-batch of one image; `mx.nd.MultiBoxTarget` is similar. Sampling
    uses MXNet's random numbers: `mx.random.seed` makes it repeatable.
    """
    batch_size, n = len(ground_truth), anchors.shape[1]
    if n == 0:
        return (np.zeros((batch_size, 0), ctx=anchors.ctx),
                np.zeros((batch_size, 0, 4), ctx=anchors.ctx))
    if ground_truth.shape[1] == 0:   # one row of padding: no object, either
        ground_truth = np.full((batch_size, 1, 5), -1., ctx=anchors.ctx)
    classes, boxes = np.split(ground_truth, [1], axis=2)
    overlaps = nd.contrib.box_iou(                          # (B, m, n)
        boxes.as_nd_ndarray(), anchors.T.as_nd_ndarray()).as_np_ndarray()
    difficult = (overlaps * (classes < -1)).max(axis=1)
    owner, overlap = _match(overlaps * (classes >= 0))
    positive = (overlap > pos_iou).astype('float32')
    background = sample((overlap < neg_iou) & (difficult < neg_iou),
                        neg_pos_ratio * np.maximum(positive.sum(axis=1), 1))
    labels = np.where(positive, _classes(classes, owner) + 1,
                      background.astype('float32') - 1)
    return labels, _offsets(boxes, anchors, owner, positive)


def _match(overlaps):
    """Object of each anchor and their IoU, both (B, n), from (B, m, n).

    If the anchor is the best one of that object, the IoU is multiplied by
    `CLAIM`.
    """
    # An object claims the anchor that it overlaps most, or the first of
    # several; if it overlaps none, the product remains zero.
    claims = overlaps * npx.one_hot(overlaps.argmax(axis=2),
                                    overlaps.shape[2], CLAIM, 1)
    owner = claims.argmax(axis=1)
    return owner, npx.pick(claims, owner, axis=1)


def _classes(classes, owner):
    """Class of each anchor's object, (B, n)."""
    one_hot = npx.one_hot(owner, classes.shape[1])          # (B, n, m)
    return npx.batch_dot(one_hot, classes).reshape(owner.shape)


def _offsets(boxes, anchors, owner, positive):
    """Offsets from positive anchors to their objects, (B, n, 4)."""
    anchors = np.broadcast_to(anchors.T, (*owner.shape, 4))
    offsets, _ = nd.contrib.box_encode(
        positive.as_nd_ndarray(), owner.astype('float32').as_nd_ndarray(),
        anchors.as_nd_ndarray(), boxes.as_nd_ndarray(),
        nd.zeros(4, ctx=anchors.ctx),
        nd.array([1 / CENTER_SCALE] * 2 + [1 / SIZE_SCALE] * 2,
                 ctx=anchors.ctx))
    return offsets.as_np_ndarray()


def sample(candidate, quota):
    """Sample up to `quota` (B,) of the candidates (B, n) at random."""
    if candidate.shape[1] == 0:
        return candidate
    lot = np.random.uniform(size=candidate.shape, ctx=candidate.ctx)
    lot = np.where(candidate, lot, 2.)
    # The greatest lot that is drawn. `pick` takes the last one for a quota
    # greater than n, but would take the first one for a quota of zero.
    last = npx.pick(np.sort(lot, axis=1), np.ceil(quota) - 1, axis=1)
    last = np.where(quota > 0, last, -1.)
    return candidate & (lot <= np.expand_dims(last, axis=1))

"""A second stage with the options of the papers, for comparison.

Alphabet of shapes: B images, R proposals of all images, C classes without
the background.
"""
from __future__ import annotations

from typing import Callable, Tuple

from mxnet import nd, np, npx
from mxnet.gluon import nn

__all__ = ['RoIHead', 'own_class_boxes', 'roi_align']

# The smallest side of a region, in cells: not lost to rounding when it is
# added to a corner.
MIN_SIDE = .01


def roi_align(X: np.ndarray, rois: np.ndarray, pooled_size: Tuple[int, int]
              ) -> np.ndarray:
    """Average features at points of each region, without rounding.

    While RoI pooling moves the border of a region to whole cells, RoIAlign
    divides the region itself into windows, interpolates the features
    bilinearly at two by two points of each window, and takes their mean.

    Parameters
    ----------
    X : ndarray, shape (B, channels, h, w)
        Features.
    rois : ndarray, shape (R, 5)
        Rows (image, x1, y1, x2, y2), corner boxes in cells of the features;
        the first cell extends from 0 to 1.
    pooled_size : (int, int)
        Height and width of the result.

    Returns
    -------
    ndarray, shape (R, channels, *pooled_size)
        Features of each region.

    Notes
    -----
    Section 3 of He et al. (2017), Mask R-CNN. Uses the operator
    `mx.nd.contrib.ROIAlign` with cell centres at half-integers.
    """
    # A region without width or height, which clipping to the image can leave,
    # would make the operator abort the process.
    corners = np.maximum(rois[:, 3:], rois[:, 1:3] + MIN_SIDE)
    rois = np.concatenate((rois[:, :3], corners), axis=1)
    return nd.contrib.ROIAlign(
        X.as_nd_ndarray(), rois.as_nd_ndarray(), pooled_size=pooled_size,
        spatial_scale=1, sample_ratio=2, aligned=True).as_np_ndarray()


class RoIHead(nn.Block):
    """Class scores and box offsets of every proposal.

    Parameters
    ----------
    num_classes : int
        C, without the background.
    pooling : {'align', 'max', 'inner-max'}
        RoIAlign; RoI pooling as in `FasterRCNNOutput`; or the same without
        the last row and column of cells of a region.
    pooled_size : int
        Number of windows along each side of a proposal.
    num_hidden : int
        Units of the hidden layer between pooling and predictions; 0 leaves
        it out.
    class_specific : bool
        Whether each class has its own offsets.

    Notes
    -----
    `RoIHead(C, 'max', 2, 0)` computes what `FasterRCNNOutput(C)` does.
    Fast R-CNN pools to 7 x 7 windows and has two hidden layers of 4,096
    units and offsets for each class.
    """

    def __init__(self, num_classes: int, pooling: str = 'align',
                 pooled_size: int = 4, num_hidden: int = 256,
                 class_specific: bool = False, **kwargs):
        super().__init__(**kwargs)
        if pooling not in ('align', 'max', 'inner-max'):
            raise ValueError(f'there is no such pooling: {pooling!r}')
        self._pooling, self._size = pooling, (pooled_size, pooled_size)
        self.hidden = nn.HybridSequential()
        if num_hidden:
            self.hidden.add(nn.Dense(num_hidden, activation='relu'))
        self.cls_predictor = nn.Dense(num_classes + 1)
        self.box_predictor = nn.Dense(
            4 * num_classes if class_specific else 4)

    def forward(self, X: np.ndarray, rois: np.ndarray
                ) -> Tuple[np.ndarray, np.ndarray]:
        """Predict, as `FasterRCNNOutput.forward` does.

        If each class has its own offsets, `box_preds` has the shape (R, 4 C),
        with those of the first class first.
        """
        _, _, h, w = X.shape
        rois = rois * np.array([[1, w, h, w, h]], ctx=rois.ctx)
        if self._pooling == 'inner-max':
            # Without the cell in which a region ends.
            rois = rois - np.array([0, 0, 0, 1, 1], ctx=rois.ctx)
        Y = (roi_align(X, rois, self._size) if self._pooling == 'align' else
             npx.roi_pooling(X, rois, pooled_size=self._size,
                             spatial_scale=1))
        Y = self.hidden(Y)
        return self.cls_predictor(Y), self.box_predictor(Y)


def own_class_boxes(batch_fn: Callable) -> Callable:
    """Select the true class's offsets from those of a class-specific head.

    Parameters
    ----------
    batch_fn : callable
        As for `train_detection`, with box predictions (R, 4 C) at the end.

    Returns
    -------
    callable
        The same with box predictions (R, 4), those of each proposal's class.
        Background has no offsets; it gets those of the first class, which
        the loss ignores.
    """
    def own_batch_fn(*args):
        (*others, box_preds), labels, anchors = batch_fn(*args)
        classes = np.maximum(labels[-2] - 1, 0)
        n = len(classes)
        chosen = npx.one_hot(classes, box_preds.shape[1] // 4)
        box_preds = npx.batch_dot(chosen.reshape(n, 1, -1),
                                  box_preds.reshape(n, -1, 4))[:, 0]
        return (*others, box_preds), labels, anchors
    return own_batch_fn

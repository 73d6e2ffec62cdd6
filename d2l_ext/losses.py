"""The loss of detection training, and the errors that it reports.

Alphabet of shapes: N anchors (or proposals) of all images of a batch, C
classes with the background at 0.
"""
from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

from mxnet import gluon, np

__all__ = ['DetectionEvaluation', 'DetectionLoss']


def _masks(cls_labels):
    """1 for anchors that are not ignored, and 1 for positive ones."""
    return [(cls_labels >= least).astype('float32') for least in (0, 1)]


class DetectionLoss:
    """Classification loss plus `lambd` times localisation loss.

    The classification loss is the softmax cross-entropy, averaged over the
    anchors that are not ignored; the localisation loss is the mean absolute
    error of the four offsets, averaged over the positive anchors.

    Parameters
    ----------
    lambd : float
        Weight of the localisation loss.

    Notes
    -----
    Equation 1 of Ren et al. (2015), with the absolute error (L1) instead of
    smooth L1.
    """

    def __init__(self, lambd: float):
        self.lambd = lambd
        self._cross_entropy = gluon.loss.SoftmaxCrossEntropyLoss()

    def counts(self, cls_labels: np.ndarray, box_labels: np.ndarray
               ) -> List[np.ndarray]:
        """Numbers of anchors that the loss is averaged over.

        Parameters
        ----------
        cls_labels, box_labels : ndarray
            As for `__call__`.

        Returns
        -------
        list of two ndarray, shape ()
            Anchors that are not ignored, and positive anchors.
        """
        return [mask.sum() for mask in _masks(cls_labels)]

    def __call__(self, cls_preds: np.ndarray, box_preds: np.ndarray,
                 cls_labels: np.ndarray, box_labels: np.ndarray,
                 counts: Optional[Sequence] = None) -> np.ndarray:
        """Loss of a batch, anchor by anchor.

        Parameters
        ----------
        cls_preds : ndarray, shape (N, C)
            Scores before the softmax.
        box_preds, box_labels : ndarray, shape (N, 4)
            Predicted and true offsets.
        cls_labels : ndarray, shape (N,)
            0 for background, class + 1 for an object, -1 for ignored.
        counts : sequence of two, optional
            What to divide by: the total `counts` of a batch that is split
            among several devices. Those of these labels if not given.

        Returns
        -------
        ndarray, shape (N,)
            The sum is the loss of the batch. It is finite; a term without
            anchors is zero.
        """
        valid, positive = _masks(cls_labels)
        num_valid, num_positive = (
            self.counts(cls_labels, box_labels) if counts is None else counts)
        cls_loss = self._cross_entropy(cls_preds, np.maximum(cls_labels, 0))
        box_loss = np.abs(box_preds - box_labels).mean(axis=1)
        return (cls_loss * valid / np.maximum(num_valid, 1)
                + self.lambd * box_loss * positive
                / np.maximum(num_positive, 1))


class DetectionEvaluation:
    """Counts from which class error and box error are computed."""

    def __call__(self, cls_preds: np.ndarray, box_preds: np.ndarray,
                 cls_labels: np.ndarray, box_labels: np.ndarray
                 ) -> Tuple[float, float, float, float]:
        """Count over one batch; arguments as for `DetectionLoss`.

        Returns
        -------
        tuple of float
            Number of anchors classified correctly, sum of the mean absolute
            offset errors of positive anchors, number of anchors that are not
            ignored, number of positive anchors.
        """
        valid, positive = _masks(cls_labels)
        # argmax gives int64, labels are float32: compare like with like.
        guess = cls_preds.argmax(axis=1).astype(cls_labels.dtype)
        right = (guess == cls_labels).astype('float32') * valid
        error = np.abs(box_preds - box_labels).sum(axis=1) * positive / 4
        counts = [x.sum() for x in (right, error, valid, positive)]
        return tuple(np.stack(counts).asnumpy().tolist())

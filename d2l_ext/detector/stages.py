"""Batch functions for `train_detection`: the second stage, or both at once.
"""
from __future__ import annotations

from typing import Callable, List, Optional, Sequence

from mxnet import autograd, np
from mxnet.gluon import nn

from ..anchors import sample
from ..losses import DetectionLoss
from ..rcnn import faster_rcnn_targets
from ..rpn import NMS_IOU, predict_rpn, rpn_anchors, rpn_batch

__all__ = ['JointLoss', 'JointOutput', 'faster_rcnn_batch_fn',
           'joint_batch_fn', 'sampled_targets', 'targets_with_ground_truth']


def faster_rcnn_batch_fn(rpn_output: nn.Block,
                         rpn_anchors: Callable = rpn_anchors,
                         faster_rcnn_targets: Callable = faster_rcnn_targets
                         ) -> Callable:
    """Batch function of the second stage, for `train_detection`.

    Parameters
    ----------
    rpn_output : Block
        The `RPNOutput` that makes proposals; no gradient flows through it.
    rpn_anchors : callable
        Generates anchors from features.
    faster_rcnn_targets : callable
        Makes targets from ground truth and proposals.

    Returns
    -------
    callable
        `faster_rcnn_batch(ground_truths, features, output, anchors)` returns
        predictions, labels and, instead of anchors, None.
    """
    def faster_rcnn_batch(ground_truths, backbone_outputs,
                          faster_rcnn_output, anchors):
        with autograd.pause():
            rpn_preds = predict_rpn(backbone_outputs, rpn_output,
                                    rpn_anchors, NMS_IOU)
            rois, cls_labels, box_labels = faster_rcnn_targets(
                ground_truths, rpn_preds)
        preds = faster_rcnn_output(backbone_outputs,
                                   rois.copyto(backbone_outputs.context))
        return preds, (cls_labels, box_labels), None
    return faster_rcnn_batch


def targets_with_ground_truth(ground_truth: np.ndarray, rpn_preds: List
                              ) -> List[np.ndarray]:
    """`faster_rcnn_targets` with the ground truth added to the proposals.

    Parameters and results are the same. The ground truth comes first, with a
    score of one and without padding.
    """
    enriched = []
    for rows, (scores, boxes) in zip(ground_truth, rpn_preds):
        rows = rows.asnumpy()
        objects = np.array(rows[rows[:, 0] >= 0, 1:].T, ctx=boxes.ctx)
        scores = np.concatenate(
            (np.ones(objects.shape[1], ctx=scores.ctx), scores))
        boxes = np.concatenate((objects, boxes), axis=1)
        enriched.append([scores, boxes])
    return faster_rcnn_targets(ground_truth, enriched)


def sampled_targets(num_rois: int = 32, share: float = .25,
                    targets_fn: Callable = faster_rcnn_targets) -> Callable:
    """Targets for a random sample of the proposals of each image.

    Pooling takes time for every proposal, but a trained RPN makes dozens of
    proposals for each object: there is little to learn from most of them.

    Parameters
    ----------
    num_rois : int
        The most proposals of an image.
    share : float
        The largest share of positive proposals among them.
    targets_fn : callable
        Makes all targets, as `faster_rcnn_targets` does.

    Returns
    -------
    callable
        Arguments and results of `faster_rcnn_targets`.

    Notes
    -----
    Section 2.3 of Girshick (2015), Fast R-CNN: 64 proposals an image, a
    quarter of them positive. Sampling uses MXNet's random numbers.
    """
    def targets(ground_truth, rpn_preds):
        rois, cls_labels, box_labels = targets_fn(ground_truth, rpn_preds)
        num_positive = int(num_rois * share)
        images = np.arange(len(rpn_preds), ctx=rois.ctx)[:, None]

        def sampled(of_kind, quota):
            mine = np.where(of_kind, rois[:, 0], -1) == images   # (B, R)
            quotas = np.full(len(rpn_preds), quota, ctx=rois.ctx)
            return sample(mine, quotas).any(axis=0)

        used = sampled(cls_labels > 0, num_positive) | sampled(
            cls_labels == 0, num_rois - num_positive)
        return [x[used] for x in (rois, cls_labels, box_labels)]
    return targets


class JointOutput(nn.Block):
    """The output models of both stages as one block, for joint training."""

    def __init__(self, rpn_output: nn.Block, rcnn_output: nn.Block,
                 **kwargs):
        super().__init__(**kwargs)
        self.rpn_output, self.rcnn_output = rpn_output, rcnn_output


def joint_batch_fn(anchor_fn: Callable = rpn_anchors,
                   targets_fn: Callable = faster_rcnn_targets) -> Callable:
    """Batch function of approximate joint training.

    Parameters
    ----------
    anchor_fn : callable
        Generates anchors from features.
    targets_fn : callable
        Makes the targets of the second stage.

    Returns
    -------
    callable
        `joint_batch(Y, features, output_model, anchors)`, with a
        `JointOutput`, returns the predictions and labels of both stages and
        the anchors.

    Notes
    -----
    Section 3.2 of Ren et al. (2015). It is approximate because proposals are
    treated as constants: the loss has no gradient with respect to them.
    """
    def joint_batch(Y, features, output_model, anchors):
        rpn_preds, rpn_labels, anchors = rpn_batch(
            Y, features, output_model.rpn_output, anchors, anchor_fn)
        rcnn_batch = faster_rcnn_batch_fn(
            output_model.rpn_output, anchor_fn, targets_fn)
        rcnn_preds, rcnn_labels, _ = rcnn_batch(
            Y, features, output_model.rcnn_output, None)
        return rpn_preds + rcnn_preds, rpn_labels + rcnn_labels, anchors
    return joint_batch


class JointLoss:
    """Sum of the two stages' losses.

    Parameters
    ----------
    lambd : float
        Weight of the localisation losses, as for `DetectionLoss`.
    """

    def __init__(self, lambd: float):
        self._loss = DetectionLoss(lambd)

    def counts(self, *labels: np.ndarray) -> List[np.ndarray]:
        """The counts of `DetectionLoss` for the first stage and the second."""
        return [*self._loss.counts(*labels[:2]),
                *self._loss.counts(*labels[2:])]

    def __call__(self, *preds_and_labels: np.ndarray,
                 counts: Optional[Sequence] = None) -> np.ndarray:
        """Loss of a batch, anchor by anchor, then proposal by proposal.

        Arguments are class and box predictions of the first stage and of the
        second, then the labels in the same order; `counts` are four numbers.
        """
        preds, labels = preds_and_labels[:4], preds_and_labels[4:]
        of_rpn, of_rcnn = ((None, None) if counts is None else
                           (counts[:2], counts[2:]))
        return np.concatenate([
            self._loss(*preds[:2], *labels[:2], of_rpn),
            self._loss(*preds[2:], *labels[2:], of_rcnn)])

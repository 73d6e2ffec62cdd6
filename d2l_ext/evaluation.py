"""Evaluation: average precision, its curve, and the recall of proposals."""
from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from typing import Dict, List, Sequence, Union

import numpy
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from .boxes import iou, to_pixels
from .data.voc import VOCDetection

__all__ = ['COCO_THRESHOLDS', 'evaluate_detection', 'precision_recall',
           'proposal_recall']

#: AP@[.5:.95], the metric of COCO, is the mean over these IoU thresholds.
COCO_THRESHOLDS = tuple(numpy.linspace(.5, .95, 10).round(2).tolist())


class _VOCeval(COCOeval):
    """Treats difficult objects as VOC does.

    COCO's crowd regions and VOC's difficult objects are both ignored, and so
    is any number of detections of them. But COCO measures the overlap with a
    crowd differently from IoU, so the flag is hidden while IoU is computed.
    """

    def computeIoU(self, imgId, catId):
        objects = self._gts[imgId, catId]
        flags = [o['iscrowd'] for o in objects]
        for o in objects:
            o['iscrowd'] = 0
        overlaps = super().computeIoU(imgId, catId)
        for o, flag in zip(objects, flags):
            o['iscrowd'] = flag
        return overlaps


def evaluate_detection(detections: Sequence, dataset: VOCDetection,
                       iou_threshold: Union[float, Sequence[float]] = .5,
                       num_recalls: int = 101) -> Dict[str, float]:
    """Average precision of each class and their mean, by pycocotools.

    Parameters
    ----------
    detections : sequence of [classes, scores, boxes]
        What `predict_rcnn` returns for each image of `dataset`, in order.
    dataset : VOCDetection
        Gives the objects, in pixels of the original pictures.
    iou_threshold : float or sequence of float
        A detection is correct if its IoU with an object of its class, not
        found by a better detection, is at least this. With several
        thresholds, such as `COCO_THRESHOLDS`, the mean over them is taken.
    num_recalls : int
        Number of levels of recall, from 0 to 1, that precision is averaged
        over: 101 in COCO, 11 in VOC until 2009.

    Returns
    -------
    dict
        Average precision by class name, and their mean as 'mAP'. Difficult
        objects, and detections of them, do not count. A class without
        objects has nan and is left out of the mean.

    Raises
    ------
    ValueError
        If there is not one entry for each image.
    """
    precision = _precision(detections, dataset,
                           numpy.atleast_1d(iou_threshold), num_recalls)
    scores = {name: float(values.mean()) if values.min() >= 0 else numpy.nan
              for name, values in zip(dataset.classes,
                                      precision.transpose(2, 0, 1))}
    known = [score for score in scores.values() if score == score]
    return {**scores, 'mAP': float(numpy.mean(known)) if known else
            numpy.nan}


def precision_recall(detections: Sequence, dataset: VOCDetection
                     ) -> Dict[str, numpy.ndarray]:
    """Precision of each class at 101 levels of recall.

    Parameters
    ----------
    detections, dataset
        As for `evaluate_detection`, with an IoU threshold of 0.5.

    Returns
    -------
    dict of ndarray, shape (101,)
        By class name, the best precision at a recall of at least 0, 0.01,
        ..., 1; 0 if no score threshold gives that recall, nan for a class
        without objects. The mean is the average precision.
    """
    precision = _precision(detections, dataset,
                           numpy.array([.5]), 101)
    return {name: numpy.where(values < 0, numpy.nan, values)
            for name, values in zip(dataset.classes, precision[0].T)}


def _precision(detections, dataset, thresholds, num_recalls):
    """Precision (T, R, C) by threshold, recall, class; -1: no objects."""
    if len(detections) != len(dataset):
        raise ValueError(f'{len(detections)} entries of detections for '
                         f'{len(dataset)} images.')
    images = [{'id': i} for i in range(len(dataset))]
    categories = [{'id': i, 'name': name}
                  for i, name in enumerate(dataset.classes)]
    truth, found = (
        {'images': images, 'categories': categories, 'annotations': rows}
        for rows in (_objects(dataset), _results(detections, dataset)))
    # Suppress pycocotools' progress messages.
    with redirect_stdout(StringIO()):
        evaluation = _VOCeval(_coco(truth), _coco(found), 'bbox')
        evaluation.params.iouThrs = thresholds
        # linspace gives a level just above 0.3, which a recall of 3 / 10
        # would not reach; rounding mends that.
        evaluation.params.recThrs = numpy.linspace(
            0, 1, num_recalls).round(12)
        evaluation.params.areaRng = [[0, 1e10]]
        evaluation.params.areaRngLbl = ['all']
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval['precision'][:, :, :, 0, -1]


def _coco(dataset):
    coco = COCO()
    coco.dataset = dataset
    coco.createIndex()
    return coco


def coco_annotation(number, image, category, box, **more):
    """An object or a detection in COCO's format, with a box in pixels."""
    x1, y1, x2, y2 = box
    return {'id': number, 'image_id': image, 'category_id': category,
            'bbox': [x1, y1, x2 - x1, y2 - y1],
            'area': (x2 - x1) * (y2 - y1), **more}


def _objects(dataset):
    rows = [(image, item) for image, objects in enumerate(dataset.objects)
            for item in objects]
    return [coco_annotation(number, image, dataset.classes.index(item.name),
                        item.box, iscrowd=int(item.difficult))
            for number, (image, item) in enumerate(rows, 1)]


def _results(detections, dataset):
    rows = []
    for image, detection in enumerate(detections):
        ids, scores, boxes = (a.asnumpy() for a in detection)
        boxes = to_pixels(boxes, *dataset.image_size(image)).tolist()
        rows += zip([image] * len(ids), ids.tolist(), boxes,
                    scores.tolist())
    return [coco_annotation(number, image, int(class_id), box, iscrowd=0,
                        score=score)
            for number, (image, class_id, box, score) in enumerate(rows, 1)]


def proposal_recall(rpn_preds: List, ground_truths: Sequence,
                    iou_threshold: float = .5,
                    num_proposals: int = 300) -> float:
    """Share of the objects that are covered by a proposal.

    Parameters
    ----------
    rpn_preds : list of [scores, boxes]
        What `predict_rpn` returns, for each image.
    ground_truths : sequence of ndarray, shape (m, 5)
        Rows (class, x1, y1, x2, y2), for each image; rows with a negative
        class are padding.
    iou_threshold : float
        A proposal covers an object if their IoU is at least this.
    num_proposals : int
        Number of the best proposals of an image that count.

    Returns
    -------
    float
        In [0, 1]; nan if there is no object at all.
    """
    found = total = 0
    for (_, boxes), rows in zip(rpn_preds, ground_truths):
        objects = rows[:int((rows[:, 0] >= 0).sum()), 1:].T.as_in_ctx(
            boxes.ctx)
        total += objects.shape[1]
        if objects.shape[1] and boxes.shape[1]:
            overlaps = iou(objects[:, :, None],
                           boxes[:, None, :num_proposals])
            found += int((overlaps.max(axis=1) >= iou_threshold).sum())
    return found / total if total else numpy.nan

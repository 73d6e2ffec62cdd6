"""What kind of mistakes a detector makes."""
from __future__ import annotations

from typing import List, NamedTuple, Sequence, Tuple

import numpy
from mxnet import np

from ..boxes import iou, to_pixels
from ..data.voc import VOCDetection

__all__ = ['ERROR_KINDS', 'Finding', 'analyse_errors']

#: Kinds of mistakes, in the order of a plot.
ERROR_KINDS = ('confusion', 'localisation', 'double', 'background', 'missed')

# What is right, and what touches an object at all.
RIGHT_IOU, LEAST_IOU = .5, .1


class Finding(NamedTuple):
    """A detection, or a missed object, and what is to be said of it.

    `kind` is 'correct' or one of `ERROR_KINDS`; `image` is the index in the
    data set; `name` the class that was detected, or was missed; `score` the
    probability, 0 for a missed object; `box` the corner box in pixels of
    the original picture.
    """
    kind: str
    image: int
    name: str
    score: float
    box: Tuple[float, float, float, float]


def analyse_errors(detections: Sequence, dataset: VOCDetection,
                   score_threshold: float = .5) -> List[Finding]:
    """Sort detections into right ones and kinds of mistakes.

    By falling probability, a detection is

    * correct, when its IoU with an object of its class that was not found
      before is at least 0.5;
    * a double, when that object was found before;
    * a mistake of localisation, when the IoU with an object of its class is
      at least 0.1;
    * a confusion, when that holds for an object of another class;
    * background else.

    An object that no detection is right about is missed. Difficult objects
    are not missed, and a detection of one is left out.

    Parameters
    ----------
    detections : sequence of [classes, scores, boxes]
        For every image of `dataset`, what `predict_rcnn` returns.
    dataset : VOCDetection
        Knows the objects.
    score_threshold : float
        Detections with a smaller probability do not count.

    Returns
    -------
    list of Finding
        Image by image, detections by falling probability, then what was
        missed.

    Notes
    -----
    The kinds of Hoiem et al. (2012), with doubles set apart from other
    mistakes of localisation and no difference between similar and other
    classes.
    """
    findings = []
    for image, detection in enumerate(detections):
        ids, scores, boxes = (a.asnumpy() for a in detection)
        order = numpy.argsort(-scores, kind='stable')
        order = order[scores[order] >= score_threshold]
        boxes = to_pixels(boxes[:, order], *dataset.image_size(image)
                          ).astype('float32')
        names = [dataset.classes[int(i)] for i in ids[order]]
        objects, found = dataset.objects[image], set()
        overlaps = _overlaps(boxes, objects)
        for name, score, box, row in zip(names, scores[order].tolist(),
                                         boxes.tolist(), overlaps):
            kind = _kind(name, row, objects, found)
            if kind:
                findings.append(Finding(kind, image, name, score,
                                        tuple(box)))
        findings += [Finding('missed', image, item.name, 0., item.box)
                     for i, item in enumerate(objects)
                     if i not in found and not item.difficult]
    return findings


def _overlaps(boxes, objects):
    """IoU of boxes (k, 4) with m objects, (k, m)."""
    if 0 in (len(boxes), len(objects)):
        return numpy.zeros((len(boxes), len(objects)))
    truth = np.array([item.box for item in objects], dtype='float32').T
    return iou(np.array(boxes).T[:, :, None], truth[:, None]).asnumpy()


def _kind(name, overlaps, objects, found):
    """Kind of a detection, '' to leave it out; marks what it finds."""
    def touched(threshold, same_class):
        return [i for i, item in enumerate(objects)
                if (item.name == name) == same_class
                and overlaps[i] >= threshold]

    own = touched(RIGHT_IOU, True)
    fresh = [i for i in own if i not in found and not objects[i].difficult]
    if fresh:
        found.add(max(fresh, key=lambda i: overlaps[i]))
        return 'correct'
    if any(objects[i].difficult for i in own):
        return ''
    if own:
        return 'double'
    if touched(LEAST_IOU, True):
        return 'localisation'
    return 'confusion' if touched(LEAST_IOU, False) else 'background'

"""The kinds of mistakes that a detector makes."""
from __future__ import annotations

from typing import List, NamedTuple, Sequence, Tuple

import numpy
from mxnet import np

from ..boxes import iou, to_pixels
from ..data.voc import VOCDetection

__all__ = ['ERROR_KINDS', 'Finding', 'analyse_errors']

#: Kinds of mistakes, in the order of a plot.
ERROR_KINDS = ('confusion', 'localisation', 'double', 'background', 'missed')

# A correct detection has at least the first IoU with an object; below the
# second one, it has nothing to do with it.
RIGHT_IOU, LEAST_IOU = .5, .1


class Finding(NamedTuple):
    """The verdict on a detection or a missed object.

    `kind` is 'correct' or one of `ERROR_KINDS`; `image` is the index in the
    data set; `name` the class that was detected or missed; `score` the
    probability, 0 for a missed object; `box` the corner box in pixels of the
    original picture.
    """
    kind: str
    image: int
    name: str
    score: float
    box: Tuple[float, float, float, float]


def analyse_errors(detections: Sequence, dataset: VOCDetection,
                   score_threshold: float = .5) -> List[Finding]:
    """Sort detections into correct ones and kinds of mistakes.

    In order of decreasing probability, a detection is

    * correct if its IoU with an object of its class that has not been found
      yet is at least 0.5;
    * a double if that object has already been found;
    * a localisation error if its IoU with an object of its class is at least
      0.1;
    * a confusion if that holds for an object of another class;
    * background otherwise.

    An object without a correct detection is missed. Difficult objects are
    never missed, and detections of them are left out.

    Parameters
    ----------
    detections : sequence of [classes, scores, boxes]
        What `predict_rcnn` returns for each image of `dataset`.
    dataset : VOCDetection
        Gives the objects.
    score_threshold : float
        Detections with a smaller probability do not count.

    Returns
    -------
    list of Finding
        Image by image: the detections in order of decreasing probability,
        then the missed objects.

    Notes
    -----
    The kinds of Hoiem et al. (2012), but doubles are separate from other
    localisation errors, and confusions with similar classes are not separate
    from other confusions.
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
    """Kind of a detection, '' to leave it out; adds its object to `found`."""
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

"""Inference: from pictures to named boxes in pixels.

Alphabet of shapes: B images, k detections of an image.
"""
from __future__ import annotations

import os
from typing import Callable, Iterable, List, NamedTuple, Sequence, Tuple, Union

import numpy
from mxnet import np
from mxnet.gluon import nn
from PIL import Image

from ..boxes import to_pixels
from ..data.batches import load_batches, normalize, to_array
from ..data.pictures import list_pictures, read_picture, resized
from ..data.voc import VOCDetection
from ..rcnn import predict_rcnn
from ..rpn import NMS_IOU, predict_rpn, rpn_anchors

__all__ = ['Detection', 'Detector', 'detect_batches', 'predict_faster_rcnn']

PictureLike = Union[str, os.PathLike, Image.Image]


class Detector(NamedTuple):
    """Everything that detection needs.

    `backbone`, `rpn_output` and `rcnn_output` are the three models;
    `classes` are the names of their classes, class 0 first; `size` is the
    height and width in pixels that images are resized to; `anchor_fn`
    generates the anchors of the RPN; `note` says what it was trained on and
    how good it is, if that is known.
    """
    backbone: nn.Block
    rpn_output: nn.Block
    rcnn_output: nn.Block
    classes: Sequence[str]
    size: Tuple[int, int] = (256, 256)
    anchor_fn: Callable = rpn_anchors
    note: str = ''


class Detection(NamedTuple):
    """A detected object.

    `box` is the corner box (x1, y1, x2, y2) in pixels of the picture,
    counted from 0 as in `VOCObject`; `probability` is in [0, 1].
    """
    name: str
    probability: float
    box: Tuple[float, float, float, float]


def predict_faster_rcnn(detector: Detector,
                        images: Union[PictureLike, Iterable[PictureLike]],
                        score_threshold: float = .5, batch_size: int = 32,
                        **options) -> List[List[Detection]]:
    """Find objects in pictures of any size.

    Parameters
    ----------
    detector : Detector
        Trained models.
    images : path, PIL.Image.Image, or several of them
        A picture, a file, a folder of pictures, or a sequence of pictures
        and files.
    score_threshold : float
        Objects with a smaller probability are left out.
    batch_size : int
        How many pictures are in memory, and go through the network, at once.
    **options
        Passed on to `predict_rcnn`.

    Returns
    -------
    list of list of Detection
        The objects of each picture in order of decreasing probability, an
        empty list if there are none. Pictures of a folder are in the order
        of `list_pictures`.

    Raises
    ------
    DatasetError
        If a file is missing or is not a picture.
    """
    if isinstance(images, (str, os.PathLike)):
        images = list_pictures(images)
    elif isinstance(images, Image.Image):
        images = [images]
    images, found = list(images), []
    for start in range(0, len(images), batch_size):
        pictures = [image.convert('RGB') if isinstance(image, Image.Image)
                    else read_picture(image)
                    for image in images[start:start + batch_size]]
        results, _ = _both_stages(
            detector, _batch(pictures, detector.size),
            score_threshold=score_threshold, **options)
        found += [_in_pixels(result, picture.size, detector.classes)
                  for result, picture in zip(results, pictures)]
    return found


def detect_batches(detector: Detector, dataset: VOCDetection,
                   batch_size: int = 32, **options
                   ) -> Tuple[List[List[np.ndarray]],
                              List[List[np.ndarray]]]:
    """Detect objects in all images of a data set, for an evaluation.

    Parameters
    ----------
    detector : Detector
        Trained models.
    dataset : VOCDetection
        Images of the detector's size.
    batch_size : int
        How many images go through the network at once.
    **options
        Passed on to `predict_rcnn`.

    Returns
    -------
    detections : list of [classes, scores, boxes]
        What `predict_rcnn` returns, for `evaluate_detection`.
    proposals : list of [scores, boxes]
        What `predict_rpn` returns, for `proposal_recall`.
    """
    detections, proposals = [], []
    for X, _ in load_batches(dataset, batch_size):
        found, rpn_preds = _both_stages(detector, X, **options)
        detections += found
        proposals += rpn_preds
    return detections, proposals


def _both_stages(detector, X, **options):
    ctx = next(iter(detector.backbone.collect_params().values())
               ).list_ctx()[0]
    features = detector.backbone(X.as_in_ctx(ctx))
    rpn_preds = predict_rpn(features, detector.rpn_output,
                            detector.anchor_fn, NMS_IOU)
    return predict_rcnn(features, detector.rcnn_output, rpn_preds,
                        **options), rpn_preds


def _batch(pictures, size):
    return to_array(normalize(numpy.stack([
        resized(picture, size) for picture in pictures])))


def _in_pixels(result, size, classes):
    ids, scores, boxes = (a.asnumpy() for a in result)
    boxes = to_pixels(boxes, *size).tolist()
    return [Detection(classes[int(i)], score, tuple(box)) for i, score, box
            in zip(ids, scores.tolist(), boxes)]

"""Pictures with boxes, proposals and detections drawn on them."""
from __future__ import annotations

from typing import List, Optional, Sequence

import numpy
from matplotlib import pyplot as plt
from mxnet import np
from PIL import Image

from ..boxes import to_pixels
from ..data.batches import RGB_MEAN, RGB_STD

__all__ = ['annotate_detections', 'show_boxes', 'show_detections',
           'show_ground_truth', 'visualize_rcnn_preds', 'visualize_rpn_preds']

# Okabe and Ito's palette, which colour-blind readers can tell apart.
COLORS = ('#0072b2', '#e69f00', '#009e73', '#d55e00', '#cc79a7')
TRUTH = '#ffffff'


def show_boxes(axes: plt.Axes, boxes: numpy.ndarray,
               labels: Optional[Sequence] = None,
               colors: Sequence[str] = COLORS, **style) -> None:
    """Draw boxes on an image, each with a label at its upper left.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        The axes that show the image.
    boxes : array, shape (n, 4)
        Corner boxes in pixels.
    labels : sequence of str, optional
        One for each box.
    colors : sequence
        Colours, used in turn.
    **style
        Passed on to `matplotlib.patches.Rectangle`, for instance `linestyle`.
    """
    style = {'fill': False, 'linewidth': 2, **style}
    for i, (x1, y1, x2, y2) in enumerate(numpy.asarray(boxes).tolist()):
        color = colors[i % len(colors)]
        axes.add_patch(plt.Rectangle((x1, y1), x2 - x1, y2 - y1,
                                     edgecolor=color, **style))
        if labels is not None and labels[i]:
            axes.annotate(
                str(labels[i]), (x1, y1), (3, -3),
                textcoords='offset points', va='top', fontsize=9,
                color='black' if color in (TRUTH, 'w') else 'white',
                bbox={'facecolor': color, 'linewidth': 0, 'pad': 1.5},
                annotation_clip=True)


def picture_grid(count, columns, width, height):
    """Axes without ticks for `count` pictures in `columns` columns."""
    columns = min(count, columns)
    rows = -(-count // columns)
    _, axes = plt.subplots(
        rows, columns, squeeze=False, layout='constrained',
        figsize=(width * columns, height * rows))
    for ax in axes.flat:
        ax.axis('off')
    # A list: `flat` can be iterated over only once.
    return list(axes.flat)


def _image_grid(X, num_images):
    """Show the first images of a batch; returns axes, (width, height)."""
    images = X[:num_images].asnumpy().transpose(0, 2, 3, 1)
    images = numpy.clip(images * RGB_STD + RGB_MEAN, 0, 1)
    axes = picture_grid(len(images), 4, 2.6, 2.6)
    for ax, image in zip(axes, images):
        ax.imshow(image)
        ax.set(xlim=(-.5, image.shape[1] - .5),
               ylim=(image.shape[0] - .5, -.5))
    return axes, X.shape[:1:-1]


def colors_of(ids):
    """A colour for each of some integers, such as classes."""
    return [COLORS[i % len(COLORS)] for i in ids]


def show_truth(axes, boxes):
    """Draw ground truth, boxes (n, 4) in pixels, as a background."""
    show_boxes(axes, boxes, colors=[TRUTH], linewidth=3.5, alpha=.9)


def _show_truth_rows(ax, Y, size):
    rows = Y.asnumpy()
    show_truth(ax, to_pixels(rows[rows[:, 0] >= 0, 1:].T, *size))


def show_ground_truth(X: np.ndarray, Y: np.ndarray, classes: Sequence[str],
                      num_images: int = 4) -> None:
    """Show images with the boxes and classes of their objects.

    Parameters
    ----------
    X, Y : ndarray
        Normalised images (B, 3, H, W) and ground truth (B, m, 5), in which
        each class has a colour.
    classes : sequence of str
        Names of the classes.
    num_images : int
        The most images to show.
    """
    axes, size = _image_grid(X, num_images)
    for ax, rows in zip(axes, Y.asnumpy()):
        rows = rows[rows[:, 0] >= 0]
        ids = rows[:, 0].astype(int)
        show_boxes(ax, to_pixels(rows[:, 1:].T, *size),
                   [classes[c] for c in ids], colors_of(ids))
    plt.show()


def visualize_rpn_preds(X: np.ndarray, Y: np.ndarray, rpn_preds: List,
                        num_proposals: int = 3) -> None:
    """Show images with their ground truth and their best proposals.

    Parameters
    ----------
    X, Y : ndarray
        As for `show_ground_truth`; the ground truth is drawn in white.
    rpn_preds : list of [scores, boxes]
        What `predict_rpn` returns; drawn in colour, with objectness.
    num_proposals : int
        How many of the best to show, on each of the first four images.
    """
    axes, size = _image_grid(X, 4)
    for ax, truth, (scores, boxes) in zip(axes, Y, rpn_preds):
        _show_truth_rows(ax, truth, size)
        boxes = boxes[:, :num_proposals].asnumpy()
        show_boxes(ax, to_pixels(boxes, *size), [
            f'{s:.2f}' for s in scores[:num_proposals].asnumpy()])
    plt.show()


def visualize_rcnn_preds(X: np.ndarray, Y: np.ndarray, detections: List,
                         classes: Sequence[str]) -> None:
    """Show up to eight images with their ground truth and detections.

    Parameters
    ----------
    X, Y : ndarray
        As for `show_ground_truth`; the ground truth is drawn in white.
    detections : list of [classes, scores, boxes]
        What `predict_rcnn` returns; each class has a colour. Detections with
        a probability below 0.5 are not drawn.
    classes : sequence of str
        Names of the classes.
    """
    axes, size = _image_grid(X, 8)
    for ax, truth, detection in zip(axes, Y, detections):
        _show_truth_rows(ax, truth, size)
        ids, scores, boxes = (a.asnumpy() for a in detection)
        sure = scores >= .5
        ids = ids[sure].astype(int)
        show_boxes(ax, to_pixels(boxes[:, sure], *size),
                   [f'{classes[c]} {score:.2f}'
                    for c, score in zip(ids, scores[sure])], colors_of(ids))
    plt.show()


def annotate_detections(axes: plt.Axes, detections: Sequence,
                        classes: Sequence[str]) -> None:
    """Draw the detections of a picture.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        The axes that show the picture.
    detections : sequence of Detection
        What `predict_faster_rcnn` returns for it.
    classes : sequence of str
        Names of all classes; each has a colour.
    """
    show_boxes(axes, [item.box for item in detections],
               [f'{item.name} {item.probability:.2f}'
                for item in detections],
               colors_of(classes.index(item.name) for item in detections))


def show_detections(images: Sequence[Image.Image], detections: Sequence,
                    classes: Sequence[str], columns: int = 4) -> None:
    """Show pictures of any size with their detections.

    Parameters
    ----------
    images : sequence of PIL.Image.Image
        The pictures.
    detections : sequence of sequence of Detection
        What `predict_faster_rcnn` returns for them.
    classes : sequence of str
        Names of all classes; each has a colour.
    columns : int
        Number of pictures side by side.
    """
    # A single picture takes at most half of the page.
    side = 10.4 / min(columns, max(2, len(images)))
    axes = picture_grid(len(images), columns, side, side)
    for ax, image, found in zip(axes, images, detections):
        ax.imshow(image)
        annotate_detections(ax, found, classes)
    plt.show()

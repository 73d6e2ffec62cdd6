"""Pictures with boxes, proposals and detections drawn on them."""
from __future__ import annotations

from typing import List, Optional, Sequence, Union

import numpy
from matplotlib import colors as mcolors
from matplotlib import pyplot as plt
from matplotlib.transforms import Bbox
from mxnet import np
from PIL import Image

from ..boxes import to_pixels
from ..data.batches import RGB_MEAN, RGB_STD

__all__ = ['annotate_detections', 'show_boxes', 'show_detections',
           'show_ground_truth', 'visualize_rcnn_preds', 'visualize_rpn_preds']

# Okabe and Ito's palette, which colour-blind readers can tell apart.
# In pictures each class has one of them; ground truth is white, and what has
# no class, such as a proposal, is yellow: the darker, the lower its rank.
COLORS = ('#0072b2', '#e69f00', '#009e73', '#d55e00', '#cc79a7')
TRUTH = '#ffffff'
NO_CLASS = '#f0e442'

Pictures = Union[np.ndarray, Sequence[Image.Image]]


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
    boxes = numpy.asarray(boxes).tolist()
    for i, (x1, y1, x2, y2) in enumerate(boxes):
        axes.add_patch(plt.Rectangle((x1, y1), x2 - x1, y2 - y1,
                                     edgecolor=colors[i % len(colors)],
                                     **style))
    if labels is not None:
        # Where things are is known after the layout.
        axes.figure.draw_without_rendering()
        for i, box in enumerate(boxes):
            if labels[i]:
                _place_label(axes, box, str(labels[i]),
                             colors[i % len(colors)])


def ink(color: str) -> str:
    """Black or white, whichever is easier to read on a colour."""
    rgb = numpy.array(mcolors.to_rgb(color))
    linear = numpy.where(rgb <= .04045, rgb / 12.92,
                         ((rgb + .055) / 1.055) ** 2.4)
    # Black on it has more contrast than white from this luminance on.
    return 'black' if linear @ (.2126, .7152, .0722) > .179 else 'white'


def _place_label(axes, box, label, color):
    """Write a label at a corner of its box, where it covers no other."""
    view = axes.bbox
    frame = Bbox(axes.transData.transform(numpy.reshape(box, (2, 2))))
    text = axes.annotate(
        label, box[:2], (0, 0), textcoords='offset points', fontsize=9,
        va='bottom', color=ink(color), annotation_clip=False,
        bbox={'facecolor': color, 'linewidth': 0, 'pad': 1.5})
    pad = 1.5 * axes.figure.dpi / 72
    width, height = text.get_window_extent().size + 2 * pad
    taken = [other.get_window_extent().padded(pad) for other in axes.texts
             if other is not text]
    rows = [frame.ymax, frame.ymax - height, frame.ymin - height,
            *numpy.arange(frame.ymin, frame.ymax - 2 * height, height)]
    places = [Bbox.from_bounds(
        min(max(x, view.xmin), max(view.xmax - width, view.xmin)),
        min(max(y, view.ymin), view.ymax - height), width, height)
        for y in rows for x in (frame.xmin, frame.xmax - width)]
    place = min(places, key=lambda place: sum(
        _area(Bbox.intersection(place, other)) for other in taken))
    corner = axes.transData.transform(box[:2])
    text.set_position((place.min + pad - corner) * 72 / axes.figure.dpi)


def _area(box):
    return box.width * box.height if box else 0


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
    """Show the first of some images; returns axes, (width, height) each."""
    images = X[:num_images]
    if isinstance(X, np.ndarray):
        images = images.asnumpy().transpose(0, 2, 3, 1)
        images = list(numpy.clip(images * RGB_STD + RGB_MEAN, 0, 1))
    axes = picture_grid(len(images), 4, 2.6, 2.6)
    sizes = []
    for ax, image in zip(axes, images):
        height, width = numpy.shape(image)[:2]
        ax.imshow(image)
        ax.set(xlim=(-.5, width - .5), ylim=(height - .5, -.5))
        sizes.append((width, height))
    return axes, sizes


def colors_of(ids):
    """A colour for each of some integers, such as classes."""
    return [COLORS[i % len(COLORS)] for i in ids]


def shades(count, color=NO_CLASS):
    """Shades of a colour for ranks 1, 2, ...: the last one is the darkest."""
    rgb = numpy.array(mcolors.to_rgb(color))
    return [mcolors.to_hex(rgb * share)
            for share in numpy.linspace(1, .55, count)]


def show_truth(axes, boxes):
    """Draw ground truth, boxes (n, 4) in pixels, as a background."""
    show_boxes(axes, boxes, colors=[TRUTH], linewidth=3.5, alpha=.9)


def _show_truth_rows(ax, Y, size):
    rows = Y.asnumpy()
    show_truth(ax, to_pixels(rows[rows[:, 0] >= 0, 1:].T, *size))


def show_ground_truth(X: Pictures, Y: np.ndarray, classes: Sequence[str],
                      num_images: int = 4) -> None:
    """Show images with the boxes and classes of their objects.

    Parameters
    ----------
    X : ndarray or sequence of PIL.Image.Image
        Normalised images (B, 3, H, W); or the pictures themselves, which
        have more detail.
    Y : ndarray
        Ground truth (B, m, 5), in which each class has a colour.
    classes : sequence of str
        Names of the classes.
    num_images : int
        The most images to show.
    """
    axes, sizes = _image_grid(X, num_images)
    for ax, size, rows in zip(axes, sizes, Y.asnumpy()):
        rows = rows[rows[:, 0] >= 0]
        ids = rows[:, 0].astype(int)
        show_boxes(ax, to_pixels(rows[:, 1:].T, *size),
                   [classes[c] for c in ids], colors_of(ids))
    plt.show()


def visualize_rpn_preds(X: Pictures, Y: np.ndarray, rpn_preds: List,
                        num_proposals: int = 3) -> None:
    """Show images with their ground truth and their best proposals.

    Parameters
    ----------
    X, Y
        As for `show_ground_truth`; the ground truth is drawn in white.
    rpn_preds : list of [scores, boxes]
        What `predict_rpn` returns; drawn in yellow, the best one brightest,
        with objectness.
    num_proposals : int
        How many of the best to show, on each of the first four images.
    """
    axes, sizes = _image_grid(X, 4)
    for ax, size, truth, (scores, boxes) in zip(axes, sizes, Y, rpn_preds):
        _show_truth_rows(ax, truth, size)
        boxes = boxes[:, :num_proposals].asnumpy()
        show_boxes(ax, to_pixels(boxes, *size), [
            f'{s:.2f}' for s in scores[:num_proposals].asnumpy()],
            shades(num_proposals))
    plt.show()


def visualize_rcnn_preds(X: Pictures, Y: np.ndarray, detections: List,
                         classes: Sequence[str]) -> None:
    """Show up to eight images with their ground truth and detections.

    Parameters
    ----------
    X, Y
        As for `show_ground_truth`; the ground truth is drawn in white.
    detections : list of [classes, scores, boxes]
        What `predict_rcnn` returns; each class has a colour. Detections with
        a probability below 0.5 are not drawn.
    classes : sequence of str
        Names of the classes.
    """
    axes, sizes = _image_grid(X, 8)
    for ax, size, truth, detection in zip(axes, sizes, Y, detections):
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

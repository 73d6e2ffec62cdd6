"""Figures that explain one idea each, for the notebooks' sliders.

Every function redraws its figure from its arguments alone, so that a widget
can call it at each move: `ipywidgets.interact(plot_iou, x=(0, 1, .05))`.
"""
from __future__ import annotations

import math
from typing import Optional, Sequence

import numpy
from matplotlib import pyplot as plt
from mxnet import np, npx

from ..anchors import generate_anchors, label_anchors
from ..boxes import iou, nms, to_pixels
from ..rpn import NEGATIVE_IOU, NEGATIVES_PER_POSITIVE, POSITIVE_IOU
from .pictures import COLORS, shades, show_boxes

__all__ = ['plot_anchors', 'plot_iou', 'plot_labels', 'plot_nms',
           'plot_roi_pooling']

MUTED, QUIET = '#8a949e', '#55606b'
# More boxes of a kind than this are a mesh in which none can be seen.
MOST_BOXES = 20


def _unit_square(axes):
    axes.set(xlim=(0, 1), ylim=(1, 0), aspect='equal', xticks=[0, .5, 1],
             yticks=[0, .5, 1])


def plot_iou(x: float = .35, y: float = .3, width: float = .45,
             height: float = .5) -> None:
    """Show intersection and union of a fixed box and a movable one.

    Parameters
    ----------
    x, y : float
        Upper-left corner of the movable box, in the unit square.
    width, height : float
        Its size.
    """
    fixed = numpy.array([.15, .2, .65, .75])
    moved = numpy.array([x, y, x + width, y + height])
    value = float(iou(np.array(fixed, dtype='float32'),
                      np.array(moved, dtype='float32')))
    _, axes = plt.subplots(figsize=(3.6, 3.4), layout='constrained')
    _unit_square(axes)
    show_boxes(axes, [fixed, moved], ['A', 'B'])
    low = numpy.maximum(fixed[:2], moved[:2])
    sides = numpy.minimum(fixed[2:], moved[2:]) - low
    if (sides > 0).all():
        axes.add_patch(plt.Rectangle(low, *sides, color=COLORS[2],
                                     alpha=.45))
    axes.set_title(f'IoU = {value:.2f}')
    plt.show()


def plot_anchors(row: int = 1, column: int = 2, height: int = 4,
                 width: int = 6, sizes: Sequence[float] = (.75, .5, .25),
                 ratios: Sequence[float] = (1, 2, .5)) -> None:
    """Show the anchors of one cell of a feature map.

    Parameters
    ----------
    row, column : int
        The cell; one outside the map is moved to its border.
    height, width : int
        Size of the map, in cells.
    sizes, ratios : sequence of float
        As for `generate_anchors`.
    """
    row, column = min(row, height - 1), min(column, width - 1)
    count = len(sizes) + len(ratios) - 1
    first = (row * width + column) * count
    anchors = generate_anchors(height, width, sizes, ratios)
    anchors = anchors[:, first:first + count].asnumpy().T
    _, axes = plt.subplots(figsize=(.75 * width + 2.6, .75 * height + .6),
                           layout='constrained')
    axes.set(xlim=(-.5, width + .5), ylim=(height + .5, -.5),
             aspect='equal', xticks=range(width + 1),
             yticks=range(height + 1))
    axes.grid(color=MUTED, linewidth=.6)
    axes.add_patch(plt.Rectangle((0, 0), width, height, fill=False,
                                 color=MUTED, linewidth=1.5))
    axes.plot(column + .5, row + .5, 'o', color='black', markersize=4)
    show_boxes(axes, anchors * [width, height, width, height])
    shapes = [(sizes[0], ratio) for ratio in ratios]
    shapes += [(size, ratios[0]) for size in sizes[1:]]
    axes.legend(axes.patches[1:], [
        f'size {size:g}, ratio {ratio:g}' for size, ratio in shapes],
        loc='center left', bbox_to_anchor=(1.02, .5), frameon=False)
    axes.set_title(f'{count} anchors of cell ({row}, {column})')
    plt.show()


def plot_nms(scores: np.ndarray, boxes: np.ndarray, threshold: float = .5,
             image: Optional[numpy.ndarray] = None) -> None:
    """Show which boxes non-maximum suppression keeps and which it removes.

    Parameters
    ----------
    scores : ndarray, shape (n,)
        Written on the boxes; the best box is the brightest.
    boxes : ndarray, shape (4, n)
        Corner boxes in units of the image's sides.
    threshold : float
        IoU above which the worse box is removed.
    image : array, shape (height, width, 3), optional
        Drawn behind the boxes.
    """
    kept = nms(scores, boxes, threshold).asnumpy()
    height, width = (1, 1) if image is None else image.shape[:2]
    pixels = to_pixels(boxes.asnumpy(), width, height)
    labels = [f'{s:.2f}' for s in scores.asnumpy()]
    rank = (-scores.asnumpy()).argsort(kind='stable').argsort()
    colors = [shades(len(rank))[i] for i in rank]
    _, panels = plt.subplots(1, 2, figsize=(8, 3.6), layout='constrained')
    for axes, chosen, title in (
            (panels[0], range(len(scores)), f'{len(scores)} boxes'),
            (panels[1], kept,
             f'{len(kept)} kept at threshold {threshold:.2f}')):
        if image is None:
            _unit_square(axes)
        else:
            axes.imshow(image)
        show_boxes(axes, pixels[chosen], [labels[i] for i in chosen],
                   [colors[i] for i in chosen])
        axes.set_title(title)
        axes.axis('off')
    plt.show()


def plot_labels(ground_truth: np.ndarray, anchors: np.ndarray,
                pos_iou: float = POSITIVE_IOU,
                neg_iou: float = NEGATIVE_IOU,
                neg_pos_ratio: float = NEGATIVES_PER_POSITIVE,
                image: Optional[numpy.ndarray] = None) -> None:
    """Show positive, negative and ignored anchors side by side.

    Of each kind no more than 20 are drawn: those that overlap an object most.

    Parameters
    ----------
    ground_truth : ndarray, shape (m, 5)
        Rows (class, x1, y1, x2, y2), drawn in black.
    anchors : ndarray, shape (4, n)
        Corner boxes in units of the image's sides.
    pos_iou, neg_iou, neg_pos_ratio : float
        As for `label_anchors`.
    image : array, shape (height, width, 3), optional
        Drawn behind the boxes.
    """
    labels, _ = label_anchors(ground_truth[None], anchors, pos_iou, neg_iou,
                              neg_pos_ratio)
    labels = labels[0].asnumpy()
    height, width = (1, 1) if image is None else image.shape[:2]
    pixels = to_pixels(anchors.asnumpy(), width, height)
    truth = ground_truth.asnumpy()
    truth = to_pixels(truth[truth[:, 0] >= 0, 1:].T, width, height)
    nearness = iou(ground_truth[:, 1:].T[:, :, None], anchors[:, None]
                   ).max(axis=0).asnumpy()
    _, panels = plt.subplots(1, 3, figsize=(10, 3.4), layout='constrained')
    for axes, chosen, name, color in zip(
            panels, (labels > 0, labels == 0, labels < 0),
            ('positive', 'negative', 'ignored'), (COLORS[2], COLORS[3],
                                                  QUIET)):
        if image is None:
            _unit_square(axes)
        else:
            axes.imshow(image)
            axes.set(xlim=(-.25 * width, 1.25 * width),
                     ylim=(1.25 * height, -.25 * height))
        drawn = numpy.flatnonzero(chosen)
        drawn = drawn[(-nearness[drawn]).argsort(kind='stable')][:MOST_BOXES]
        show_boxes(axes, pixels[drawn], colors=[color], linewidth=1.4)
        show_boxes(axes, truth, colors=['black'], linestyle='--')
        axes.set_title(f'{chosen.sum()} {name}' + (
            f', {len(drawn)} of them drawn' if len(drawn) < chosen.sum()
            else ''))
        axes.axis('off')
    plt.show()


def _window(index, first, last, count):
    """First cell of a window, and the cell after its last one.

    The operator rounds windows outwards, so neighbours may share cells.
    """
    length = last - first + 1
    return (first + math.floor(index * length / count),
            first + math.ceil((index + 1) * length / count))


def plot_roi_pooling(x1: int = 1, y1: int = 0, x2: int = 5, y2: int = 3,
                     rows: int = 2, columns: int = 2,
                     X: Optional[np.ndarray] = None) -> None:
    """Show the windows of RoI pooling on a feature map, and their maxima.

    Parameters
    ----------
    x1, y1, x2, y2 : int
        First and last cell of the region, in cells of the map.
    rows, columns : int
        Size of the output.
    X : ndarray, shape (1, 1, h, w), optional
        The map; if not given, a 6 x 8 map of fixed numbers.
    """
    if X is None:
        numbers = numpy.random.default_rng(3).integers(0, 100, (6, 8))
        X = np.array(numbers.reshape(1, 1, 6, 8), dtype='float32')
    x1, x2, y1, y2 = min(x1, x2), max(x1, x2), min(y1, y2), max(y1, y2)
    pooled = npx.roi_pooling(X, np.array([[0, x1, y1, x2, y2]]),
                             pooled_size=(rows, columns), spatial_scale=1)
    pooled, cells = pooled[0, 0].asnumpy(), X[0, 0].asnumpy()
    _, (left, right) = plt.subplots(
        1, 2, figsize=(8.5, 3.8), layout='constrained',
        width_ratios=[cells.shape[1], columns + 2])
    for axes, grid, title in ((left, cells, 'feature map'),
                              (right, pooled, 'output')):
        axes.imshow(grid, cmap='Blues', vmin=0, vmax=140)
        for (i, j), value in numpy.ndenumerate(grid):
            axes.text(j, i, f'{value:.0f}', ha='center', va='center')
        axes.set(xticks=[], yticks=[], title=title)
    for k in range(rows * columns):
        i, j = divmod(k, columns)
        top, bottom = _window(i, y1, y2, rows)
        left_edge, right_edge = _window(j, x1, x2, columns)
        color, inset = COLORS[k % len(COLORS)], .06 + .03 * (k % 3)
        left.add_patch(plt.Rectangle(
            (left_edge - .5 + inset, top - .5 + inset),
            right_edge - left_edge - 2 * inset, bottom - top - 2 * inset,
            fill=False, color=color, linewidth=2.5))
        right.add_patch(plt.Rectangle(
            (j - .45, i - .45), .9, .9, fill=False, color=color,
            linewidth=2.5))
    plt.show()

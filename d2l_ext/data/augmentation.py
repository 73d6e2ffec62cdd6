"""Augmentation: the same objects in other windows and other colours.

Alphabet of shapes: H x W pixels, m ground truth rows an image.
"""
from __future__ import annotations

from typing import Iterator, NamedTuple, Tuple

import numpy
from PIL import Image

__all__ = ['Change', 'change_image', 'cut_window', 'draw_changes']

# What is seen of a window outside of the picture: the mean of ImageNet.
GRAY = 124, 116, 104
# A box that is thinner, in units of the side, is what rounding has left.
SMALLEST = 1e-6


class Change(NamedTuple):
    """How an image is changed.

    `window` is the part to cut out, (x, y, width, height) in units of the
    image's sides; it may reach beyond the image. The colour channels are
    multiplied by `colors`.
    """
    window: Tuple[float, float, float, float]
    colors: Tuple[float, float, float]


def draw_changes(lot: numpy.ndarray, window: Tuple[float, float],
                 colors: float) -> Iterator[Change]:
    """Changes of images, from random numbers.

    Parameters
    ----------
    lot : ndarray, shape (7, n)
        Uniform random numbers in [0, 1).
    window : (float, float)
        The least and the largest side of a window, in units of the image's.
        A window that is smaller lies within the image, a larger one has the
        image within it.
    colors : float
        By what share a channel may become brighter or darker.

    Yields
    ------
    Change
        One for each of the n images.
    """
    size = window[0] + (window[1] - window[0]) * lot[:2]
    corner = lot[2:4] * (1 - size)
    factors = 1 + colors * (2 * lot[4:] - 1)
    for cut, channels in zip(numpy.concatenate((corner, size)).T.tolist(),
                             factors.T.tolist()):
        yield Change(tuple(cut), tuple(channels))


def change_image(image: Image.Image, label: numpy.ndarray, change: Change
                 ) -> Tuple[Image.Image, numpy.ndarray]:
    """Cut out a window, and change its colours.

    Parameters
    ----------
    image : Image
        RGB.
    label : ndarray, shape (m, 5)
        Rows as `label_rows` gives them.
    change : Change
        What to do.

    Returns
    -------
    image : Image
        The window.
    label : ndarray, shape (m, 5)
        As from `cut_window`.
    """
    x, y, width, height = change.window
    left, top = round(x * image.width), round(y * image.height)
    size = (max(1, round(width * image.width)),
            max(1, round(height * image.height)))
    # Boxes follow the pixels, which are whole.
    window = (left / image.width, top / image.height,
              size[0] / image.width, size[1] / image.height)
    part = Image.new('RGB', size, GRAY)
    part.paste(image, (-left, -top))
    table = [min(255, round(value * factor)) for factor in change.colors
             for value in range(256)]
    return part.point(table), cut_window(label, window)


def cut_window(label: numpy.ndarray,
               window: Tuple[float, float, float, float]) -> numpy.ndarray:
    """Ground truth of a part of an image.

    Parameters
    ----------
    label : ndarray, shape (m, 5)
        Rows as `label_rows` gives them.
    window : (float, float, float, float)
        As in `Change`.

    Returns
    -------
    ndarray, shape (m, 5)
        Boxes clipped to the window, in units of its sides. An object whose
        centre is outside becomes a difficult one: it need not be found, but
        is no background. Of one that is outside as a whole nothing is left.
    """
    x, y, width, height = window
    label = label.copy()
    boxes = (label[:, 1:] - [x, y, x, y]) / [width, height, width, height]
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    label[:, 1:] = boxes.clip(0, 1)
    outside = ((centers < 0) | (centers > 1)).any(axis=1)
    cut = outside & (label[:, 0] >= 0)
    label[cut, 0] = -2 - label[cut, 0]
    gone = (label[:, 3:] - label[:, 1:3] < SMALLEST).any(axis=1)
    label[gone | (label[:, 0] == -1)] = -1
    return label

"""Detection data, of Pascal VOC's kind or another, decoded when asked for.

Alphabet of shapes: H x W pixels, m ground truth rows an image.
"""
from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Optional, Sequence, Tuple, Union

import numpy
from mxnet import gluon
from PIL import Image

from ..errors import DatasetError, DatasetWarning, some_of
from .annotations import VOCObject
from .augmentation import change_image
from .checks import describe_problems, inspect_picture
from .folders import test_mode
from .layouts import Layout, find_layout
from .pictures import read_picture, resized
from .splits import (
    choose_classes,
    choose_split,
    explain_missing,
    look_alikes,
    shown_classes,
)

__all__ = ['VOCDetection', 'flip_left_right', 'label_rows']


def label_rows(objects: Sequence[VOCObject], classes: Sequence[str],
               size: Tuple[int, int], num_rows: int) -> numpy.ndarray:
    """Ground truth of an image as rows of numbers.

    Parameters
    ----------
    objects : sequence of VOCObject
        Of one image.
    classes : sequence of str
        Class 0 is the first.
    size : (int, int)
        Width and height of the image in pixels.
    num_rows : int
        Number of rows m, at least that of the objects.

    Returns
    -------
    ndarray, shape (m, 5), float32
        Rows (class, x1, y1, x2, y2), corner boxes in units of the image's
        sides and clipped to it. Difficult objects come last and have the
        class -2 - c in place of c. Rows without an object are -1 throughout.
    """
    rows = numpy.full((num_rows, 5), -1, numpy.float32)
    for row, item in zip(rows, sorted(objects, key=lambda o: o.difficult)):
        number = classes.index(item.name)
        row[0] = -2 - number if item.difficult else number
        row[1:] = numpy.clip(numpy.divide(item.box, [*size, *size]), 0, 1)
    return rows


def flip_left_right(image: numpy.ndarray, label: numpy.ndarray
                    ) -> Tuple[numpy.ndarray, numpy.ndarray]:
    """Mirror an image and its boxes.

    Parameters
    ----------
    image : ndarray, shape (height, width, 3)
        Pixels.
    label : ndarray, shape (m, 5)
        Rows as `label_rows` gives them.

    Returns
    -------
    image, label : ndarray
        Copies, or views, of the same shapes; padding stays padding.
    """
    real, label = label[:, 0] != -1, label.copy()
    # The right edge becomes the left one.
    label[real, 1], label[real, 3] = 1 - label[real, 3], 1 - label[real, 1]
    return image[:, ::-1], label


class VOCDetection(gluon.data.Dataset):
    """Images with objects of the given classes, decoded when asked for.

    Item i is an image, uint8 of shape (height, width, 3), with its ground
    truth, float32 of shape (m, 5): rows (class, x1, y1, x2, y2), corner
    boxes in units of the image's sides, padded to the m of the image that
    has most with rows of -1. Difficult objects have a class below -1. Item
    (i, True) is the same, flipped left to right; (i, flip, change) is it
    after a `Change`.

    Lists tell which images are read, annotations what is on them: an image
    with flag 1 whose annotation has no such object is background, and one
    with another flag is not read, whatever is on it. Where no class has a
    list, images without any object are background, and those that show
    nothing but other, or difficult, objects are left out.

    Parameters
    ----------
    root : path or Layout
        A folder that `find_layout` knows, or what it found there.
    split : {'train', 'val', 'test'}
        Which images to read, as `choose_split` says.
    height, width : int
        Pixels to resize images to, whatever their shape was.
    classes : sequence of str, optional
        The objects to find, class 0 first; else as `choose_classes` says.
    strict : bool
        Whether to refuse a data set with broken files or boxes. Otherwise
        these are left out, with one warning that counts and names them.

    Attributes
    ----------
    names : list of str
        Names of the images, as they stand in the lists.
    objects : list of list of VOCObject
        Objects of each image, the difficult ones among them.
    note : str
        What a reader should know about the choice of the images, or ''.

    Raises
    ------
    DatasetError
        When annotations or a list are missing, or no image has such an
        object.
    """

    def __init__(self, root: Union[os.PathLike, Layout], split: str,
                 height: int, width: int,
                 classes: Optional[Sequence[str]] = None,
                 strict: bool = False):
        layout = root if isinstance(root, Layout) else find_layout(root)
        self.root, self.split = layout.root, split
        if layout.broken:
            raise DatasetError(layout.broken[0])
        self.classes = choose_classes(layout, classes)
        self.size = height, width
        names, by_class, self.note = choose_split(layout, split,
                                                  self.classes)
        if test_mode():
            names = names[:test_mode()]
        inspected = [inspect_picture(layout.sources[name]) for name in names]
        usable = [picture for picture, _ in inspected if picture]
        problems = [p for _, found in inspected for p in found]
        if problems and (strict or not usable):
            raise DatasetError(f'{self.root}: {describe_problems(problems)}')
        if problems:
            self._warn(describe_problems(problems))
        self._pictures = [picture for picture in usable
                          if by_class or self._wanted(picture.objects)]
        self.names = [picture.name for picture in self._pictures]
        self.objects = [[item for item in picture.objects
                         if item.name in self.classes]
                        for picture in self._pictures]
        self.max_objects = max([1, *map(len, self.objects)])
        self._check_classes(layout, by_class, {
            item.name for picture in usable for item in picture.objects})

    def _check_classes(self, layout, by_class, annotated):
        """Tell of classes that are not there, or look like another one."""
        seen = {item.name for objects in self.objects for item in objects}
        if not self.names or not (seen or by_class or test_mode()):
            raise DatasetError(self._nothing(layout))
        alike = look_alikes(self.classes, sorted(annotated))
        for name, others in alike.items():
            for other in others:
                self._warn(f'{name!r} and {other!r} are both annotated: are '
                           'they two classes?', 4)
        missing = sorted(set(self.classes) - seen)
        if missing and not test_mode():
            shown = shown_classes(layout)
            for name in missing:
                reason = ('' if name in shown else
                          f'; {explain_missing(name, shown)}')
                self._warn(f'no picture of {self.split} shows a '
                           f'{name}{reason}.', 4)

    def _wanted(self, objects):
        return not objects or any(
            item.name in self.classes and not item.difficult
            for item in objects)

    def _nothing(self, layout):
        shown = shown_classes(layout)
        reasons = [explain_missing(name, shown) for name in self.classes
                   if name not in shown]
        reasons += [f'there is no list {name}_{self.split}.txt'
                    for name in self.classes if layout.class_lists
                    and (name, self.split) not in layout.class_lists]
        there = some_of(f'{count} {name}' for name, count
                        in sorted(shown.items())) or 'nothing'
        return (f'{self.root}: no picture of {self.split} shows '
                f'{some_of(self.classes)}; '
                + ''.join(f'{reason}; ' for reason in reasons[:8])
                + f'what is annotated in all: {there}.')

    def _warn(self, message, depth=3):
        # At the line that asked for the data set.
        warnings.warn(f'{self.root}: {message}', DatasetWarning,
                      stacklevel=depth)

    def __len__(self) -> int:
        return len(self.names)

    def image_path(self, index: int) -> Path:
        """File of an image."""
        return Path(self._pictures[index].path)

    def image_size(self, index: int) -> Tuple[int, int]:
        """Width and height of an image in pixels, without decoding it."""
        return self._pictures[index].size

    def read_image(self, index: int) -> Image.Image:
        """Decode an image in its own size, as RGB.

        Raises
        ------
        DatasetError
            When the file is missing or is no picture.
        """
        picture = self._pictures[index]
        return read_picture(picture.path, picture.turn)

    def __getitem__(self, item):
        index, flip, *changes = (item if isinstance(item, tuple) else
                                 (item, False))
        image = self.read_image(index)
        # Of the picture itself: annotations are at times wrong about it.
        label = label_rows(self.objects[index], self.classes,
                           image.size, self.max_objects)
        for change in changes:
            image, label = change_image(image, label, change)
        image = resized(image, self.size)
        return flip_left_right(image, label) if flip else (image, label)

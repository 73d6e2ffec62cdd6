"""What is wrong with pictures and annotations, and what can still be used.

Data sets in the wild have broken files. A picture that can't be used is left
out, and so is a box; each time somebody is told.
"""
from __future__ import annotations

import os
import sys
from collections import Counter
from typing import List, NamedTuple, Optional, Sequence, Tuple, Union

from PIL import ExifTags

from ..errors import DatasetError
from .annotations import VOCObject, annotated_size, read_annotation
from .pictures import SUFFIXES, open_picture

__all__ = ['Picture', 'Problem', 'describe_problems', 'inspect_picture']

# Bytes at the end of a JPEG in which its end mark is looked for: cameras and
# programs may write a little more after it.
TAIL, END_OF_JPEG = 1024, b'\xff\xd9'
# EXIF orientations that exchange width and height.
LYING = (5, 6, 7, 8)
# So many problems are told one by one.
MAX_TOLD = 8


class Picture(NamedTuple):
    """A picture that can be used, and what is on it.

    `path` is its file, and `turn` whether it is to be turned as its EXIF
    data say; `size` is its width and height in pixels then. `objects` have
    boxes with some area inside of the picture.
    """
    name: str
    path: str
    turn: bool
    size: Tuple[int, int]
    objects: List[VOCObject]


class Problem(NamedTuple):
    """One thing that is wrong.

    `what` names the file; `lost` is 'picture' or 'box', or '' for what
    could be mended.
    """
    what: str
    lost: str


def inspect_picture(root: Union[str, os.PathLike], name: str
                    ) -> Tuple[Optional[Picture], List[Problem]]:
    """Look at a picture of a data set without decoding it.

    Parameters
    ----------
    root
        Folder with `JPEGImages` and `Annotations`.
    name : str
        As it stands in a list.

    Returns
    -------
    picture : Picture or None
        None where it can't be used: picture or annotation are missing or
        can't be read.
    problems : list of Problem
        All that is wrong with it. A box that lies outside of the picture,
        or is no more than a pixel wide or high, is lost; corners in the
        wrong order are exchanged.
    """
    # Paths as text, for one is kept of each picture, and a Path is larger.
    annotation = os.path.join(root, 'Annotations', f'{name}.xml')
    try:
        path = _find_picture(root, name)
        objects = read_annotation(annotation)
        stored, shown = open_picture(path, _sizes)
        _check_end(path)
    except DatasetError as error:
        return None, [Problem(str(error), 'picture')]
    # Boxes are those of the picture as it is shown, unless the annotation's
    # size is that of the pixels as they are stored, and of no other.
    turn = shown == stored or annotated_size(annotation) != stored
    size = shown if turn else stored
    usable, problems = [], []
    for item in objects:
        box, what, lost = _usable_box(item.box, size)
        if what:
            x1, y1, x2, y2 = item.box
            corners = ', '.join(f'{side:g}' for side in (
                x1 + 1, y1 + 1, x2, y2))   # as they stand in the file
            problems.append(Problem(
                f'{annotation}: the box of a {item.name} ({corners}) {what}.',
                lost))
        if not lost:
            # Thousands of objects share a few names.
            usable.append(item._replace(name=sys.intern(item.name), box=box))
    return Picture(name, path, turn, size, usable), problems


def _find_picture(root, name):
    folder = os.path.join(root, 'JPEGImages')
    if not name or os.path.isabs(name) or '..' in name.split('/'):
        raise DatasetError(f'{folder}: {name!r} is no name of a picture in '
                           'this folder.')
    for suffix in SUFFIXES:
        for file in (f'{name}{suffix}', f'{name}{suffix.upper()}'):
            path = os.path.join(folder, file)
            if os.path.isfile(path):   # False for an impossible name, too
                return path
    raise DatasetError(f'{os.path.join(folder, name)}.jpg: there is no such '
                       'picture.')


def _sizes(image):
    """Width and height as stored, and as shown: turned as EXIF data say."""
    lying = image.getexif().get(ExifTags.Base.Orientation) in LYING
    return image.size, image.size[::-1] if lying else image.size


def _check_end(path):
    """Find pictures that end too early, of which a JPEG's size tells nothing.

    Decoding all of them would take a hundred times as long.
    """
    with open(path, 'rb') as file:
        is_jpeg = file.read(2) == b'\xff\xd8'
        file.seek(-min(TAIL, file.seek(0, os.SEEK_END)), os.SEEK_END)
        if is_jpeg and END_OF_JPEG in file.read():
            return
    open_picture(path, lambda image: image.load())


def _usable_box(box, size):
    """The box, what is wrong with it, and what is lost."""
    x1, y1, x2, y2 = box
    # In the file a right side may equal the left one: one pixel wide.
    mended = (min(x1, x2 - 1), min(y1, y2 - 1),
              max(x2, x1 + 1), max(y2, y1 + 1))
    x1, y1, x2, y2 = mended
    width = min(x2, size[0]) - max(x1, 0)
    height = min(y2, size[1]) - max(y1, 0)
    if width <= 0 or height <= 0:
        return box, 'lies outside of the picture', 'box'
    if x2 - x1 <= 1 or y2 - y1 <= 1:
        return box, 'is a point or a line', 'box'
    if mended != box:
        return mended, 'has its corners in the wrong order', ''
    return box, '', ''


def describe_problems(problems: Sequence[Problem]) -> str:
    """Count problems, and tell the first ones; what is lost comes first."""
    kinds = {'picture': 'pictures left out', 'box': 'boxes left out',
             '': 'boxes mended'}
    counts = Counter(p.lost for p in problems)
    summary = ', '.join(f'{kinds[lost]}: {counts[lost]}' for lost in kinds
                        if counts[lost])
    ordered = sorted(problems, key=lambda p: list(kinds).index(p.lost))
    lines = [f'  {p.what}' for p in ordered[:MAX_TOLD]]
    if len(ordered) > MAX_TOLD:
        lines.append(f'  and {len(ordered) - MAX_TOLD} more; `make '
                     'check-data` tells them all')
    return '\n'.join([summary, *lines])

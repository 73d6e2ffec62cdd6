"""What is wrong with pictures and annotations, and what can still be used.

Data sets in the wild have broken files. A picture that can't be used is left
out, and so is a box; each time somebody is told.
"""
from __future__ import annotations

import os
import sys
import unicodedata
from collections import Counter
from typing import List, NamedTuple, Optional, Sequence, Tuple

from PIL import ExifTags

from ..errors import DatasetError
from .annotations import VOCObject
from .pictures import open_picture
from .sources import Source, content_of

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

    `what` names the file; `lost` is 'picture' or 'box', '' for what could
    be mended, or 'doubt' for what may be wrong and is used as it is.
    """
    what: str
    lost: str


def inspect_picture(source: Source
                    ) -> Tuple[Optional[Picture], List[Problem]]:
    """Look at a picture of a data set without decoding it.

    Parameters
    ----------
    source : Source
        The picture and its annotation.

    Returns
    -------
    picture : Picture or None
        None where it can't be used: picture or annotation are missing or
        can't be read.
    problems : list of Problem
        All that is wrong with it. A box that lies outside of the picture,
        or is no more than a pixel wide or high, is lost; corners in the
        wrong order are exchanged, and shares of the sides are made pixels.
    """
    where = source.annotation
    try:
        if not source.picture:
            raise DatasetError(f'{source.name!r} is no name of a picture in '
                               'this data set.')
        stored, shown = open_picture(source.picture, _sizes)
        objects, faults, annotated = content_of(source)
        _check_end(source.picture)
    except DatasetError as error:
        return None, [Problem(str(error), 'picture')]
    # Boxes are those of the picture as it is shown, unless the annotation's
    # size is that of the pixels as they are stored, and of no other.
    turn = shown == stored or annotated != stored
    size = shown if turn else stored
    usable, problems = [], [
        Problem(f'{where}: {fault}.', 'box') for fault in faults]
    if annotated and min(annotated) > 0 and annotated != size:
        problems.append(Problem(
            f'{where}: gives the size {annotated[0]} x {annotated[1]}, but '
            f'{source.picture} has {size[0]} x {size[1]}: are the boxes '
            'those of another size?', 'doubt'))
    for item in objects:
        box, what, lost = _usable_box(item.box, size)
        if what:
            problems.append(Problem(f'{where}: the box of a {item.name} '
                                    f'({_as_written(item.box)}) {what}.',
                                    lost))
        if lost != 'box':
            # Thousands of objects share a few names.
            name = sys.intern(unicodedata.normalize('NFC', item.name))
            usable.append(item._replace(name=name, box=box))
    return Picture(source.name, source.picture, turn, size,
                   usable), problems


def _as_written(box):
    """The corners as they stand in a file of Pascal VOC."""
    x1, y1, x2, y2 = box
    return ', '.join(f'{side:g}' for side in (x1 + 1, y1 + 1, x2, y2))


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
    shares = _shares(box)
    if shares:
        box = tuple(share * side for share, side in zip(shares, size * 2))
        return box, 'has shares of the sides for corners, not pixels', ''
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


def _shares(box):
    """The corners if they are from 0 to 1, as shares of the sides are.

    Pascal VOC counts pixels from 1, of which the reader took 1 away.
    """
    x1, y1, x2, y2 = box
    x1, y1 = (side + 1 if side < 0 else side for side in (x1, y1))
    between = 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1
    whole = all(side in (0, 1) for side in (x1, y1, x2, y2))
    return (x1, y1, x2, y2) if between and not whole else None


def describe_problems(problems: Sequence[Problem]) -> str:
    """Count problems, and tell the first ones; what is lost comes first."""
    kinds = {'picture': 'pictures left out', 'box': 'boxes left out',
             '': 'boxes mended', 'doubt': 'annotations in doubt'}
    counts = Counter(p.lost for p in problems)
    summary = ', '.join(f'{kinds[lost]}: {counts[lost]}' for lost in kinds
                        if counts[lost])
    ordered = sorted(problems, key=lambda p: list(kinds).index(p.lost))
    lines = [f'  {p.what}' for p in ordered[:MAX_TOLD]]
    if len(ordered) > MAX_TOLD:
        lines.append(f'  and {len(ordered) - MAX_TOLD} more; `make '
                     'check-data` tells them all')
    return '\n'.join([summary, *lines])

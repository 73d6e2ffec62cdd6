"""Annotations in COCO's JSON, one file for many pictures."""
from __future__ import annotations

import json
import math
import os
import unicodedata
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, List, Sequence

from pycocotools.coco import COCO

from ..errors import DatasetError
from .annotations import Content, VOCObject
from .sources import Source

__all__ = ['find_coco', 'read_coco']

PARTS = {'images', 'annotations', 'categories'}


def find_coco(root: Path, names: Sequence[str]) -> List[str]:
    """Those of some JSON files that hold objects in COCO's format.

    Parameters
    ----------
    root : pathlib.Path
        The folder of the data set.
    names : sequence of str
        Paths relative to it.

    Returns
    -------
    list of str
        Those whose names begin with "instances" only, if there are any:
        COCO has files with captions and with key points beside them.

    Raises
    ------
    DatasetError
        When a file that should be one is no JSON.
    """
    instances = [name for name in names
                 if os.path.basename(name).startswith('instances')]
    return [name for name in instances or names
            if PARTS <= set(_load(root / name))]


def _load(path) -> Any:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f'{path}: not JSON ({error}).') from error
    return content if isinstance(content, dict) else {}


def read_coco(root: Path, name: str, pictures: Sequence[str]
              ) -> List[Source]:
    """Read the pictures of a file and their objects.

    Parameters
    ----------
    root : pathlib.Path
        The folder of the data set.
    name : str
        The file, relative to it.
    pictures : sequence of str
        The pictures that the data set has, relative to it.

    Returns
    -------
    list of Source
        In the order of the file. Crowds are difficult objects.

    Raises
    ------
    DatasetError
        When the file is not in COCO's format.
    """
    path, coco = root / name, COCO()
    coco.dataset = _load(path)
    find = _Finder(os.path.dirname(name), pictures)
    try:
        with redirect_stdout(StringIO()):   # its progress notes
            coco.createIndex()
        sources = []
        for number, image in coco.imgs.items():
            asked = str(image['file_name'])
            found = find(asked)
            sources.append(Source(
                os.path.splitext(found or asked)[0],
                str(root / (found or asked)), str(path),
                _content(coco, coco.imgToAnns[number], image)))
        return sources
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(f'{path}: not in COCO\'s format ({error!r}).'
                           ) from error


def _content(coco, rows, image):
    objects, faults = [], []
    for row in rows:
        try:
            x, y, width, height = map(float, row['bbox'])
            if not math.isfinite(x + y + width + height):
                raise ValueError('not finite')
            objects.append(VOCObject(
                str(coco.cats[row['category_id']]['name']).strip(),
                (x, y, x + width, y + height), bool(row.get('iscrowd'))))
        except (KeyError, TypeError, ValueError):
            faults.append(f'annotation {row["id"]} has no bbox of four '
                          'numbers, or a category that is not listed')
    size = image.get('width'), image.get('height')
    numbers = all(isinstance(side, (int, float)) for side in size)
    return Content(objects, faults, size if numbers else None)


class _Finder:
    """Finds pictures by what a file calls them.

    That may be a path on the computer where they were annotated. The
    picture is the one whose path agrees with it in most parts, from the
    end; among equals the one that is nearest to the JSON file.
    """

    def __init__(self, folder, pictures):
        def near(picture):
            return _agreeing(picture.split(os.sep), parts_of_folder)

        parts_of_folder, self._by_end = folder.split(os.sep), {}
        for picture in pictures:
            for end in _ends(picture):
                other = self._by_end.setdefault(end, picture)
                if other is not picture and near(picture) > near(other):
                    self._by_end[end] = picture

    def __call__(self, asked):
        return next((self._by_end[end] for end in _ends(asked)
                     if end in self._by_end), None)


def _ends(path):
    """a/b/c, b/c and c."""
    parts = _plain(path)
    return ['/'.join(parts[start:]) for start in range(len(parts))]


def _plain(path):
    return unicodedata.normalize('NFC', path.replace('\\', '/')).split('/')


def _agreeing(some, others):
    """How many elements two sequences have in common from the start."""
    count = 0
    for one, other in zip(some, others):
        if one != other:
            break
        count += 1
    return count

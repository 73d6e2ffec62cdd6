"""Files of a data set in the layout of Pascal VOC: objects and lists."""
from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, Callable, List, NamedTuple, Optional, Tuple

from defusedxml import DefusedXmlException, ElementTree

from ..errors import DatasetError

__all__ = ['VOCObject', 'annotated_size', 'read_annotation', 'read_list']


class VOCObject(NamedTuple):
    """One object of an annotation.

    `box` is the corner box (x1, y1, x2, y2) in pixels counted from 0, so
    that the box is (x2 - x1) pixels wide; VOC's xmin = xmax = 1, the first
    pixel, reads as x1 = 0, x2 = 1. `difficult` objects are not trained on,
    and an evaluation neither asks for them nor minds them.
    """
    name: str
    box: Tuple[float, float, float, float]
    difficult: bool


def read_annotation(path: os.PathLike) -> List[VOCObject]:
    """Read the objects of one XML file.

    Parameters
    ----------
    path
        A file of the folder `Annotations`.

    Returns
    -------
    list of VOCObject
        In the order of the file; empty when it has no object.

    Raises
    ------
    DatasetError
        When the file is missing, is not XML or lacks part of a box.
    """
    return open_annotation(path, lambda root: [
        _read_object(node) for node in root.iter('object')])


def open_annotation(path: os.PathLike, read: Callable) -> Any:
    """What `read` makes of an annotation; a clear error if it is none."""
    try:
        root = ElementTree.parse(path).getroot()
    except FileNotFoundError:
        raise DatasetError(f'{path}: there is no such annotation.') from None
    except (ElementTree.ParseError, DefusedXmlException, LookupError,
            OSError, ValueError) as error:
        raise DatasetError(f'{path}: not an XML annotation ({error}).'
                           ) from error
    try:
        return read(root)
    except (AttributeError, TypeError, ValueError) as error:
        raise DatasetError(
            f'{path}: an object needs a <name> and a <bndbox> with the '
            'numbers <xmin>, <ymin>, <xmax> and <ymax>.') from error


def _read_object(node):
    box = node.find('bndbox')
    xmin, ymin, xmax, ymax = (
        float(box.find(tag).text) for tag in ('xmin', 'ymin', 'xmax',
                                              'ymax'))
    if not math.isfinite(xmin + ymin + xmax + ymax):
        raise ValueError('not finite')
    return VOCObject(
        node.find('name').text.strip(), (xmin - 1, ymin - 1, xmax, ymax),
        (node.findtext('difficult') or '').strip() == '1')


def annotated_size(path: os.PathLike) -> Optional[Tuple[int, int]]:
    """Width and height that an annotation gives; None if it gives none.

    They are often wrong, and serve only to tell whether a picture that its
    EXIF data turn was annotated before that or after.
    """
    return open_annotation(path, _size)


def _size(root):
    try:
        return tuple(int(root.find(f'size/{tag}').text)
                     for tag in ('width', 'height'))
    except (AttributeError, TypeError, ValueError):
        return None


def read_list(path: Path) -> List[str]:
    """Names in a list: those with flag 1, or all of a list without flags.

    Parameters
    ----------
    path
        A file of the folder `ImageSets/Main`, rows "name flag" or "name".

    Returns
    -------
    list of str
        In the order of the file. Names may have blanks in them.

    Raises
    ------
    DatasetError
        When the file is missing, or is no text in UTF-8.
    """
    return [name for name, flag in read_flags(path) if flag == '1']


def read_flags(path: Path) -> List[Tuple[str, str]]:
    """Names in a list with their flags, as `read_list` reads it.

    The flag of a class is '1' where a picture shows an object of it, '0'
    where all such objects are difficult, '-1' where there is none; it is
    '1', too, where a list gives none.
    """
    try:
        text = path.read_text(encoding='utf-8-sig')
    except FileNotFoundError:
        raise DatasetError(
            f'{path}: there is no such list. A data set needs one for each '
            'class and split, with rows "name flag".') from None
    except (OSError, UnicodeError) as error:
        raise DatasetError(f'{path}: not a list in UTF-8 ({error}).'
                           ) from error
    rows = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, flag = (*line.rsplit(maxsplit=1), '')[:2]
        # No flag: all of it is a name.
        rows.append((name, flag) if flag in ('-1', '0', '1') else
                    (line, '1'))
    return rows

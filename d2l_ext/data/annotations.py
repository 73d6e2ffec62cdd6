"""Files of a data set in the layout of Pascal VOC: objects and lists."""
from __future__ import annotations

import math
import os
from pathlib import Path
from typing import (
    Any,
    Callable,
    Container,
    List,
    NamedTuple,
    Optional,
    Tuple,
)

from defusedxml import DefusedXmlException, ElementTree

from ..errors import DatasetError

__all__ = ['Content', 'VOCObject', 'read_annotation', 'read_content',
           'read_list']


class VOCObject(NamedTuple):
    """One object of an annotation.

    `box` is the corner box (x1, y1, x2, y2) in pixels counted from 0, so
    that the box is (x2 - x1) pixels wide; VOC's xmin = xmax = 1, the first
    pixel, reads as x1 = 0, x2 = 1. `difficult` objects are neither objects
    nor background in training, and an evaluation neither asks for them nor
    minds them.
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


class Content(NamedTuple):
    """What an annotation tells of a picture.

    `faults` are sentences about objects that cannot be read; `size` is the
    width and height that the annotation gives, None if it gives none.
    """
    objects: List[VOCObject]
    faults: List[str]
    size: Optional[Tuple[int, int]]


def read_content(path: os.PathLike) -> Content:
    """Read the objects that can be read, and say which ones cannot.

    Parameters
    ----------
    path
        As for `read_annotation`.

    Returns
    -------
    Content
        With objects in the order of the file.

    Raises
    ------
    DatasetError
        As `read_annotation` does; for objects that cannot be read only when
        there is no other one.
    """
    return open_annotation(path, _content)


def _content(root):
    objects, faults = [], []
    for number, node in enumerate(root.iter('object'), 1):
        try:
            item = _read_object(node)
            if not item.name:
                raise ValueError('no name')
        except (AttributeError, TypeError, ValueError) as error:
            faults.append((number, error))
        else:
            objects.append(item)
    if faults and not objects:
        raise faults[0][1]
    return Content(objects, [
        f'object {number} has no name, or no box of four numbers'
        for number, _ in faults], _size(root))


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


def _size(root):
    """Often wrong: it serves to tell what boxes refer to, and to doubt."""
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


def read_flags(path: Path, known: Container[str] = ()
               ) -> List[Tuple[str, str]]:
    """Names in a list with their flags, as `read_list` reads it.

    The flag of a class is '1' where a picture shows an object of it, '0'
    where all such objects are difficult, '-1' where there is none; it is
    '1', too, where a list gives none. A row "cat 1" may also be the name
    of a picture: it is taken as such if there is one of this name in
    `known`, unless all rows of the list end with a flag and `known` has
    their names without it.
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
    lines = list(filter(None, map(str.strip, text.splitlines())))
    rows = [_name_and_flag(line) for line in lines]
    if all(flag and name in known for name, flag in rows):
        return rows
    return [(line, '1') if line in known or not flag else (name, flag)
            for line, (name, flag) in zip(lines, rows)]


def _name_and_flag(line):
    name, flag = (*line.rsplit(maxsplit=1), '')[:2]
    return (name, flag) if flag in ('-1', '0', '1') else (line, '')

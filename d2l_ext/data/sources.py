"""Where a picture of a data set is, and what tells of its objects."""
from __future__ import annotations

from typing import List, NamedTuple, Optional, Tuple

from .annotations import VOCObject, annotated_size, read_usable_objects

__all__ = ['Content', 'Source', 'read_content']


class Content(NamedTuple):
    """What an annotation tells of a picture.

    `faults` are sentences about objects that cannot be read; `size` is the
    width and height that the annotation gives, None if it gives none.
    """
    objects: List[VOCObject]
    faults: List[str]
    size: Optional[Tuple[int, int]]


class Source(NamedTuple):
    """A picture of a data set with its annotation.

    `picture` and `annotation` are files as text, for one is kept of each
    picture and a Path is larger; `picture` is empty for a name that leads
    out of the data set. `content` is None where `annotation` is an XML file
    that is still to be read.
    """
    name: str
    picture: str
    annotation: str
    content: Optional[Content] = None


def read_content(source: Source) -> Content:
    """What the annotation of a picture tells.

    Raises
    ------
    DatasetError
        When the annotation is missing or can't be read.
    """
    if source.content is not None:
        return source.content
    objects, faults = read_usable_objects(source.annotation)
    return Content(objects, faults, annotated_size(source.annotation))

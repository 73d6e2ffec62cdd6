"""Where a picture of a data set is, and what tells of its objects."""
from __future__ import annotations

from typing import NamedTuple, Optional

from .annotations import Content, read_content

__all__ = ['Source', 'content_of']


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


def content_of(source: Source) -> Content:
    """What the annotation of a picture tells.

    Parameters
    ----------
    source : Source
        The picture.

    Returns
    -------
    Content
        Its objects among other things.

    Raises
    ------
    DatasetError
        When the annotation is missing or can't be read.
    """
    if source.content is not None:
        return source.content
    return read_content(source.annotation)

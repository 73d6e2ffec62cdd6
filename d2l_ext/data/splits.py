"""Which pictures to train on, which to validate on, and which classes."""
from __future__ import annotations

import difflib
import hashlib
import os
import re
import unicodedata
from collections import Counter, defaultdict
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence

from ..errors import DatasetError
from .layouts import Layout
from .sources import content_of

__all__ = ['Split', 'choose_classes', 'choose_split', 'shown_classes']

# One picture in so many is kept to validate where a data set says nothing.
KEPT = 5
# The classes of Pascal VOC itself, of which the chapter takes two.
VOC_CLASSES = frozenset((
    'aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat',
    'chair', 'cow', 'diningtable', 'dog', 'horse', 'motorbike', 'person',
    'pottedplant', 'sheep', 'sofa', 'train', 'tvmonitor'))
CHAPTERS = ['cat', 'dog']


class Split(NamedTuple):
    """Names of pictures, in order.

    `by_class` tells whether they come from lists of the classes, so that
    each of them is wanted whatever is on it; `note` is what a reader should
    know about them, or ''.
    """
    names: List[str]
    by_class: bool
    note: str


def choose_split(layout: Layout, split: str, classes: Sequence[str]
                 ) -> Split:
    """Names of the pictures of a split.

    Parameters
    ----------
    layout : Layout
        The data set.
    split : {'train', 'val', 'test'}
        What they are for.
    classes : sequence of str
        The objects to find. Where each of them has a list, those are read,
        else the list of all classes.

    Returns
    -------
    Split
        Where there is none for training, all pictures that are in no other
        one; where there is none to validate on, the one for tests, or one
        in five of those for training, by their names alone.

    Raises
    ------
    DatasetError
        When there is no such split, and no stand-in for it.
    """
    def get(kind):
        """Names, and whether they come from lists of classes."""
        rows = [layout.class_lists.get((name, kind)) for name in classes]
        by_class = all(row is not None for row in rows)
        names = {name for row in rows if by_class for name in row}
        return ((sorted(names), True) if names else
                (sorted(set(layout.lists.get(kind, ()))), False))

    val, by_class = get('val')
    if split == 'val' and val:
        return Split(val, by_class, '')
    test, test_by_class = get('test')
    if test and split in ('val', 'test'):
        return Split(test, test_by_class, '' if split == 'test' else
                     'there are no pictures to validate on: those for tests '
                     'serve as such')
    train, by_class = get('train')
    complete = bool(val or test or by_class)
    if not train:
        pool, by_class = get('all')
        train = sorted(set(pool) - set(val) - set(test))
    if not train or split == 'test' or (split == 'val' and complete):
        raise DatasetError(_missing(layout, split, classes))
    if complete:
        return Split(train, by_class, '')
    kept = set(_one_in_five(train))
    return Split([name for name in train if (name in kept) ==
                  (split == 'val')], by_class,
                 f'nothing says which pictures to validate on: one in {KEPT}, '
                 'drawn by their names alone, is kept for that')


def _one_in_five(names):
    """The same on every machine."""
    drawn = sorted(names, key=lambda name: hashlib.sha1(
        os.fsencode(name)).digest())
    return drawn[:max(1, round(len(names) / KEPT))]


def _missing(layout, split, classes):
    if layout.class_lists:
        lists = ', '.join(f'{name}_{split}.txt' for name in classes
                          if (name, split) not in layout.class_lists)
        return (f'{layout.root}: there is neither a list {split}.txt nor '
                f'one of each class ({lists or "all are empty"}).')
    return (f'{layout.root}: there is no list {split}.txt, no folder {split}, '
            'nor anything else that says which pictures belong to it.')


def shown_classes(layout: Layout) -> Dict[str, int]:
    """How often the annotations show each class; broken ones don't count."""
    counts = Counter()
    for source in layout.sources.values():
        try:
            counts.update(unicodedata.normalize('NFC', item.name)
                          for item in content_of(source).objects)
        except DatasetError:
            continue
    return dict(counts)


def choose_classes(layout: Layout, asked: Optional[Sequence[str]] = None
                   ) -> List[str]:
    """The objects to find.

    Parameters
    ----------
    layout : Layout
        The data set.
    asked : sequence of str, optional
        What the caller names.

    Returns
    -------
    list of str
        What is asked for; else what the environment variable D2L_CLASSES
        names, with blanks or commas between; else the classes that have
        lists; else all that the annotations show. With the twenty lists of
        Pascal VOC itself, cat and dog.

    Raises
    ------
    DatasetError
        When no annotation shows any object.
    """
    named = list(asked or split_names(os.environ.get('D2L_CLASSES', '')))
    if named:
        return list(dict.fromkeys(unicodedata.normalize('NFC', name)
                                  for name in named))
    with_lists = {name for name, _ in layout.class_lists}
    if with_lists >= VOC_CLASSES:
        return CHAPTERS
    if with_lists:
        return sorted(with_lists)
    shown = sorted(shown_classes(layout))
    if not shown:
        raise DatasetError(f'{layout.root}: no annotation shows an object.')
    return shown


def split_names(text: str) -> List[str]:
    """Names with commas between them, or else with blanks."""
    names = text.split(',') if ',' in text else text.split()
    return list(filter(None, map(str.strip, names)))


def look_alikes(names: Iterable[str], others: Iterable[str]
                ) -> Dict[str, List[str]]:
    """Other names that differ in capitals or signs only: "Cat", "cat"."""
    def plain(text):
        return re.sub(r'[\W_]+', '', text).casefold()

    alike = defaultdict(list)
    for other in others:
        alike[plain(other)].append(other)
    return {name: [other for other in alike[plain(name)] if other != name]
            for name in names}


def explain_missing(name: str, shown: Dict[str, int]) -> str:
    """What a class that no annotation shows may have been meant to be."""
    alike = (look_alikes([name], shown)[name]
             or difflib.get_close_matches(name, shown))
    if alike:
        return (f'no annotation shows {name!r}, but some show '
                f'{" and ".join(map(repr, alike))}: names must be the same '
                'to the letter')
    return f'no annotation shows {name!r}'

"""Layouts of data sets: which picture goes with which annotation.

Tools export the same boxes into folders of many shapes. Here they all
become one thing, a `Layout`: pictures by their names, and lists of names.
"""
from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple, Union

from ..errors import DatasetError
from .annotations import read_flags
from .coco import find_coco, read_coco
from .folders import LISTS
from .pictures import SUFFIXES, walk
from .sources import Source

__all__ = ['Layout', 'find_layout']

# Folders that say what is in them, and nothing about the pictures.
NEUTRAL = {'jpegimages', 'images', 'image', 'imgs', 'img', 'pictures',
           'photos', 'annotations', 'annotation', 'annots', 'annot', 'labels',
           'label', 'xml', 'xmls', 'data'}
# What lists, folders and files of a split are called.
SPLITS = {'train': 'train', 'training': 'train', 'trainset': 'train',
          'val': 'val', 'valid': 'val', 'validation': 'val', 'dev': 'val',
          'test': 'test', 'testing': 'test', 'trainval': 'all',
          'default': 'all', 'all': 'all'}


class Layout(NamedTuple):
    """A data set, whatever the shape of its folders.

    `sources` has the pictures by their names. `lists` has, by split, the
    names in it; a split is 'train', 'val', 'test' or 'all'. `class_lists`
    has the names that show a class, by (class, split). `unannotated` are
    pictures that no annotation goes with, `broken` says which lists can't
    be read, and `kind` in a few words what the layout is.
    """
    root: Path
    kind: str
    sources: Dict[str, Source]
    lists: Dict[str, List[str]]
    class_lists: Dict[Tuple[str, str], List[str]]
    unannotated: List[str]
    broken: List[str]


def split_named(word: str) -> Optional[str]:
    """The split that a word such as 'valid' or 'train2017' stands for."""
    return SPLITS.get(word.lower().rstrip('0123456789_-'))


def find_layout(root: Union[str, os.PathLike]) -> Layout:
    """See which pictures, annotations and lists a folder has.

    Parameters
    ----------
    root
        A data set: annotations of Pascal VOC or of COCO, and pictures, in
        any folders below it.

    Returns
    -------
    Layout
        Nothing but names of files, lists and COCO's JSON has been read.

    Raises
    ------
    DatasetError
        When there is no annotation, or a COCO file can't be read.
    """
    root, files = Path(root), list(walk(root))
    pictures = _by_key(_below('JPEGImages', [
        name for name in files if _suffix(name) in SUFFIXES
        and not name.startswith('Segmentation')]))
    annotations = _below('Annotations', [
        name for name in files if _suffix(name) == '.xml'])
    if annotations or (root / 'Annotations').is_dir():
        return _voc_layout(root, pictures, annotations)
    paths = find_coco(root, [n for n in files if _suffix(n) == '.json'])
    if paths:
        return _coco_layout(root, paths, list(pictures.values()))
    raise DatasetError(f'{root}: there is no folder Annotations in it, no '
                       'other XML of Pascal VOC, and no JSON of COCO.'
                       f'{_hint(files)}')


def _suffix(name):
    return os.path.splitext(name)[1].lower()


def _hint(files):
    """What the folder seems to be instead."""
    if any(os.path.basename(name) in ('data.yaml', 'classes.txt', 'obj.names')
           for name in files):
        return (' It looks like an export for YOLO: export it once more as '
                'Pascal VOC or COCO.')
    if any(_suffix(name) == '.json' for name in files):
        return (' Its JSON files are of another kind: export it once more '
                'as Pascal VOC or COCO.')
    return ''


def _below(folder, names):
    """Those in a folder of VOC's, if there are any; else all."""
    return [name for name in names
            if name.startswith(folder + os.sep)] or names


def key_of(path: str) -> str:
    """A picture's name: its path without neutral folders and suffix.

    Names are compared as NFC: macOS takes letters with accents apart.
    """
    path = unicodedata.normalize('NFC', path.replace('\\', '/'))
    *folders, name = path.split('/')
    stem, suffix = os.path.splitext(name)
    if suffix.lower() not in (*SUFFIXES, '.xml'):
        stem = name
    return '/'.join([folder for folder in folders
                     if folder.lower() not in NEUTRAL and folder != '.']
                    + [stem])


def _by_key(names):
    """Pictures by key; of several that share one the first kind."""
    ordered = sorted(names, key=lambda name: SUFFIXES.index(_suffix(name)),
                     reverse=True)
    return {key_of(name): name for name in ordered}


def _voc_layout(root, pictures, annotations):
    sources, alone = {}, []
    for name in annotations:
        key = key_of(name)
        # Some tools write a.jpg.xml.
        key = key if key in pictures else key_of(key)
        if key in pictures and key not in sources:
            sources[key] = Source(key, str(root / pictures[key]),
                                  str(root / name))
        else:
            alone.append(name)
    left = _by_last_part(set(pictures) - set(sources))
    for name in alone:
        matches = left.get(key_of(name).rsplit('/')[-1], ())
        if len(matches) == 1:   # folders of other names
            key, = matches
            sources.setdefault(key, Source(key, str(root / pictures[key]),
                                           str(root / name)))
        else:
            key = key_of(name)
            sources.setdefault(key, Source(
                key, os.path.splitext(str(root / name))[0] + '.jpg',
                str(root / name)))
    unannotated = sorted(set(pictures) - set(sources))
    lists, class_lists, broken = _read_lists(root, sources)
    if not lists and not class_lists:
        lists = _folders_as_lists(sources)
    return Layout(root, 'XML of Pascal VOC', sources, lists, class_lists,
                  [pictures[key] for key in unannotated], broken)


def _by_last_part(keys):
    parts = defaultdict(list)
    for key in keys:
        parts[key.rsplit('/')[-1]].append(key)
    return parts


def _read_lists(root, sources):
    """Names by split, by class and split, and what can't be read."""
    lists, class_lists, broken = {}, {}, []
    for path in list_files(root):
        split = split_named(path.stem)
        kind, _, word = unicodedata.normalize('NFC', path.stem
                                              ).rpartition('_')
        try:
            rows = listed(path, root, sources)
        except DatasetError as error:
            broken.append(str(error))
            continue
        if split:
            # Annotations tell what is on a picture, whatever its flag.
            lists.setdefault(split, []).extend(name for name, _ in rows)
        elif kind and split_named(word):
            class_lists[kind, split_named(word)] = [
                name for name, flag in rows if flag == '1']
    return lists, class_lists, broken


def list_files(root: Path) -> List[Path]:
    """Files with names of pictures: VOC's, or else those of splits."""
    found = sorted((root / LISTS).glob('*.txt'))
    for folder in (root / 'ImageSets', root):
        found = found or [path for path in sorted(folder.glob('*.txt'))
                          if split_named(path.stem)]
    return found


def listed(path: Path, root: Path, sources: Dict[str, Source]
           ) -> List[Tuple[str, str]]:
    """Names and flags of a list; unknown names become sources of nothing.

    A name may have quotation marks, a suffix, or a neutral folder in front.
    """
    known = _Known(sources)
    rows = []
    for row, flag in read_flags(path, known):
        key = known.find(row)
        if key is None and row.startswith('#'):   # a comment
            continue
        if key is None:
            key, inside = row, not (os.path.isabs(row)
                                    or '..' in row.split('/'))
            sources[key] = Source(
                key, str(root / 'JPEGImages' / f'{row}.jpg') if inside
                else '', str(root / 'Annotations' / f'{row}.xml'))
        rows.append((key, flag))
    return rows


class _Known:
    """Names of pictures in all ways in which a list may write them."""

    def __init__(self, sources):
        self._sources = sources

    def find(self, row):
        plain = unicodedata.normalize('NFC', row.strip('"'))
        return next((key for key in (row, plain, key_of(plain))
                     if key in self._sources), None)

    def __contains__(self, row):
        return self.find(row) is not None


def _folders_as_lists(sources):
    """Lists that folders such as train and valid stand for."""
    lists = defaultdict(list)
    for key in sorted(sources):
        named = filter(None, map(split_named, key.split('/')[:-1]))
        lists[next(named, 'all')].append(key)
    return dict(lists)


def _coco_layout(root, paths, pictures):
    sources, lists = {}, defaultdict(list)
    for path in paths:
        *folders, stem = key_of(os.path.splitext(path)[0]).split('/')
        words = [*stem.replace('.', '_').replace('-', '_').split('_'),
                 *folders[::-1]]
        split = next(filter(None, map(split_named, words)), 'all')
        for source in read_coco(root, path, pictures):
            if source.name in sources:   # in two files
                source = source._replace(name=f'{source.name} ({path})')
            sources[source.name] = source
            lists[split].append(source.name)
    used = {source.picture for source in sources.values()}
    return Layout(root, 'JSON of COCO', sources, dict(lists), {},
                  [name for name in sorted(pictures)
                   if str(root / name) not in used], [])

"""Where a data set is: the folder that is named, downloaded or drawn."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Tuple, Union

from ..drawn.dataset import NUM_TEST, make_drawn_set
from ..errors import DatasetError
from .pictures import walk

__all__ = ['data_dir', 'test_mode', 'voc_dir']

VOC2012 = Path('VOCdevkit/VOC2012')
LISTS = Path('ImageSets/Main')


def data_dir() -> Path:
    """Folder of downloaded and drawn data.

    Returns
    -------
    pathlib.Path
        What the environment variable D2L_DATA_DIR names, else `../data`,
        where the book's `d2l.download` puts its files.
    """
    return Path(os.environ.get('D2L_DATA_DIR') or '../data')


def test_mode() -> int:
    """How many pictures D2L_TEST_MODE asks for in place of all, or 0.

    It is that number; 1, or a word, asks for one batch of the chapter's.
    """
    asked = os.environ.get('D2L_TEST_MODE') or '0'
    return int(asked) if asked.isdecimal() and asked != '1' else 32


def voc_dir() -> Tuple[Path, str]:
    """Find the data set to use, and draw it where there is none.

    Returns
    -------
    root : pathlib.Path
        The folder that D2L_VOC_DIR names, in any layout that `find_layout`
        knows; else the downloaded VOC2012; else the embedded set, which is
        drawn on first use.
    description : str
        What it is, in a few words.

    Raises
    ------
    DatasetError
        When D2L_VOC_DIR names a folder without annotations.
    """
    named = os.environ.get('D2L_VOC_DIR')
    if named:
        return find_root(named), 'the data set that D2L_VOC_DIR names'
    downloaded = data_dir() / VOC2012
    if (downloaded / LISTS).is_dir():
        return downloaded, 'Pascal VOC2012'
    return (make_drawn_set(data_dir(), num_test=NUM_TEST),
            'the embedded set of drawn pictures')


def at_home(path: Union[str, os.PathLike]) -> Path:
    """A path in which ~ stands for the home folder, if nothing is called so.

    Not every shell sees to it in `make detect IMAGES=~/pictures`.
    """
    path = Path(path)
    if path.exists():
        return path
    try:
        return path.expanduser()
    except RuntimeError:   # ~ and a name that nobody has
        return path


def find_root(folder: Union[str, os.PathLike]) -> Path:
    """The folder itself, or the devkit in it, whichever has the lists."""
    folder = at_home(folder)
    for candidate in (folder, folder / VOC2012, folder / VOC2012.name):
        if (candidate / LISTS).is_dir():
            return candidate
    if folder.is_file():
        raise DatasetError(f'{folder}: this is a file. If it is an archive, '
                           'unpack it, and name the folder.')
    inner = sorted(path.parents[1] for above in ('*', '*/*')
                   for path in folder.glob(f'{above}/{LISTS}'))
    if len(inner) == 1:
        return inner[0]
    if inner:
        raise DatasetError(
            f'{folder}: there are {len(inner)} data sets in it. Name one: '
            f'{", ".join(map(str, inner))}.')
    if any(name.lower().endswith(('.xml', '.json')) for name in walk(folder)):
        return folder
    raise DatasetError(
        f'{folder}: there is no folder {folder / LISTS}, and no annotation '
        'in any other. Name a folder with pictures and with annotations in '
        'XML of Pascal VOC or JSON of COCO, as docs/own-data.md says; '
        'without D2L_VOC_DIR the embedded set is used.')

"""Where a data set is: the folder that is named, downloaded or drawn."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Tuple

from ..drawn.dataset import make_drawn_set
from ..errors import DatasetError

__all__ = ['data_dir', 'test_mode', 'voc_dir']

VOC2012 = Path('VOCdevkit/VOC2012')


def data_dir() -> Path:
    """Folder of downloaded and drawn data.

    Returns
    -------
    pathlib.Path
        What the environment variable D2L_DATA_DIR names, else `../data`,
        where the book's `d2l.download` puts its files.
    """
    return Path(os.environ.get('D2L_DATA_DIR') or '../data')


def test_mode() -> bool:
    """Whether D2L_TEST_MODE asks for a few pictures in place of all."""
    return os.environ.get('D2L_TEST_MODE', '') not in ('', '0')


def voc_dir() -> Tuple[Path, str]:
    """Find the data set to use, and draw it where there is none.

    Returns
    -------
    root : pathlib.Path
        A folder with `JPEGImages`, `Annotations`, `ImageSets/Main`: the one
        that D2L_VOC_DIR names; else the downloaded VOC2012; else the
        embedded set, which is drawn on first use.
    description : str
        What it is, in a few words.

    Raises
    ------
    DatasetError
        When D2L_VOC_DIR names no such folder.
    """
    named = os.environ.get('D2L_VOC_DIR')
    if named:
        return find_root(Path(named)), 'the data set that D2L_VOC_DIR names'
    downloaded = data_dir() / VOC2012
    if (downloaded / 'ImageSets' / 'Main').is_dir():
        return downloaded, 'Pascal VOC2012'
    return make_drawn_set(data_dir()), 'the embedded set of drawn pictures'


def find_root(folder: Path) -> Path:
    """The folder itself, or the devkit in it, whichever has the lists."""
    for candidate in (folder, folder / VOC2012, folder / VOC2012.name):
        if (candidate / 'ImageSets' / 'Main').is_dir():
            return candidate
    raise DatasetError(
        f'{folder}: there is no folder {folder / "ImageSets" / "Main"}. Name '
        'a folder in VOC layout (JPEGImages, Annotations, ImageSets/Main); '
        'without D2L_VOC_DIR the embedded set is used.')


def check_folders(root):
    for name in ('JPEGImages', 'Annotations', 'ImageSets/Main'):
        if not (root / name).is_dir():
            raise DatasetError(
                f'{root}: there is no folder {name} in it. A data set in VOC '
                'layout has JPEGImages, Annotations and ImageSets/Main.')

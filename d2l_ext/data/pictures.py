"""Picture files of every kind, read as a viewer would show them."""
from __future__ import annotations

import os
import struct
from collections import defaultdict
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Tuple, Union

import numpy
from PIL import Image, ImageOps

from ..errors import DatasetError

try:
    from pillow_heif import register_heif_opener
except ImportError:   # a library that only some need
    register_heif_opener = None
else:
    register_heif_opener()

__all__ = ['find_pictures', 'list_pictures', 'read_picture']

# The first one that is there counts, where several pictures share a name.
SUFFIXES = ('.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.webp', '.bmp', '.gif',
            '.tif', '.tiff', '.avif', '.heic', '.heif', '.mpo', '.jp2',
            '.j2k', '.ppm', '.pgm', '.pbm', '.pnm', '.ico', '.psd', '.sgi',
            '.apng', '.dib')
# Pillow knows more, and would start Ghostscript to read PostScript.
FORMATS = ('JPEG', 'PNG', 'WEBP', 'BMP', 'GIF', 'TIFF', 'AVIF',
           'JPEG2000', 'PPM', 'ICO', 'PSD', 'SGI', 'DIB',
           *(['HEIF'] if register_heif_opener else []))
HEIF = ('.heic', '.heif')
# What lies beside pictures, by the endings of its names.
KINDS = {
    'HEIC pictures': HEIF,
    'raw pictures': ('.dng', '.cr2', '.cr3', '.nef', '.arw', '.raf', '.orf',
                     '.rw2', '.pef', '.srw', '.raw'),
    'videos': ('.mov', '.mp4', '.m4v', '.avi', '.mkv', '.webm', '.mpg',
               '.mpeg', '.3gp', '.mts', '.wmv'),
    'drawings and documents': ('.svg', '.eps', '.ps', '.ai', '.pdf', '.wmf',
                               '.emf'),
    'sidecars': ('.xmp', '.aae', '.thm', '.json', '.xml', '.txt', '.csv',
                 '.yaml', '.yml', '.db', '.ini'),
    'archives': ('.zip', '.tar', '.gz', '.7z', '.rar')}
HEIC_ADVICE = ('HEIC pictures are read once a library for them is installed: '
               '.venv/bin/pip install pillow-heif')
# What Pillow raises at one broken file or another, and at one that claims to
# have more pixels than any camera's (178 million).
BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError,
          TypeError, ArithmeticError, RuntimeError, struct.error,
          Image.DecompressionBombError)


def list_pictures(path: Union[str, os.PathLike]) -> List[Path]:
    """The pictures that a path stands for.

    Parameters
    ----------
    path
        A file, or a folder with files.

    Returns
    -------
    list of pathlib.Path
        The file itself, or the pictures in the folder and in the folders
        below it, in the order of their names, known by their suffix.

    Raises
    ------
    DatasetError
        When there is no such file or folder, or no picture in it.
    """
    return find_pictures(path)[0]


def find_pictures(path: Union[str, os.PathLike],
                  apart: Union[str, os.PathLike, None] = None
                  ) -> Tuple[List[Path], Dict[str, List[Path]]]:
    """The pictures that a path stands for, and what else is there.

    Parameters
    ----------
    path
        As for `list_pictures`.
    apart : path, optional
        A folder that is not looked into: that of the results.

    Returns
    -------
    pictures : list of pathlib.Path
        As `list_pictures` gives them.
    others : dict of list of pathlib.Path
        All other files by their kind, 'videos' for instance. Hidden ones
        are not among them.

    Raises
    ------
    DatasetError
        As `list_pictures` does.
    """
    path = Path(path)
    if path.is_file():
        return [path], {}
    if not path.is_dir():
        raise DatasetError(f'{path}: there is no such picture or folder.')
    pictures, others = [], defaultdict(list)
    for name in walk(path, apart):
        kind = kind_of(name)
        (pictures if kind == 'pictures' else others[kind]).append(path / name)
    if not pictures:
        there = ', '.join(f'{len(files)} {kind}' for kind, files
                          in others.items())
        but = f', but {there}' if there else ''
        advice = f' {HEIC_ADVICE}' if 'HEIC pictures' in others else ''
        raise DatasetError(
            f'{path}: there is no picture in this folder{but}.{advice}')
    return pictures, dict(others)


def kind_of(name: str) -> str:
    """'pictures' for a file that can be read, else what its suffix says."""
    suffix = os.path.splitext(name)[1].lower()
    if suffix in SUFFIXES and (suffix not in HEIF or register_heif_opener):
        return 'pictures'
    return next((kind for kind, suffixes in KINDS.items()
                 if suffix in suffixes), 'other files')


def walk(folder: Union[str, os.PathLike],
         apart: Union[str, os.PathLike, None] = None) -> Iterator[str]:
    """Names of the files below a folder, sorted, relative to the folder.

    Hidden files and folders are left out, and what macOS adds to archives.
    A folder that links lead to twice is gone through once.
    """
    seen = {os.path.realpath(apart)} if apart else set()
    for here, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not (
            name.startswith('.') or name == '__MACOSX'))
        below = os.path.relpath(here, folder)
        for name in sorted(files):
            if not name.startswith('.'):
                yield os.path.normpath(os.path.join(below, name))


def open_picture(path: Union[str, os.PathLike], read: Callable):
    """What `read` makes of a picture; a clear error if it is none."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            return read(image)
    except FileNotFoundError:
        raise DatasetError(f'{path}: there is no such picture.') from None
    except BROKEN as error:
        raise DatasetError(f'{path}: not a picture that can be read '
                           f'({error}).') from error


def read_picture(path: Union[str, os.PathLike], turn: bool = True
                 ) -> Image.Image:
    """Read a picture as a viewer would show it.

    Parameters
    ----------
    path
        JPEG, PNG, WEBP, BMP, GIF, TIFF, AVIF or another of `FORMATS`,
        whatever its suffix; of a moving picture the first frame.
    turn : bool
        Whether to turn it as its EXIF data say.

    Returns
    -------
    PIL.Image.Image
        RGB; of 16 bits the upper eight.

    Raises
    ------
    DatasetError
        When the file is missing or is no picture.
    """
    return open_picture(path, lambda image: _rgb(
        ImageOps.exif_transpose(image) if turn else image))


def _rgb(image):
    if image.mode.startswith('I'):   # 16 bits; Pillow would clip at 255
        upper = numpy.asarray(image).astype('int64') >> 8
        image = Image.fromarray(upper.clip(0, 255).astype('uint8'))
    elif 'transparency' in image.info:
        image = image.convert('RGBA')
    return image.convert('RGB')


def resized(image: Image.Image, size: Tuple[int, int]) -> numpy.ndarray:
    """Pixels, uint8 (height, width, 3), of a picture of any other size."""
    height, width = size
    return numpy.asarray(image.resize((width, height),
                                      Image.Resampling.BILINEAR))

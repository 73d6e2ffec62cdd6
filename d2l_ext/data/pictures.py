"""Picture files of every kind, read as a viewer would show them."""
from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Callable, List, Tuple, Union

import numpy
from PIL import Image, ImageOps

from ..errors import DatasetError

__all__ = ['list_pictures', 'read_picture']

SUFFIXES = ('.jpg', '.jpeg', '.png', '.webp', '.bmp', '.gif', '.tif', '.tiff')
# Pillow knows more, and would start Ghostscript to read PostScript.
FORMATS = ('JPEG', 'PNG', 'WEBP', 'BMP', 'GIF', 'TIFF', 'AVIF')
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
        The file itself, or the folder's pictures in the order of their
        names, told by their suffix; subfolders are left out.

    Raises
    ------
    DatasetError
        When there is no such file or folder, or no picture in it.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DatasetError(f'{path}: there is no such picture or folder.')
    pictures = sorted(file for file in path.iterdir()
                      if file.suffix.lower() in SUFFIXES)
    if not pictures:
        raise DatasetError(f'{path}: there is no picture in this folder '
                           f'(no {", ".join(SUFFIXES)}).')
    return pictures


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
        JPEG, PNG, WEBP, BMP, GIF, TIFF or AVIF, whatever its suffix; of a
        moving picture the first frame.
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

"""Files that are complete, or not there at all."""
from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Callable, Iterator, Union

from mxnet import MXNetError, npx

from ..errors import CheckpointError

__all__ = ['replacing', 'store_parameters']


@contextlib.contextmanager
def replacing(path: Union[str, os.PathLike]) -> Iterator[Path]:
    """Write a file beside its place, and move it there when it is complete.

    Parameters
    ----------
    path
        The file to make or to replace.

    Yields
    ------
    pathlib.Path
        The name to write to. When the block ends, its content is on the
        disk and has taken the place of `path`; when it fails, or the
        process is killed, `path` is what it was.
    """
    path = Path(path)
    partial = path.with_name(f'{path.name}.partial')
    try:
        yield partial
        with open(partial, 'rb') as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise


def store_parameters(save: Callable, path: Union[str, os.PathLike],
                     *arguments) -> None:
    """Store the parameters of a model whole, or not at all.

    Parameters
    ----------
    save : callable
        The model's method `save_parameters`.
    path
        The file to make or to replace.
    *arguments
        Passed on to `save` after the name of the file.

    Raises
    ------
    CheckpointError
        When the file can't be written, on a full disk for instance; `path`
        is then what it was.
    """
    try:
        with replacing(path) as partial:
            save(str(partial), *arguments)
            # Of the last bytes MXNet does not notice that the disk is full.
            npx.load(str(partial))
    except (MXNetError, OSError) as error:
        raise CheckpointError(
            f'{path}: the parameters could not be written whole. Make room, '
            'or name another file; what was there before is kept. '
            f'({str(error).splitlines()[-1]})') from error

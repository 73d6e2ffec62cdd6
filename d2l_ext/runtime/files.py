"""Writing files completely, or not at all."""
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
    """Write a temporary file that replaces another one when it is complete.

    Parameters
    ----------
    path
        The file to create or to replace.

    Yields
    ------
    pathlib.Path
        The temporary file to write to. When the block ends, it is flushed to
        the disk and replaces `path`; if the block fails or the process is
        killed, `path` is unchanged.
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
    """Store the parameters of a model completely, or not at all.

    `save` gets the name of a file and `arguments`, as a model's method
    `save_parameters` does. Raises `CheckpointError` if the file can't be
    written, for instance on a full disk; `path` is then unchanged.
    """
    try:
        with replacing(path) as partial:
            save(str(partial), *arguments)
            # MXNet does not notice if the disk is full at the last bytes.
            npx.load(str(partial))
    except (MXNetError, OSError) as error:
        raise CheckpointError(
            f'{path}: the parameters could not be written completely. Free '
            'some space, or name another file; the old file is unchanged. '
            f'({str(error).splitlines()[-1]})') from error

"""What a notebook runs on: hardware, versions and data."""
import os
import platform
from pathlib import Path

import mxnet
import numpy
from mxnet import npx

from ..data.folders import test_mode, voc_dir

__all__ = ['describe_machine']


def describe_machine() -> str:
    """Hardware, versions and data set in a few lines, for printing.

    The embedded data set is drawn if it is needed.
    """
    gpus = npx.num_gpus()
    lines = [
        f'{platform.system()} on {platform.machine()}, '
        f'{os.cpu_count()} processor cores, '
        f'{os.environ.get("OMP_NUM_THREADS", "?")} threads for MXNet, '
        f'{gpus or "no"} GPU{"s" if gpus > 1 else ""}',
        f'Python {platform.python_version()}, MXNet {mxnet.__version__}, '
        f'NumPy {numpy.__version__}',
        f'Data: {voc_dir()[1]}']
    if test_mode():
        lines.append('Test mode: training takes a small part of the data, '
                     'and its figures mean nothing.')
    return '\n'.join(lines)


def processor() -> str:
    """Model of the processor, or its architecture if that is unknown."""
    try:
        rows = Path('/proc/cpuinfo').read_text().splitlines()
        return next(row.split(':')[1].strip() for row in rows
                    if row.startswith('model name'))
    except (OSError, StopIteration):
        return platform.machine()

"""NVIDIA's side of MXNet: libraries, driver, and what a card can run.

Needs nothing but Python, and nothing of this package: `make doctor` reads it
where MXNet and NumPy do not load.
"""
from __future__ import annotations

import ctypes
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, List, NamedTuple, Optional, Tuple

__all__ = []

GPU_BUILD = 'mxnet-cu112'
# What libmxnet.so of that build asks for, and cuBLAS of its other half; each
# comes after those that it needs itself.
LIBRARIES = ('libcudart.so.11.0', 'libnvrtc.so.11.2', 'libnvToolsExt.so.1',
             'libcublasLt.so.11', 'libcublas.so.11', 'libcufft.so.10',
             'libcurand.so.10', 'libcusolver.so.11', 'libnccl.so.2',
             'libcudnn.so.8')
DRIVER = 'libcuda.so.1'
# Compute capabilities that the build holds machine code for. It holds no PTX,
# from which a driver could make code for others.
KERNELS = ((5, 0), (6, 0), (7, 0), (8, 0), (8, 6))
# Of cuda.h.
_NO_DEVICE = 100
_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76


class Card(NamedTuple):
    """A GPU: what its maker calls it, and its compute capability."""
    name: str
    capability: Tuple[int, int]


def version_of(package: str) -> Optional[str]:
    """Version of an installed package, None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def packaged_library(name: str) -> Optional[Path]:
    """File of a library in NVIDIA's packages for pip, None without it."""
    found = (path for folder in sys.path
             for path in Path(folder).glob(f'nvidia/*/lib/{name}'))
    return next(found, None)


def load_libraries() -> List[Path]:
    """Load the libraries that came with pip, before MXNet asks for them.

    The loader does not look into Python's packages by itself; but it takes
    what is loaded already. Leaves alone what comes from conda or from the
    system.

    Returns
    -------
    list of pathlib.Path
        The files that were loaded; none for MXNet's build without GPUs.

    Raises
    ------
    OSError
        When a file can't be loaded.
    """
    if version_of(GPU_BUILD) is None:
        return []
    found = [path for path in map(packaged_library, LIBRARIES) if path]
    for path in found:
        ctypes.CDLL(str(path))
    return found


def ask_driver(function: str, *arguments: Any) -> None:
    """Call a function of NVIDIA's driver.

    Raises
    ------
    OSError
        When there is no driver, or the function fails; `errno` is then the
        number of CUDA's error.
    """
    library = ctypes.CDLL(DRIVER)
    code = getattr(library, function)(*arguments)
    if code:
        reason = ctypes.c_char_p()
        library.cuGetErrorString(code, ctypes.byref(reason))
        raise OSError(code, f'{function}: '
                      f'{(reason.value or b"unknown error").decode()}')


def driver_version() -> Tuple[int, int]:
    """Newest version of CUDA that the driver knows.

    Raises
    ------
    OSError
        When there is no driver.
    """
    version = ctypes.c_int()
    ask_driver('cuDriverGetVersion', ctypes.byref(version))
    return version.value // 1000, version.value % 1000 // 10


def cards() -> List[Card]:
    """The GPUs, in the order in which MXNet counts them.

    Raises
    ------
    OSError
        When there is no driver, or it does not work.
    """
    number, device = ctypes.c_int(), ctypes.c_int()
    name = ctypes.create_string_buffer(256)
    try:
        ask_driver('cuInit', 0)
    except OSError as error:
        if error.errno == _NO_DEVICE:
            return []
        raise
    ask_driver('cuDeviceGetCount', ctypes.byref(number))
    found = []
    for i in range(number.value):
        ask_driver('cuDeviceGet', ctypes.byref(device), i)
        ask_driver('cuDeviceGetName', name, len(name), device)
        capability = []
        for attribute in (_CAPABILITY_MAJOR, _CAPABILITY_MINOR):
            value = ctypes.c_int()
            ask_driver('cuDeviceGetAttribute', ctypes.byref(value),
                       attribute, device)
            capability.append(value.value)
        found.append(Card(name.value.decode(), tuple(capability)))
    return found


def has_kernels(capability: Tuple[int, int]) -> bool:
    """Whether MXNet's build for GPUs has code for a compute capability.

    Code for 8.0 runs on 8.9, too, but neither on 7.5 nor on 9.0.
    """
    major, minor = capability
    return any(major == kernel_major and minor >= kernel_minor
               for kernel_major, kernel_minor in KERNELS)

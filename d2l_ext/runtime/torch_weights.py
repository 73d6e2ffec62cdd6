"""Tensors from a file of PyTorch, without PyTorch.

Until version 1.6, `torch.save` wrote five parts: three short pickles with a
magic number, a version and the sizes of integers; a pickle that describes the
tensors; a pickle with the names of their storages; and then each storage, its
length followed by its bytes.

A pickle is a program: it can call any function of any module. Here it is
only listed, by `pickletools`, and the few instructions that describe tensors
are carried out one by one. Nothing is imported and nothing is called.
"""
from __future__ import annotations

import hashlib
import io
import math
import os
import pickletools
from pathlib import Path
from typing import Dict, NamedTuple, Tuple, Union

import numpy

from ..errors import PretrainedError

__all__ = ['parse_tensors', 'read_tensors']

MAGIC, VERSION = 0x1950a86a20f9469cfc6c, 1001
# What a file may refer to.
DICT, TENSOR = 'collections OrderedDict', 'torch._utils _rebuild_tensor_v2'
DTYPES = {'torch FloatStorage': numpy.dtype('<f4'),
          'torch LongStorage': numpy.dtype('<i8')}
CONSTANTS = {'NONE': None, 'NEWTRUE': True, 'NEWFALSE': False,
             'EMPTY_TUPLE': ()}
LITERALS = ('BININT', 'BININT1', 'BININT2', 'LONG1', 'BINUNICODE')
# The errors that wrong instructions raise.
DAMAGED = (ValueError, TypeError, KeyError, IndexError, AttributeError,
           OverflowError, MemoryError)


class _Name(str):
    """What an instruction refers to, which is no text of the file."""


class _Storage(NamedTuple):
    key: str
    dtype: numpy.dtype
    length: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: Tuple[int, ...]
    strides: Tuple[int, ...]


def read_tensors(path: Union[str, os.PathLike], sha256: str
                 ) -> Dict[str, numpy.ndarray]:
    """Read the tensors of a file whose content is known.

    Parameters
    ----------
    path : path
        A file that `torch.save` wrote before version 1.6.
    sha256 : str
        The SHA-256 of the file, compared before anything else is done.

    Returns
    -------
    dict of str to ndarray
        The tensors by name; not to be written to.

    Raises
    ------
    PretrainedError
        If the file can't be read or is not the one that is expected.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise PretrainedError(
            f'{path}: these parameters can\'t be read ({error.strerror}).'
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise PretrainedError(
            f'{path}: these are not the parameters that are expected. Their '
            f'SHA-256 is {found}, not {sha256}: get the file again.')
    try:
        return parse_tensors(content)
    except DAMAGED as error:
        raise PretrainedError(
            f'{path}: this is no file of tensors ({str(error)[:100]}).'
        ) from error


def parse_tensors(content: bytes) -> Dict[str, numpy.ndarray]:
    """The tensors in the content of a file, as `read_tensors` returns them.

    Raises one of the errors of `DAMAGED` if the content is anything else.
    """
    file = io.BytesIO(content)
    if (_value(file), _value(file)) != (MAGIC, VERSION):
        raise ValueError('another format')
    _value(file)   # The sizes of integers; lengths always have 8 bytes.
    tensors, keys = _value(file), _value(file)
    storages = {tensor.storage.key: tensor.storage
                for tensor in tensors.values()}
    # The hash of a deeply nested tuple would exhaust the stack.
    if not all(type(key) is str for key in keys):
        raise ValueError('a storage without a name')
    arrays = {key: _read_storage(file, storages[key]) for key in keys}
    if file.read(1):
        raise ValueError('more bytes than expected')
    return {name: _array(tensor, arrays[tensor.storage.key])
            for name, tensor in tensors.items()}


def _read_storage(file, storage):
    if int.from_bytes(file.read(8), 'little') != storage.length:
        raise ValueError('another length of a storage')
    size = storage.length * storage.dtype.itemsize
    data = file.read(size)
    if len(data) != size:
        raise ValueError('the end is missing')
    return numpy.frombuffer(data, storage.dtype)


def _array(tensor, array):
    # Strides of 0 could make an array of any size of a few bytes.
    if (min((0, *tensor.shape)) < 0
            or math.prod(tensor.shape) > len(array)):
        raise ValueError('a tensor is larger than its storage')
    size = array.itemsize
    # NumPy checks that it does not reach beyond the storage.
    return numpy.ndarray(tensor.shape, array.dtype, array,
                         tensor.offset * size,
                         [step * size for step in tensor.strides])


def _value(file):
    """The value that the next pickle of a file describes."""
    stack, memo = [], {}
    for opcode, argument, _ in pickletools.genops(file):
        name = opcode.name
        if name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name in LITERALS:
            stack.append(argument)
        elif name in ('BINPUT', 'LONG_BINPUT'):
            memo[argument] = stack[-1]
        elif name in ('BINGET', 'LONG_BINGET'):
            stack.append(memo[argument])
        elif name == 'GLOBAL':
            stack.append(_admitted(argument))
        elif name in STEPS:
            STEPS[name](stack)
        elif name not in ('PROTO', 'STOP'):
            raise ValueError(f'the instruction {name} is refused')
    value, = stack
    return value


def _admitted(name):
    if name not in (DICT, TENSOR, *DTYPES):
        raise ValueError(f'the name {name[:80]!r} is refused')
    return _Name(name)


def _since_mark(stack):
    """Take what is above the last mark, and the mark."""
    start = max(i for i, item in enumerate(stack) if item is _MARK)
    items = stack[start + 1:]
    del stack[start:]
    return items


def _take(stack, count):
    """Take the last items."""
    items = stack[len(stack) - count:]
    del stack[len(stack) - count:]
    return items


def _set_items(stack, items):
    for key, value in zip(items[::2], items[1::2]):
        if type(stack[-1]) is not dict or type(key) is not str:
            raise ValueError('only dictionaries with text as keys are read')
        stack[-1][key] = value


def _append(stack, items):
    if type(stack[-1]) is not list:
        raise ValueError('only lists are appended to')
    stack[-1].extend(items)


def _reduce(stack):
    """Call a function: a dictionary or a tensor is made."""
    arguments, name = stack.pop(), stack.pop()
    if type(name) is not _Name or name not in (DICT, TENSOR):
        raise ValueError('a call is refused')
    if name == DICT:
        if arguments != ():
            raise ValueError('only empty dictionaries are made')
        stack.append({})
    else:
        storage, offset, shape, strides, *_ = arguments
        if type(storage) is not _Storage:
            raise ValueError('a tensor without a storage')
        stack.append(_Tensor(storage, offset, shape, strides))


def _storage(stack):
    kind, name, key, _, length, _ = stack.pop()
    if (kind != 'storage' or type(name) is not _Name or name not in DTYPES
            or type(key) is not str or type(length) is not int):
        raise ValueError('something else than a storage')
    stack.append(_Storage(key, DTYPES[name], length))


_MARK = object()
STEPS = {
    'MARK': lambda stack: stack.append(_MARK),
    'EMPTY_DICT': lambda stack: stack.append({}),
    'EMPTY_LIST': lambda stack: stack.append([]),
    'TUPLE': lambda stack: stack.append(tuple(_since_mark(stack))),
    'TUPLE1': lambda stack: stack.append(tuple(_take(stack, 1))),
    'TUPLE2': lambda stack: stack.append(tuple(_take(stack, 2))),
    'TUPLE3': lambda stack: stack.append(tuple(_take(stack, 3))),
    'SETITEM': lambda stack: _set_items(stack, _take(stack, 2)),
    'SETITEMS': lambda stack: _set_items(stack, _since_mark(stack)),
    'APPEND': lambda stack: _append(stack, _take(stack, 1)),
    'APPENDS': lambda stack: _append(stack, _since_mark(stack)),
    'REDUCE': _reduce,
    'BINPERSID': _storage,
    # Versions of modules, on which nothing here depends.
    'BUILD': lambda stack: stack.pop(),
}

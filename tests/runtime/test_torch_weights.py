"""Files of PyTorch are read, and nothing in them is carried out."""
import hashlib
import io
import os
import pickle
import struct
import warnings
from collections import OrderedDict

import numpy
import pytest
from numpy.testing import assert_array_equal

from d2l_ext.errors import PretrainedError
from d2l_ext.runtime.torch_weights import (
    DAMAGED,
    MAGIC,
    VERSION,
    parse_tensors,
    read_tensors,
)


class Named:
    """Pickled as a name that need not exist here."""

    def __init__(self, name):
        self.name = name


class Called:
    """Pickled as a call of a function."""

    def __init__(self, name, *arguments):
        self.call = Named(name), arguments


class Stored:
    """Pickled as a reference to a storage."""

    def __init__(self, key, values, length=None, kind='torch FloatStorage'):
        self.reference = ('storage', Named(kind), key, 'cpu', len(
            values) if length is None else length, None)


class Writer(pickle._Pickler):
    """Writes what `torch.save` did, or what an attacker would."""

    def persistent_id(self, value):
        return getattr(value, 'reference', None)

    def save(self, value, save_persistent_id=True):
        if isinstance(value, Named):
            module, name = value.name.split(' ')
            self.write(pickle.GLOBAL + f'{module}\n{name}\n'.encode())
        elif isinstance(value, Called):
            name, arguments = value.call
            self.save(name)
            self.save(arguments)
            self.write(pickle.REDUCE)
        else:
            super().save(value, save_persistent_id)


def pickled(value):
    file = io.BytesIO()
    Writer(file, protocol=2).dump(value)
    return file.getvalue()


VALUES = numpy.arange(6, dtype='<f4')


def tensor(stored, shape=(2, 3), strides=(3, 1), offset=0):
    return Called('torch._utils _rebuild_tensor_v2', stored, offset, shape,
                  strides, False, OrderedDict())


def file_of(tensors, keys=('7',), storages=(VALUES,), magic=MAGIC):
    """Content of a file; `tensors` may be a finished pickle."""
    return b''.join([
        pickled(magic), pickled(VERSION), pickled({'little_endian': True}),
        tensors if isinstance(tensors, bytes) else pickled(tensors),
        pickled(list(keys)),
        *(struct.pack('<q', len(array)) + array.tobytes()
          for array in storages)])


GOOD = file_of({'weight': tensor(Stored('7', VALUES))})


def test_tensors_are_read():
    content = file_of(OrderedDict(
        whole=tensor(Stored('7', VALUES)),
        turned=tensor(Stored('7', VALUES), (3, 2), (1, 3)),
        part=tensor(Stored('7', VALUES), (2,), (2,), 1),
        count=tensor(Stored('x', [5], kind='torch LongStorage'), (), ())),
        ('x', '7'), (numpy.array([5], '<i8'), VALUES))
    found = parse_tensors(content)
    expected = VALUES.reshape(2, 3)
    assert_array_equal(found['whole'], expected)
    assert_array_equal(found['turned'], expected.T)
    assert_array_equal(found['part'], [1, 3])
    assert found['count'] == 5
    assert [array.dtype for array in found.values()] == [
        *['float32'] * 3, 'int64']


def test_the_digest_is_compared_first(tmp_path):
    path = tmp_path / 'weights.pth'
    path.write_bytes(GOOD)
    right = hashlib.sha256(GOOD).hexdigest()
    assert read_tensors(path, right)['weight'].shape == (2, 3)
    path.write_bytes(GOOD[:-1] + b'\x01')
    with pytest.raises(PretrainedError, match=r'weights\.pth.*SHA-256'):
        read_tensors(path, right)
    with pytest.raises(PretrainedError, match=r"none: .*can't be read"):
        read_tensors(tmp_path / 'none', right)


@pytest.mark.parametrize('name', [
    'os system', 'posix system', 'builtins eval', 'builtins getattr',
    'builtins __import__', 'subprocess Popen', 'collections Counter',
    'torch._utils _rebuild_tensor', 'collections OrderedDict.fromkeys',
    'collections.OrderedDict __init__', 'd2l_ext.runtime files'])
def test_other_names_are_refused(name, tmp_path):
    sprung = tmp_path / 'sprung'
    trap = Called(name, f'touch {sprung}')
    for value in (trap, {'weight': trap}, [trap], {'a': Named(name)}, Called(
            'torch._utils _rebuild_tensor_v2', trap, 0, (1,), (1,))):
        with pytest.raises(ValueError, match=f'{name.split()[0]}.*refused'):
            parse_tensors(file_of(value))
    for part in (0, 1, 2):   # in the first pickles, too
        content = pickled(trap) if part == 0 else (
            pickled(MAGIC) + pickled(VERSION) + pickled(trap))
        with pytest.raises(ValueError, match='refused'):
            parse_tensors(content)
    assert not sprung.exists()


def hostile_calls():
    """Calls of what is admitted, or of what was made of it, or refused."""
    dictionary = Called('collections OrderedDict')
    return [
        (pickled(Called('torch FloatStorage', 9)), 'a call is refused'),
        (pickled(dictionary)[:-1] + b')R.', 'a call is refused'),
        (b'\x80\x02X\x02\x00\x00\x00os)R.', 'a call is refused'),
        (b'\x80\x02X\x17\x00\x00\x00collections OrderedDict)R.',
         'a call is refused'),
        (pickled(Called('collections OrderedDict', ['a'])), 'only empty'),
        (b'\x80\x04X\x02\x00\x00\x00osX\x06\x00\x00\x00system\x93.',
         'STACK_GLOBAL is refused'),
        (b'(ios\nsystem\n.', 'INST is refused'),
        (b'\x80\x02(ccollections\nOrderedDict\no.', 'OBJ is refused'),
        (b'\x80\x02ccollections\nOrderedDict\n)\x81.', 'NEWOBJ is refused'),
        (b'\x80\x02\x82\x01.', 'EXT1 is refused'),
        (b'Pstorage\n.', 'PERSID is refused')]


@pytest.mark.parametrize(('content', 'words'), hostile_calls())
def test_calls_of_other_kinds_are_refused(content, words):
    with pytest.raises(ValueError, match=words):
        parse_tensors(file_of(content))


def test_attributes_are_not_set():
    """What BUILD would give to an object is dropped."""
    with_state = pickled(OrderedDict(a=tensor(Stored('7', VALUES))))[:-1]
    content = file_of(with_state + pickled(
        {'__class__': 1, 'keys': 'no function'})[2:-1] + b'b.')
    assert list(parse_tensors(content)) == ['a']


@pytest.mark.parametrize(('wrong', 'words'), [
    (tensor(Stored('7', VALUES), (10**12,), (0,)), 'larger than its storage'),
    (tensor(Stored('7', VALUES), (7,), (1,)), 'larger than its storage'),
    (tensor(Stored('7', VALUES), (-1,), (0,)), 'larger than its storage'),
    (tensor(Stored('7', VALUES), (2, 3), (4, 1)), 'strides'),
    (tensor(Stored('7', VALUES), (2,), (-1,)), 'strides'),
    (tensor(Stored('7', VALUES), (2,), (1,), 5), 'strides'),
    (tensor(Stored('7', VALUES), (2,), (1,), -1), 'strides'),
    (tensor(Stored('7', VALUES, 10**15)), 'length'),
    (tensor(Stored('7', VALUES, 2**200)), 'length'),
    (tensor(Stored('7', VALUES, kind='torch LongStorage')), 'end'),
    (tensor([7]), 'without a storage'),
    (tensor(Stored('8', VALUES)), '7'),
    (1, 'storage')])
def test_sizes_that_do_not_fit_are_refused(wrong, words):
    with pytest.raises(DAMAGED, match=words):
        parse_tensors(file_of({'weight': wrong}))


@pytest.mark.parametrize('pickle_', [
    b'\x80\x02r\xff\xff\xff\x7f.', b'\x80\x02Nr\xff\xff\xff\xff.',
    b'\x80\x02X\xff\xff\xff\x7fab.', b'\x80\x02\x8b\xff\xff\xff\x7f1.',
    b'\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.',
    b'\x80\x02' + b')' + b'\x85' * 300_000 + b'.',
    b'\x80\x02}' + b')' + b'\x85' * 300_000 + b'Ns.'])
def test_sizes_and_depths_of_instructions(pickle_):
    """No memory is taken, and no stack is exhausted."""
    with pytest.raises(DAMAGED):
        parse_tensors(file_of(pickle_))
    with pytest.raises(DAMAGED):   # as the names of storages
        parse_tensors(GOOD[:GOOD.index(pickled(['7']))] + pickle_)


def test_every_end_but_the_right_one_is_noticed():
    for length in range(len(GOOD)):
        with pytest.raises(DAMAGED):
            parse_tensors(GOOD[:length])
    with pytest.raises(ValueError, match='more bytes'):
        parse_tensors(GOOD + b'\x00')
    for other in (b'PK\x03\x04' + GOOD, b'<html>', file_of({}, magic=1)):
        with pytest.raises(DAMAGED):
            parse_tensors(other)


def test_any_bytes(rng, tmp_path, monkeypatch):
    """A byte that is changed gives an error, or numbers: nothing else."""
    monkeypatch.chdir(tmp_path)
    for _ in range(3000):
        content = bytearray(GOOD)
        for place in rng.integers(0, len(GOOD), rng.integers(1, 4)):
            content[place] = rng.integers(0, 256)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')   # of escapes in text
            try:
                found = parse_tensors(bytes(content))
            except DAMAGED:
                continue
        assert all(isinstance(array, numpy.ndarray)
                   for array in found.values())
    assert os.listdir(tmp_path) == []

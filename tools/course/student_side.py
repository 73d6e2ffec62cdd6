"""Inside of the sandbox: run a student's cells and call their functions.

Requests come as lines of JSON on standard input, and each gets a line in
reply. A student's code can do to this process whatever it likes, for nothing
that it must not know or change is here: no test, no expected number, no mark.
"""
import contextlib
import ctypes
import errno
import importlib.util
import json
import os
import platform
import resource
import signal
import struct
import sys
import traceback
from pathlib import Path

import numpy
from IPython.core.interactiveshell import InteractiveShell


def alone(name):
    """A module of d2l_ext without the package, which loads half as long."""
    package = Path(importlib.util.find_spec('d2l_ext').origin).parent
    spec = importlib.util.spec_from_file_location(
        name, package / 'runtime' / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# What the package does for MXNet before and after it is loaded.
cuda, numpy_names, numpy_numbers = map(
    alone, ('cuda', 'numpy_names', 'numpy_numbers'))
cuda.load_libraries()
numpy_names.serve()

from mxnet import np, npx  # noqa: E402

numpy_numbers.mend()

NUMBERS = 100_000
# What seccomp calls a machine, and numbers of system calls there: clone, then
# clone3, unshare, memfd_create and shmget.
CALLS = {'x86_64': (0xC000003E, 56, 435, 272, 319, 29),
         'aarch64': (0xC00000B7, 220, 435, 97, 279, 194)}


def forbid_calls():
    """Take away system calls that give memory which nobody counts.

    In a namespace of its own, a process could mount a folder of any size. The
    filter is a program for the kernel, of steps (what to do, how many steps
    to leave out if it is so, how many if not, a number).
    """
    if platform.machine() not in CALLS:
        return
    load, equal, at_least, has_bits, end = 0x20, 0x15, 0x35, 0x45, 0x06
    missing = (end, 0, 0, 0x50000 + errno.ENOSYS)
    machine, clone, *others = CALLS[platform.machine()]
    steps = [(load, 0, 0, 4), (equal, 1, 0, machine), missing,
             (load, 0, 0, 0), (at_least, 0, 1, 0x40000000), missing]
    for call in others:
        steps += [(equal, 0, 1, call), missing]
    new_user = 0x10000000
    steps += [(equal, 0, 3, clone), (load, 0, 0, 16),
              (has_bits, 0, 1, new_user), missing, (end, 0, 0, 0x7FFF0000)]
    program = ctypes.create_string_buffer(
        b''.join(struct.pack('HBBI', *step) for step in steps))
    prctl = ctypes.CDLL(None).prctl
    prctl(38, 1, 0, 0, 0)       # no new privileges
    prctl(22, 2, ctypes.create_string_buffer(struct.pack(
        'HP', len(steps), ctypes.addressof(program))))


class Late(BaseException):
    """Not an `Exception`, which students catch in passing."""


def interrupt(*_):
    raise Late


@contextlib.contextmanager
def time_limits(seconds):
    """Of computing, and of time: how busy the computer is costs no points."""
    # Raised again each second, should it be caught.
    for timer, limit in zip((signal.ITIMER_PROF, signal.ITIMER_REAL), seconds):
        signal.setitimer(timer, max(limit, .01), 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def pack(array):
    """A NumPy array as plain data."""
    if array.dtype.kind not in 'biufO' or array.size > NUMBERS:
        raise ValueError('what is returned is not an array of numbers, or '
                         f'has more than {NUMBERS:,} of them')
    return {'shape': array.shape, 'data': array.astype(float).ravel().tolist()}


def unpack(data, arrays):
    """An argument: an array of the wanted kind, or a number."""
    if not isinstance(data, dict):
        return data
    array = numpy.array(data['data'], data['dtype']).reshape(data['shape'])
    # As MXNet makes arrays of lists, of integers too.
    return np.array(array, dtype='float32') if arrays == 'mxnet' else array


def plain(result):
    """A result as a NumPy array, whatever kind of array or list it is."""
    if hasattr(result, 'asnumpy'):
        return result.asnumpy()
    if isinstance(result, (list, tuple)):
        return numpy.array([plain(item) for item in result])
    return numpy.array(result, subok=False)


def describe(error):
    """An error and where in the student's code it was raised."""
    code = [frame for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename != __file__]
    last = traceback.format_exception_only(type(error), error)[-1].strip()
    late = isinstance(error, Late)
    return {'error': 'It takes too long.' if late else last[:300],
            'late': late,
            'trace': (''.join(traceback.format_list(code)) + last)[-3000:]}


class Shell(InteractiveShell):
    """IPython with nothing to do for `%matplotlib inline` and `quit()`."""

    def enable_gui(self, gui=None):
        """Be there: in the class above it is an error."""

    def ask_exit(self):
        """Be there: in the class above it is missing."""


class Student:
    """The namespace that the cells share, and the functions they define."""

    def __init__(self, ask):
        self._shell = Shell.instance()
        self._names = self._shell.user_ns
        # As the first cell of the notebook.
        self._names.update(numpy=numpy, np=np, npx=npx)
        self._after, self._kinds, self._ask = {}, {}, ask

    def cell(self, source, name):
        """Run a cell, and keep what the names mean after it."""
        # Of the first cell, too, but few use it and all would wait for it.
        if 'd2l_ext' in source:
            self._names.setdefault('d2l_ext',
                                   importlib.import_module('d2l_ext'))
        done = self._shell.run_cell(source, silent=True)
        self._after[name] = dict(self._names)
        uses = 'numpy' if self._names.get('np') is numpy else 'mxnet'
        error = done.error_before_exec or done.error_in_exec
        return {'arrays': uses, **(describe(error) if error else {})}

    def call(self, name, arguments, arrays, replaced):
        """Call a function, while the grader answers for the replaced ones."""
        # A later cell may define a helper anew, or import another `np`.
        self._names.update(self._after.get(name, {}))
        function = self._names.get(name)
        if function is None:
            raise NameError(f'{name} is not defined')
        given = [unpack(data, arrays) for data in arguments]
        own = {other: self._names.get(other) for other in replaced}
        self._names.update({other: self._right(other) for other in replaced})
        try:
            result = function(*given)
        finally:
            self._names.update(own)
        self._kinds[name] = type(result)
        changed = not all(
            numpy.array_equal(plain(after), plain(unpack(data, arrays)))
            for data, after in zip(arguments, given))
        return {'value': None if result is None else pack(plain(result)),
                'changed': changed}

    def _right(self, name):
        """A function that asks the grader, and returns what theirs does."""
        kind = self._kinds.get(name, np.ndarray)

        def ask(*arguments):
            reply = self._ask({'ask': name, 'arguments': [
                pack(plain(value)) for value in arguments]})
            value = unpack(reply['value'], 'numpy')
            if kind is list:
                return value.tolist()
            return value if kind is numpy.ndarray else np.array(
                value, dtype='float32')
        return ask


def main():
    limits = json.loads(sys.argv[1])
    for name, limit in limits.items():
        resource.setrlimit(getattr(resource, name), (limit, limit))
    forbid_calls()
    # What is printed goes nowhere, and nobody answers `input`.
    requests, replies = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), 'w')
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nowhere, standard)
    npx.set_np()
    signal.signal(signal.SIGPROF, interrupt)
    signal.signal(signal.SIGALRM, interrupt)

    def send(reply):
        replies.write(json.dumps(reply) + '\n')
        replies.flush()

    def ask(question):
        send(question)
        return json.loads(requests.readline())

    student, this = Student(ask), os.getpid()
    send({})
    for line in requests:
        request = json.loads(line)
        what, seconds = request.pop('what'), request.pop('seconds')
        try:
            with time_limits(seconds):
                reply = getattr(student, what)(**request)
        except BaseException as error:  # `exit()`, too
            reply = describe(error)
        if os.getpid() != this:     # a copy that `os.fork` has made
            os._exit(0)
        send(reply)


if __name__ == '__main__':
    main()

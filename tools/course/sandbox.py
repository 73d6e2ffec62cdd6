"""A process that can do no harm: for each student one, thrown away after.

In it the system and this environment are read-only, /tmp is empty and takes
64 MB, there is no network, and no other file: no solutions, submissions,
marks, and no home. Bubblewrap makes it, or else `unshare`; where neither may,
there is a process without protection, for those who ask for it.
"""
import contextlib
import json
import math
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy
import psutil
from assignments import CourseError

STUDENT_SIDE = Path(__file__).resolve().with_name('student_side.py')
LIBRARY = Path(find_spec('d2l_ext').origin).parent
SYSTEM = ('/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64',
          '/etc/ld.so.cache', '/etc/alternatives', '/etc/localtime')
DISK = 64 * 2**20
MEMORY = 3 * 2**30      # of all processes of a student together
PROCESSES = 128
MESSAGE = 8 * 2**20
ASKED = 4000            # numbers that a function of ours is called with
START_SECONDS = 300     # to load MXNet, on a busy machine
GRACE_SECONDS = 2
# Nobody's: a student's processes are counted, and hold no rights, by it.
FIRST_USER = 61_000
UNPROTECTED = (
    'The code of students would run on this computer unprotected: it could '
    'read and change\nall that you can, solutions and marks included. '
    'Install bubblewrap (Debian, Ubuntu:\napt install bubblewrap); in a '
    'container, allow user namespaces. To go on without\nprotection, in a '
    'machine that has nothing to lose: make grade UNPROTECTED=1 ...')
EMPTY = tempfile.TemporaryDirectory()  # where nothing is put
# $1 is an empty folder, then come paths to be seen, --, and the command.
SCRIPT = r'''
set -e
PATH=$PATH:/usr/sbin:/sbin
root=$1; shift
mount -t tmpfs -o mode=755 sandbox "$root"
# First, for what is to be seen may lie below it.
mkdir -p "$root/tmp"
mount -t tmpfs -o mode=1777,size=64m sandbox "$root/tmp"
see() {
    if [ -d "$1" ]; then mkdir -p "$root$1"
    else mkdir -p "$root${1%/*}"; : > "$root$1"; fi
    mount --rbind "$1" "$root$1"
}
while [ "$1" != -- ]; do
    see "$1"; mount -o remount,bind,ro "$root$1"; shift
done
shift
for device in null zero full random urandom; do see "/dev/$device"; done
mkdir -p "$root/proc" "$root/dev/shm" "$root/dev/pts"
mount -t proc proc "$root/proc"
# IPython runs `!command` in a terminal.
mount -t devpts -o ptmxmode=666 sandbox "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=1777,size=64m sandbox "$root/dev/shm"
mount -o remount,bind,ro "$root"
cd "$root"
pivot_root . .
umount -l .
cd /tmp
"$@"
exit $?
'''


class LostError(Exception):
    """A sandbox that is of no use any more, and why."""


def at_most(seconds):
    """How long may last what may compute so long, on a busy computer."""
    return 2 * seconds + 30


def pack(array):
    """A NumPy array as plain data."""
    array = numpy.asarray(array)
    return {'dtype': array.dtype.name, 'shape': array.shape,
            'data': array.ravel().tolist()}


def unpack(data, most=math.inf):
    """An array of plain data, which are to be nothing but numbers."""
    try:
        shape = [int(length) for length in data['shape']]
        if len(data['data']) > most or not all(
                type(value) in (float, bool) for value in data['data']):
            raise TypeError
        return numpy.array(data['data'], float).reshape(shape)
    except (TypeError, KeyError, ValueError, OverflowError):
        raise LostError('it sent what is no array') from None


def visible():
    """Paths that a student's code may read."""
    of_python = {Path(sys.prefix), Path(sys.base_prefix), STUDENT_SIDE,
                 Path(sys.executable).resolve().parents[1],
                 # Forbidden by the assignment, but a teacher decides.
                 LIBRARY}
    paths = [*map(Path, SYSTEM), *sorted(of_python)]
    return [str(path) for path in paths if path.exists()]


def without_rights(number):
    """Command before the command: another user's, for who is root."""
    user = str(FIRST_USER + number % 1000)
    drop = ['setpriv', '--no-new-privs', '--bounding-set=-all',
            '--inh-caps=-all']
    return drop if os.geteuid() else [
        *drop, f'--reuid={user}', f'--regid={user}', '--clear-groups']


def bwrap(number):
    empty = ['--perms', '1777', '--size', str(DISK), '--tmpfs']
    rights = ['--unshare-user', '--cap-drop', 'ALL']
    drop = []
    if not os.geteuid():
        rights = ['--cap-drop', 'ALL', '--cap-add', 'CAP_SETUID',
                  '--cap-add', 'CAP_SETGID', '--cap-add', 'CAP_SETPCAP']
        drop = without_rights(number)
    return ['bwrap', *rights, '--unshare-ipc', '--unshare-pid',
            '--unshare-net', '--unshare-uts', '--unshare-cgroup-try',
            '--die-with-parent', '--new-session',
            # First, for what is to be seen may lie below it.
            *empty, '/tmp',
            # Folders on the way would be for root alone.
            *[word for path in visible()
              for parent in reversed([*Path(path).parents][:-1])
              for word in ('--dir', str(parent))],
            *[word for path in visible()
              for word in ('--ro-bind', path, path)],
            '--proc', '/proc', '--dev', '/dev', *empty, '/dev/shm',
            '--remount-ro', '/dev', '--remount-ro', '/',
            '--chdir', '/tmp', '--', *drop]


def unshare(number):
    user = ['--user', '--map-root-user'] if os.geteuid() else []
    # The first word: it ends with the grader, however that ends.
    return ['setpriv', '--pdeathsig', 'KILL', 'unshare', *user, '--mount',
            '--ipc', '--pid', '--net', '--uts', '--fork', '--kill-child',
            'sh', '-c', SCRIPT, 'sh', EMPTY.name, *visible(), '--',
            *without_rights(number)]


def unprotected(_):
    return []


def limits():
    """What a worker may take, as names and values for `setrlimit`."""
    # Older kernels count what this user runs outside, too.
    mine = sum(process.info['num_threads'] or 0 for process
               in psutil.process_iter(['uids', 'num_threads'])
               if process.info['uids']
               and process.info['uids'].real == os.getuid())
    return {'RLIMIT_AS': 2 * MEMORY, 'RLIMIT_FSIZE': DISK, 'RLIMIT_CORE': 0,
            'RLIMIT_NPROC': PROCESSES + (mine if os.geteuid() else 0)}


class Sandbox:
    """A worker in a sandbox, and the conversation with it.

    Parameters
    ----------
    kind : callable
        `bwrap`, `unshare` or `unprotected`.
    number : int
        Which student it is for.
    stop : threading.Event
        Ends it when set.
    errors : file, optional
        Gets what the process says before it has begun to work.

    Raises
    ------
    OSError
        When it does not begin, which is no student's fault.
    """

    def __init__(self, kind, number, stop, errors=subprocess.DEVNULL):
        self._socket, theirs = socket.socketpair()
        self._replies = self._socket.makefile('rb')
        self._stop, self._why = stop, 'the process ended'
        self._end = time.monotonic() + START_SECONDS
        # Seconds of computing: what is allowed, and at how many it ends.
        self._allowed = self._work = math.inf
        with theirs:
            self._process = subprocess.Popen(
                [*kind(number), sys.executable, '-s', str(STUDENT_SIDE),
                 json.dumps(limits())],
                stdin=theirs, stdout=theirs, stderr=errors,
                # Ctrl-C is for the grader.
                start_new_session=True, cwd=EMPTY.name, env={
                    'PATH': '/usr/local/bin:/usr/bin:/bin', 'HOME': '/tmp',
                    'LANG': 'C.UTF-8', 'OMP_NUM_THREADS': '1',
                    'PIP_NO_INDEX': '1',
                    # As in notebooks: pyplot fails with others in IPython.
                    'MPLBACKEND': 'module://matplotlib_inline.backend_inline',
                    # The grader's own, wherever another is installed.
                    'PYTHONPATH': str(LIBRARY.parent)})
        threading.Thread(target=self._watch, daemon=True).start()
        try:
            self._reply()
        except LostError as error:
            self.close()
            raise OSError(f'no sandbox begins: {error}') from None
        self._end = math.inf

    def request(self, seconds, helpers=(), **request):
        """Ask for something, and get the reply.

        After so many seconds of computing, or `at_most` of waiting, the
        student's code is interrupted; soon after that ended. Helpers are
        functions of ours, by name, which the worker may ask for.
        """
        self._allowed, self._work = seconds + GRACE_SECONDS, None
        self._end = (time.monotonic() + at_most(seconds)
                     + at_most(GRACE_SECONDS))
        self._send({**request, 'seconds': [seconds, at_most(seconds)]})
        reply = self._reply()
        while str(reply.get('ask')) in helpers:
            try:
                value = helpers[reply['ask']](*(
                    unpack(data, ASKED) for data in reply['arguments']))
            except Exception:  # of arguments that make no sense
                value = numpy.zeros(0)
            self._send({'value': pack(value)})
            reply = self._reply()
        self._end = math.inf
        return reply

    def close(self):
        """End it, and with it all that it has started."""
        self._kill()
        self._replies.close()
        self._socket.close()

    def _send(self, message):
        try:
            self._socket.sendall(json.dumps(message).encode() + b'\n')
        except OSError:
            raise LostError(self._why) from None

    def _reply(self):
        try:
            line = self._replies.readline(MESSAGE)
        except OSError:
            line = b''
        if not line.endswith(b'\n'):
            raise LostError('it sent too much' if len(line) == MESSAGE
                            else self._why)
        try:
            reply = json.loads(line, parse_int=float)
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict) or not all(
                isinstance(reply.get(name, ''), str)
                for name in ('error', 'trace')):
            raise LostError('it sent what is no message')
        return reply

    def _watch(self):
        """End it when it has used something up, or when all is to stop."""
        while self._process.poll() is None and not self._stop.wait(.3):
            held, computed = [], 0
            for process in self._family():
                with contextlib.suppress(psutil.NoSuchProcess):
                    held.append(process.memory_info().rss)
                    computed += sum(process.cpu_times()[:2])
            if self._work is None:      # the first look at a request
                self._work = computed + self._allowed
            if time.monotonic() > self._end or computed > self._work:
                self._why = 'it takes too long, and cannot be interrupted'
            elif len(held) > PROCESSES:
                self._why = 'it starts too many processes'
            elif sum(held) > MEMORY:
                self._why = 'it takes too much memory'
            else:
                continue
            break
        self._kill()

    def _family(self):
        """The process and all that it has started, as long as it runs."""
        with contextlib.suppress(psutil.NoSuchProcess):
            if self._process.poll() is None:
                head = psutil.Process(self._process.pid)
                return [head, *head.children(recursive=True)]
        return []

    def _kill(self):
        for process in self._family():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):   # wakes who waits for a reply
            self._socket.shutdown(socket.SHUT_RDWR)


def choose(private, allow_unprotected):
    """The best kind of sandbox that works here, and does not show `private`.

    A CourseError tells why there is none.
    """
    for path, seen in product(private, visible()):
        if Path(seen).resolve() in (path.resolve(), *path.resolve().parents):
            raise CourseError(f'Students could see {path}, for it lies in '
                              f'{seen}: move it to another place.')
    reasons = []
    kinds = [bwrap, unshare, *([unprotected] if allow_unprotected else [])]
    for kind in kinds:
        with tempfile.TemporaryFile() as errors:
            try:
                Sandbox(kind, 0, threading.Event(), errors).close()
                return kind
            except OSError as error:
                errors.seek(0)
                said = errors.read().decode('utf-8', 'replace').split('\n')
                reasons.append(f'{kind.__name__}: {error}; '
                               + ' '.join(said[-3:]).strip())
    raise CourseError('\n'.join([UNPROTECTED, *reasons]))

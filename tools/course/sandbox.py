"""A process that can do no harm: for each student one, thrown away after.

In it the system and this environment are read-only, /tmp is empty and takes
64 MB, there is no network, and no other file: no solutions, submissions,
marks, and no home. Bubblewrap makes it, or else `unshare`; where neither may,
there is a process without protection, for those who ask for it.
"""
import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy
import psutil
from assignments import CourseError

STUDENT_SIDE = Path(__file__).resolve().with_name('student_side.py')
SYSTEM = ('/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64',
          '/etc/ld.so.cache', '/etc/alternatives', '/etc/localtime')
DISK = 64 * 2**20
MEMORY = 3 * 2**30      # of all processes of a student together
PROCESSES = 128
MESSAGE = 8 * 2**20
START_SECONDS = 300     # to load MXNet, on a busy machine
GRACE_SECONDS = 5
# Nobody's: a student's processes are counted, and hold no rights, by it.
FIRST_USER = 61_000
UNPROTECTED = (
    'The code of students would run on this computer unprotected: it could '
    'read and change\nall that you can, solutions and marks included. '
    'Install bubblewrap (Debian, Ubuntu:\napt install bubblewrap); in a '
    'container, allow user namespaces. To go on without\nprotection, in a '
    'machine that has nothing to lose: make grade UNPROTECTED=1 ...')
EMPTY = tempfile.mkdtemp()  # where nothing is put
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
mkdir -p "$root/proc" "$root/dev/shm"
mount -t proc proc "$root/proc"
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


def pack(array):
    """A NumPy array as plain data."""
    array = numpy.asarray(array)
    return {'dtype': array.dtype.name, 'shape': array.shape,
            'data': array.ravel().tolist()}


def unpack(data):
    """An array of plain data that come from a student's process.

    Raises
    ------
    LostError
        When they are anything but numbers and the shape of an array.
    """
    try:
        shape = [int(length) for length in data['shape']]
        if not all(type(value) in (float, bool) for value in data['data']):
            raise TypeError
        return numpy.array(data['data'], float).reshape(shape)
    except (TypeError, KeyError, ValueError, OverflowError):
        raise LostError('it sent what is no array') from None


def visible():
    """Paths that a student's code may read."""
    of_python = {Path(sys.prefix), Path(sys.base_prefix), STUDENT_SIDE,
                 Path(sys.executable).resolve().parents[1],
                 # Forbidden by the assignment, but a teacher decides.
                 Path(find_spec('d2l_ext').origin).parent}
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
              for parent in reversed(Path(path).parents[:-1])
              for word in ('--dir', str(parent))],
            *[word for path in visible()
              for word in ('--ro-bind', path, path)],
            '--proc', '/proc', '--dev', '/dev', *empty, '/dev/shm',
            '--remount-ro', '/dev', '--remount-ro', '/',
            '--chdir', '/tmp', '--', *drop]


def unshare(number):
    user = ['--user', '--map-root-user'] if os.geteuid() else []
    return ['unshare', *user, '--mount', '--ipc', '--pid', '--net', '--uts',
            '--fork', '--kill-child', 'sh', '-c', SCRIPT, 'sh', EMPTY,
            *visible(), '--', *without_rights(number)]


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
    errors : file, optional
        Gets what the process says before it has begun to work.

    Raises
    ------
    LostError
        When it does not begin.
    """

    def __init__(self, kind, number, errors=subprocess.DEVNULL):
        self._received, self._look = b'', 0
        self._process = subprocess.Popen(
            [*kind(number), sys.executable, '-I', str(STUDENT_SIDE),
             json.dumps(limits())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            # Ctrl-C is for the grader.
            start_new_session=True, cwd=EMPTY, env={
                'PATH': '/usr/local/bin:/usr/bin:/bin', 'HOME': '/tmp',
                'LANG': 'C.UTF-8', 'MPLBACKEND': 'agg',
                'OMP_NUM_THREADS': '1', 'PIP_NO_INDEX': '1'})
        for pipe in (self._process.stdin, self._process.stdout):
            os.set_blocking(pipe.fileno(), False)
        try:
            self._reply(time.monotonic() + START_SECONDS)
        except BaseException:
            self.close()
            raise

    def request(self, seconds, helpers=(), **request):
        """Ask for something, and get the reply.

        Parameters
        ----------
        seconds : float
            After these what the student's code does is interrupted; soon
            after it is ended.
        helpers : dict
            Functions of ours that the worker may ask for, by name.
        **request
            `what` the worker is to do, and the arguments of that.
        """
        end = time.monotonic() + seconds + GRACE_SECONDS
        self._send({**request, 'seconds': seconds}, end)
        while True:
            reply = self._reply(end)
            if reply.get('ask') not in helpers:
                return reply
            arguments = reply.get('arguments')
            if not isinstance(arguments, list):
                raise LostError('it sent what is no message')
            try:
                value = helpers[reply['ask']](*map(unpack, arguments))
            except Exception:  # of arguments that make no sense
                value = numpy.zeros(0)
            self._send({'value': pack(value)}, end)

    def close(self):
        """End it, and with it all that it has started."""
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self._process.pid).children(True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()

    def _send(self, message, end):
        rest = json.dumps(message).encode() + b'\n'
        while rest:
            self._wait(end, [], [self._process.stdin])
            try:
                rest = rest[os.write(self._process.stdin.fileno(),
                                     rest[:4096]):]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise LostError('the process ended') from None

    def _reply(self, end):
        while b'\n' not in self._received:
            self._wait(end, [self._process.stdout], [])
            new = os.read(self._process.stdout.fileno(), 2**16)
            if not new:
                raise LostError('the process ended')
            self._received += new
            if len(self._received) > MESSAGE:
                raise LostError('it sent too much')
        line, self._received = self._received.split(b'\n', 1)
        try:
            reply = json.loads(line, parse_int=float)
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict):
            raise LostError('it sent what is no message')
        return reply

    def _wait(self, end, readers, writers):
        """Until a pipe is ready; complain when something is used up."""
        ready = False
        while not ready:
            ready = any(select.select(readers, writers, [], .2))
            now = time.monotonic()
            if now > end:
                raise LostError('it takes too long, and cannot be '
                                'interrupted')
            if now > self._look:
                self._look = now + .5
                self._weigh()

    def _weigh(self):
        held = []
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self._process.pid).children(True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    held.append(process.memory_info().rss)
        if len(held) > PROCESSES:
            raise LostError('it starts too many processes')
        if sum(held) > MEMORY:
            raise LostError('it takes too much memory')


def choose(private, allow_unprotected):
    """The best kind of sandbox that can be had here.

    Parameters
    ----------
    private : iterable of pathlib.Path
        What must not be seen in it.
    allow_unprotected : bool

    Raises
    ------
    CourseError
        When there is none, or nothing works in it.
    """
    for path in private:
        for seen in visible():
            if Path(seen).resolve() in path.resolve().parents:
                raise CourseError(f'Students could see {path}, for it lies in '
                                  f'{seen}: move it to another place.')
    reasons = []
    kinds = [bwrap, unshare, *([unprotected] if allow_unprotected else [])]
    for kind in kinds:
        with tempfile.TemporaryFile() as errors:
            try:
                Sandbox(kind, 0, errors).close()
                return kind
            except (OSError, LostError) as error:
                errors.seek(0)
                said = errors.read().decode('utf-8', 'replace').split('\n')
                reasons.append(f'{kind.__name__}: {error}; '
                               + ' '.join(said[-3:]).strip())
    raise CourseError('\n'.join([UNPROTECTED, *reasons]))

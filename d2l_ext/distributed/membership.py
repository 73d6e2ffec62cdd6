"""Which processes take part in a training on several hosts, and which left.

MXNet moves the gradients, but when a process of such a training dies, the
others wait for it forever, without a message. So each process keeps a TCP
connection to the scheduler, on the port after MXNet's own, for as long as it
lives. When a connection breaks, the scheduler tells all other processes which
one was lost, and they exit. It does the same when a worker falls behind, or
when workers differ in something that must be the same for all.

This module does not use MXNet, because with DMLC_ROLE set to `scheduler` or
`server` importing MXNet never returns.
"""
from __future__ import annotations

import atexit
import contextlib
import faulthandler
import functools
import json
import os
import signal
import socket
import socketserver
import sys
import threading
import time
from typing import Any, Iterator, Optional

__all__ = ['Member', 'join']


def patience() -> float:
    """Seconds to wait for another process."""
    return float(os.environ.get('D2L_PATIENCE') or 120)


def silence() -> int:
    """Seconds without an answer after which a host counts as lost."""
    return int(os.environ.get('D2L_SILENCE') or 20)


@functools.cache
def join() -> Optional[Member]:
    """Join the training that the environment variables describe.

    `import d2l_ext` calls it; later calls return the same object.

    Returns
    -------
    Member or None
        The connection to the scheduler; None in the scheduler itself and if
        DMLC_ROLE is not set.

    Raises
    ------
    SystemExit
        If there is no scheduler, or a port is in use.
    """
    role = os.environ.get('DMLC_ROLE')
    if not role:
        return None
    try:
        host = os.environ['DMLC_PS_ROOT_URI']
        port = int(os.environ['DMLC_PS_ROOT_PORT'])
        counts = {kind: int(os.environ[f'DMLC_NUM_{kind.upper()}'])
                  for kind in ('worker', 'server')}
    except (KeyError, ValueError) as error:
        sys.exit(f'DMLC_ROLE is {role}, so DMLC_PS_ROOT_URI, '
                 'DMLC_PS_ROOT_PORT, DMLC_NUM_WORKER and DMLC_NUM_SERVER '
                 f'must be set, too: {error}')
    if role != 'worker':
        # Interrupts are for the workers, which write a checkpoint.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if role == 'scheduler':
        _Scheduler(host, port, counts)
        return None
    return Member(role, host, port)


def _end(message):
    """End this process at once, even if other threads are waiting."""
    try:
        # One write: other processes may write to the same terminal.
        sys.stderr.write(f'{os.environ["DMLC_ROLE"]} (process {os.getpid()}) '
                         f'ends: {message}\n')
        sys.stderr.flush()
    finally:
        # Even if nobody reads the output any more.
        os._exit(1)


def _keep_alive(connection):
    """Make a connection break when the other host is lost."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    probe = max(1, silence() // 4)
    for option, value in (('TCP_KEEPIDLE', probe), ('TCP_KEEPINTVL', probe),
                          ('TCP_KEEPCNT', 3),
                          ('TCP_USER_TIMEOUT', 1000 * silence())):
        connection.setsockopt(socket.IPPROTO_TCP,
                              getattr(socket, option), value)


class Member:
    """The connection of a worker or server to the scheduler.

    `host` is the scheduler's address, and `port` is MXNet's port there; the
    connection uses the next one.
    """

    def __init__(self, role: str, host: str, port: int):
        self._address = f'{host}:{port + 1}'
        self._socket = self._connect(host, port + 1)
        _keep_alive(self._socket)
        self._role = role
        self._exchanges = 0
        self._entered, self._all_leave = threading.Event(), threading.Event()
        self._answers, self._answered = [], threading.Condition()
        self._tell(role=role, host=socket.gethostname(), pid=os.getpid())
        threading.Thread(target=self._listen, daemon=True).start()
        # The scheduler can notify only processes that it knows.
        self._entered.wait()

    def _connect(self, host, port):
        deadline = time.monotonic() + patience()
        while True:
            try:
                connection = socket.create_connection((host, port), 5)
                connection.settimeout(None)
                return connection
            except OSError as error:
                if time.monotonic() > deadline:
                    sys.exit(
                        f'{self._address}: no scheduler was found there '
                        f'within {patience():g} s ({error}). Start one with '
                        'DMLC_ROLE=scheduler, and make sure that '
                        'DMLC_PS_ROOT_URI and DMLC_PS_ROOT_PORT are the '
                        'same for all processes.')
                time.sleep(.2)

    def _tell(self, **message):
        # The listening thread notices a broken connection.
        with contextlib.suppress(OSError):
            self._socket.sendall(json.dumps(message).encode() + b'\n')

    def _listen(self):
        with contextlib.suppress(OSError, ValueError):
            for line in self._socket.makefile('rb'):
                message = json.loads(line)
                if 'end' in message:
                    _end(message['end'])
                if 'entered' in message:
                    self._entered.set()
                if 'done' in message:
                    self._all_leave.set()
                    if self._role == 'server':
                        os._exit(0)     # It has nothing to store.
                if 'agreed' in message:
                    with self._answered:
                        self._answers.append(message['agreed'])
                        self._answered.notify()
        if not self._all_leave.is_set():
            _end(f'the scheduler at {self._address} is gone.')

    def take_rank(self, rank: int) -> None:
        """Say which worker this is."""
        self._tell(rank=rank)
        atexit.register(self.leave)

    def leave(self) -> None:
        """Announce that this worker is done, and wait until all are.

        MXNet would wait, too, but no message could end this process then;
        and when it closes, it discards what it has not sent yet, so others
        might wait for that forever. Its own barrier is therefore disabled.
        """
        self._tell(bye=True)
        self._all_leave.wait()
        # Nothing needs to wait any more. If this process hangs nevertheless,
        # it ends and prints where.
        faulthandler.dump_traceback_later(patience(), exit=True)

    def agree(self, about: dict, offer: Any = None, hint: str = '') -> Any:
        """Compare what must be the same for all workers, and wait for them.

        Parameters
        ----------
        about : dict
            Values to compare, as JSON has them. If workers differ, all end.
        offer : object
            A value of worker 0 for all workers, as JSON has it.
        hint : str
            What to do if they differ.

        Returns
        -------
        object
            The offer of worker 0.
        """
        about = json.loads(json.dumps(about))
        with self.exchange():
            self._tell(about=about, offer=offer, hint=hint)
            with self._answered:
                self._answered.wait_for(lambda: self._answers)
                return self._answers.pop(0)

    @contextlib.contextmanager
    def exchange(self) -> Iterator[None]:
        """Limit how long this block waits for the other workers."""
        self._exchanges += 1
        self._tell(exchange=self._exchanges)
        timer = threading.Timer(patience(), self._tell,
                                kwargs={'late': self._exchanges})
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


class _Scheduler(socketserver.ThreadingTCPServer):
    """The scheduler's side: one thread for each connection."""
    allow_reuse_address = daemon_threads = True
    request_queue_size = 1024

    def __init__(self, host, port, counts):
        self._counts, self._members = counts, []
        self._abouts, self._lock = {}, threading.RLock()
        address = host
        try:
            # MXNet would end with a C++ stack trace.
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
            address, port = '', port + 1
            super().__init__((address, port), _Connection)
        except OSError as error:
            sys.exit(f'{address or host}:{port}: the scheduler can\'t listen '
                     f'there ({error.strerror}). For all processes, set '
                     'DMLC_PS_ROOT_PORT so that this port and the next one '
                     'are free, and DMLC_PS_ROOT_URI to an address of this '
                     'host.')
        threading.Thread(target=self.serve_forever, daemon=True).start()
        timer = threading.Timer(patience(), self._count)
        timer.daemon = True
        timer.start()

    def handle_error(self, request, client_address):
        """Ignore broken connections, which `lost` handles."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def _count(self):
        joined = {kind: sum(m.role == kind for m in self._members)
                  for kind in self._counts}
        if joined != self._counts:
            self.fail(f'after {patience():g} s only ' + ' and '.join(
                f'{joined[kind]} of {count} {kind}s' for kind, count
                in self._counts.items()) + ' have joined: ' + (', '.join(
                    map(str, self._members)) or 'none') + '.')

    def enter(self, member):
        with self._lock:
            member.number = sum(m.role == member.role for m in self._members)
            self._members.append(member)
            member.tell(entered=True)

    def fail(self, message):
        with self._lock:
            for member in self._members:
                member.tell(end=message)
            # Closing a connection too early may lose what was sent.
            time.sleep(.5)
            _end(message)

    def _workers(self):
        return [m for m in self._members if m.role == 'worker']

    def _all_gone(self):
        gone = [m for m in self._workers() if m.gone]
        return len(gone) == self._counts['worker']

    def lost(self, member):
        with self._lock:
            member.closed = True
            if self._all_gone() and all(m.closed for m in self._members):
                os._exit(0)
            if member.gone or self._all_gone():
                return
            self._members.remove(member)
            self.fail(f'{member} is gone: it has ended, crashed or been '
                      'killed, or its host can no longer be reached.')

    def exchange(self, member):
        """End the training if a worker that has left missed an exchange."""
        with self._lock:
            workers = self._workers()
            if self._all_gone():
                for other in self._members:
                    other.tell(done=True)
                return
            last = max(m.exchanges for m in workers)
            for other in workers:
                if other.gone and other.exchanges < last:
                    self._members.remove(other)
                    self.fail(f'{other} has ended after {other.exchanges} '
                              'exchanges, and the others go on: see its own '
                              'output.')

    def late(self, number):
        with self._lock:
            behind = [m for m in self._workers()
                      if m.exchanges < number or m.gone]
            self.fail(
                f'exchange {number} took more than {patience():g} s: ' + (
                    ', '.join(map(str, behind)) + ' did not take part.'
                    if behind else 'all workers took part, so a server or '
                    'the network does not respond. If it is only slow, set '
                    'D2L_PATIENCE to more seconds.'))

    def agree(self, member, about, offer, hint):
        """Compare once all workers have asked; send worker 0's offer."""
        with self._lock:
            self._abouts[member] = about, offer
            if len(self._abouts) < self._counts['worker']:
                return
            workers = sorted(self._abouts, key=lambda m: m.number)
            first, offer = self._abouts[workers[0]]
            for other in workers[1:]:
                theirs, _ = self._abouts[other]
                for name in sorted(first.keys() | theirs.keys()):
                    a, b = first.get(name), theirs.get(name)
                    if a != b:
                        self.fail(f'workers differ in {name}: {other} has '
                                  f'{b}, {workers[0]} has {a}. {hint}')
            self._abouts = {}
            for other in workers:
                other.tell(agreed=offer)


class _Connection(socketserver.StreamRequestHandler):
    """The scheduler's connection to one process, and its state."""
    role = None

    def handle(self):
        _keep_alive(self.connection)
        try:
            for line in self.rfile:
                self._hear(json.loads(line))
        except (OSError, ValueError):
            pass    # the same as a closed connection
        if self.role:
            self.server.lost(self)

    def _hear(self, message):
        if 'role' in message:
            self.role, self.where = message['role'], (
                f'host {message["host"]}, process {message["pid"]}')
            self.exchanges, self.gone, self.closed = 0, False, False
            self.server.enter(self)
        if 'rank' in message:
            self.number = message['rank']
        if 'bye' in message:
            self.gone = True
        if 'exchange' in message:
            self.exchanges = message['exchange']
        if 'bye' in message or 'exchange' in message:
            self.server.exchange(self)
        if 'late' in message:
            self.server.late(message['late'])
        if 'about' in message:
            self.server.agree(self, message['about'], message['offer'],
                              message['hint'])

    def tell(self, **message):
        with contextlib.suppress(OSError):
            self.wfile.write(json.dumps(message).encode() + b'\n')

    def __str__(self):
        return f'{self.role} {self.number} ({self.where})'

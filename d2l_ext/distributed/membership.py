"""Who takes part in a training on several hosts, and who has left it.

MXNet moves the gradients, but when a process of such a training dies, the
others wait for it forever, without a word. So each process keeps a TCP
connection to the scheduler, on the port after MXNet's own, for as long as it
lives; when one breaks, all others are told who it was, and end. They are
also told when a worker stays behind, and when workers differ in what must be
the same for all.

Nothing here needs MXNet: importing that, with DMLC_ROLE set to `scheduler`
or `server`, never returns.
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
    """Seconds after which a host that is gone without a sign is lost.

    When its cable is pulled, for instance.
    """
    return int(os.environ.get('D2L_SILENCE') or 20)


@functools.cache
def join() -> Optional[Member]:
    """Take part in the training that the environment tells of.

    `import d2l_ext` calls it; later calls give the same.

    Returns
    -------
    Member or None
        The connection to the scheduler; None in the scheduler itself, and
        where DMLC_ROLE is not set.

    Raises
    ------
    SystemExit
        When there is no scheduler, or a port is in use.
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
        # An interrupt is for workers, which store what they have.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if role == 'scheduler':
        _Scheduler(host, port, counts)
        return None
    return Member(role, host, port)


def _end(message):
    """End this process at once, whatever its other threads wait for."""
    try:
        # In one piece: other processes may write to the same terminal.
        sys.stderr.write(f'{os.environ["DMLC_ROLE"]} (process {os.getpid()}) '
                         f'ends: {message}\n')
        sys.stderr.flush()
    finally:
        # Also where nobody reads it any more.
        os._exit(1)


def _keep_alive(connection):
    """Make a connection break when the other host is gone."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    probe = max(1, silence() // 4)
    for option, value in (('TCP_KEEPIDLE', probe), ('TCP_KEEPINTVL', probe),
                          ('TCP_KEEPCNT', 3),
                          ('TCP_USER_TIMEOUT', 1000 * silence())):
        connection.setsockopt(socket.IPPROTO_TCP,
                              getattr(socket, option), value)


class Member:
    """What a worker or server tells the scheduler, and is told by it.

    Parameters
    ----------
    role : {'worker', 'server'}
        Which of them.
    host : str
        Address of the scheduler.
    port : int
        MXNet's port there; the next one is used.
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
        # The scheduler tells only those that it knows when another is gone.
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
                        f'{self._address}: no scheduler has come there for '
                        f'{patience():g} s ({error}). Start one with '
                        'DMLC_ROLE=scheduler, and see that '
                        'DMLC_PS_ROOT_URI and DMLC_PS_ROOT_PORT are the '
                        'same for all.')
                time.sleep(.2)

    def _tell(self, **message):
        # A broken connection is noticed by the thread that listens.
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
                        os._exit(0)     # It keeps nothing.
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
        """Say that this worker makes no further exchange, and wait for all.

        MXNet would wait, too, but so that no message could end this process;
        and it throws away what it has not sent yet when it closes, so that
        others may wait for that forever. So it is told not to.
        """
        self._tell(bye=True)
        self._all_leave.wait()
        # Nothing waits for others any more. If this process hangs all the
        # same, it ends, and shows where.
        faulthandler.dump_traceback_later(patience(), exit=True)

    def agree(self, about: dict, offer: Any = None, hint: str = '') -> Any:
        """Compare what must be the same for all workers, and wait for them.

        Parameters
        ----------
        about : dict
            Values that JSON has. Where workers differ, all end.
        offer : object
            What JSON has.
        hint : str
            What to do if they differ.

        Returns
        -------
        object
            What worker 0 offered.
        """
        about = json.loads(json.dumps(about))
        with self.exchange():
            self._tell(about=about, offer=offer, hint=hint)
            with self._answered:
                self._answered.wait_for(lambda: self._answers)
                return self._answers.pop(0)

    @contextlib.contextmanager
    def exchange(self) -> Iterator[None]:
        """Wait for the other workers within this block, but not forever."""
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
            # MXNet would end with a trace of C++ functions.
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
            address, port = '', port + 1
            super().__init__((address, port), _Connection)
        except OSError as error:
            sys.exit(f'{address or host}:{port}: the scheduler can\'t listen '
                     f'there ({error.strerror}). Set DMLC_PS_ROOT_PORT, for '
                     'all processes, to a number so that this port and the '
                     'next one are free, and DMLC_PS_ROOT_URI to an address '
                     'of this host.')
        threading.Thread(target=self.serve_forever, daemon=True).start()
        timer = threading.Timer(patience(), self._count)
        timer.daemon = True
        timer.start()

    def handle_error(self, request, client_address):
        """A connection that breaks is no error of this server."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def _count(self):
        come = {kind: sum(m.role == kind for m in self._members)
                for kind in self._counts}
        if come != self._counts:
            self.fail(f'after {patience():g} s only ' + ' and '.join(
                f'{come[kind]} of {count} {kind}s' for kind, count
                in self._counts.items()) + ' have come: ' + (', '.join(
                    map(str, self._members)) or 'nobody') + '.')

    def enter(self, member):
        with self._lock:
            member.number = sum(m.role == member.role for m in self._members)
            self._members.append(member)
            member.tell(entered=True)

    def fail(self, message):
        with self._lock:
            for member in self._members:
                member.tell(end=message)
            # A connection that is closed too early may lose what was sent.
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
                      'killed, or its host is not reached any more.')

    def exchange(self, member):
        """A worker that has left stays behind the others from now on."""
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
                              'exchanges, and the others go on: see what it '
                              'says itself.')

    def late(self, number):
        with self._lock:
            behind = [m for m in self._workers()
                      if m.exchanges < number or m.gone]
            self.fail(
                f'exchange {number} took more than {patience():g} s: ' + (
                    ', '.join(map(str, behind)) + ' did not come to it.'
                    if behind else 'all workers have come to it, so a server '
                    'or the network does not answer. If it is only slow, '
                    'set D2L_PATIENCE to more seconds.'))

    def agree(self, member, about, offer, hint):
        """Compare once all have told; the answer is worker 0's offer."""
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
    """What the scheduler knows of one process."""
    role = None

    def handle(self):
        _keep_alive(self.connection)
        try:
            for line in self.rfile:
                self._hear(json.loads(line))
        except (OSError, ValueError):
            pass    # as if it were closed
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

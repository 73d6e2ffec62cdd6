"""Start the scheduler, servers and workers of a training on this machine.

    python tools/launch.py --workers 2 -- python train.py ...

All get the environment variables that MXNet reads, and run until the workers
are done. If one of them fails, the others end as well, and the exit status is
that of a worker that failed.
"""
import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
# The code of a scheduler or server: its import does not return.
SERVE = [sys.executable, '-c', 'import d2l_ext']
# Seconds for the others to end by themselves, with a message.
GRACE = 15


def free_port():
    """A free port such that the next one is free, too."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(('127.0.0.1', 0))
            port = first.getsockname()[1]
            try:
                second.bind(('127.0.0.1', port + 1))
            except (OSError, OverflowError):
                continue
            return port


def environment(role, num_workers, num_servers, port):
    """Environment of a process; a worker gets its share of the cores."""
    threads = max(1, len(os.sched_getaffinity(0)) // num_workers)
    path = filter(None, [str(ROOT), os.environ.get('PYTHONPATH')])
    return {'OMP_NUM_THREADS': str(threads if role == 'worker' else 1),
            **os.environ, 'DMLC_ROLE': role,
            'DMLC_PS_ROOT_URI': '127.0.0.1', 'DMLC_PS_ROOT_PORT': str(port),
            'DMLC_NODE_HOST': '127.0.0.1',
            'DMLC_NUM_WORKER': str(num_workers),
            'DMLC_NUM_SERVER': str(num_servers),
            'PYTHONPATH': os.pathsep.join(path)}


def start(command, num_workers=2, num_servers=1, port=None, **options):
    """Start all processes; returns (role, process). Options are Popen's."""
    port = port or free_port()
    roles = ['scheduler', *['server'] * num_servers,
             *['worker'] * num_workers]
    return [(role, subprocess.Popen(
        command if role == 'worker' else SERVE,
        env=environment(role, num_workers, num_servers, port), **options))
        for role in roles]


def wait(processes):
    """Wait for all; returns the status of one that failed, or 0."""
    deadline = None
    while None in (statuses := [p.poll() for _, p in processes]):
        if not deadline and any(statuses):
            deadline = time.monotonic() + GRACE
        if deadline and time.monotonic() > deadline:
            for _, process in processes:
                process.kill()
        time.sleep(.1)
    for role, process in reversed(processes):
        status = process.returncode
        if status:
            how = (f'was ended by {signal.Signals(-status).name}'
                   if status < 0 else f'ended with status {status}')
            print(f'The {role} with process number {process.pid} {how}.',
                  file=sys.stderr)
            return status
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--workers', type=int, default=2)
    parser.add_argument('--servers', type=int, default=1)
    parser.add_argument('--port', type=int, help='of the scheduler; it and '
                        'the next one must be free (default: any)')
    parser.add_argument('command', nargs='+', help='what a worker runs')
    args = parser.parse_args()
    # The workers, which also get an interrupt, handle it.
    signal.signal(signal.SIGINT, lambda *_: None)
    processes = start(args.command, args.workers, args.servers,
                      args.port)

    def pass_on(number, frame):
        for _, process in processes:
            process.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    status = wait(processes)
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == '__main__':
    main()

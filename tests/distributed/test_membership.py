"""When a process of a training on several hosts ends, all others do.

Without MXNet: what is tried out here are connections. `test_distributed`
has trainings.
"""
import os
import signal
import socket
import subprocess
import sys

import launch
import pytest
from helpers import ROOT

# A hang would be a fault; the time itself is not what is tested.
HANG = 300
PRELUDE = f"""
import sys, time
sys.path.insert(0, {str(ROOT / 'd2l_ext' / 'distributed')!r})
import membership
member = membership.join()
"""
SCHEDULER = 'time.sleep(600)'
WAIT = 'print("here", flush=True); time.sleep(600)'


@pytest.fixture
def job():
    """Start processes of one training; kill what is left of it."""
    port, processes = launch.free_port(), []

    def start(role, code, num_workers=2, patience=HANG):
        environment = launch.environment(role, num_workers, 1, port)
        processes.append(subprocess.Popen(
            [sys.executable, '-c', PRELUDE + code], text=True,
            env={**environment, 'D2L_PATIENCE': str(patience)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        return processes[-1]

    start.port = port
    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def worker(rank, code):
    return f'member.take_rank({rank})\n{code}'


def wait_for(process):
    """Wait until a process says that it is where the test needs it."""
    assert process.stdout.readline() == 'here\n'


def message_of(process, status=1):
    _, message = process.communicate(timeout=HANG)
    assert process.returncode == status
    return message


@pytest.mark.parametrize('how', [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize('role', ['worker', 'server'])
def test_a_process_that_is_killed(job, role, how):
    scheduler = job('scheduler', SCHEDULER)
    first = job('worker', worker(0, WAIT))
    second = job('worker', worker(1, WAIT))
    server = job('server', WAIT)
    for process in (first, second, server):
        wait_for(process)
    victim = second if role == 'worker' else server
    victim.send_signal(how)
    victim.communicate()
    for process in {scheduler, first, second, server} - {victim}:
        assert (f'{role} {int(role == "worker")} (host '
                f'{socket.gethostname()}, process {victim.pid}) is gone'
                ) in message_of(process)


def test_a_process_that_nobody_listens_to_any_more(job):
    """It can't say why it ends, but it ends."""
    scheduler = job('scheduler', SCHEDULER)
    first, second = (job('worker', worker(rank, WAIT)) for rank in (0, 1))
    for process in (first, second):
        wait_for(process)
    for process in (scheduler, first):
        process.stderr.close()
    second.kill()
    for process in (scheduler, first):
        assert process.wait(timeout=HANG) == 1


def test_a_scheduler_that_is_killed(job):
    scheduler = job('scheduler', SCHEDULER)
    processes = [job('worker', worker(0, WAIT)), job('server', WAIT)]
    for process in processes:
        wait_for(process)
    scheduler.kill()
    for process in processes:
        assert f'the scheduler at 127.0.0.1:{job.port + 1} is gone' in (
            message_of(process))


@pytest.mark.parametrize('role', ['worker', 'server'])
def test_a_scheduler_that_never_comes(job, role):
    message = message_of(job(role, WAIT, patience=1))
    assert f'{job.port + 1}: no scheduler was found there within 1 s' in (
        message)


@pytest.mark.parametrize('offset', [0, 1])
def test_a_port_in_use(job, offset):
    with socket.create_server(('', job.port + offset)):
        message = message_of(job('scheduler', SCHEDULER))
    assert f'{job.port + offset}: the scheduler can\'t listen' in message
    assert 'Address already in use' in message


def test_a_worker_that_never_comes(job):
    # It is there, and tries to connect, before the scheduler's patience runs.
    first = job('worker', worker(0, WAIT))
    scheduler = job('scheduler', SCHEDULER, patience=5)
    for process in (scheduler, first):
        message = message_of(process)
        assert 'only 1 of 2 workers and 0 of 1 servers have joined' in message
        assert f'worker 0 (host {socket.gethostname()}, process' in message


EXCHANGES = """
for number in range({}):
    with member.exchange():
        pass
"""


def test_a_worker_that_hangs(job):
    scheduler = job('scheduler', SCHEDULER)
    second = job('worker', worker(1, EXCHANGES.format(2) + WAIT))
    wait_for(second)
    second.send_signal(signal.SIGSTOP)
    first = job('worker', worker(
        0, EXCHANGES.format(2) + 'with member.exchange():\n' + '    ' + WAIT),
        patience=1)
    for process in (first, scheduler):
        message = message_of(process)
        assert 'exchange 3 took more than' in message
        assert f'worker 1 (host {socket.gethostname()}, process {second.pid}'\
               ') did not take part' in message
    second.send_signal(signal.SIGCONT)
    assert 'exchange 3' in message_of(second)


def test_a_server_that_hangs(job):
    scheduler = job('scheduler', SCHEDULER)
    code = EXCHANGES.format(2) + 'with member.exchange():\n' + '    ' + WAIT
    second = job('worker', worker(1, code))
    wait_for(second)
    first = job('worker', worker(0, code), patience=1)
    for process in (first, second, scheduler):
        assert 'a server or the network does not respond' in (
            message_of(process))


def test_a_worker_that_ends_too_early(job):
    job('scheduler', SCHEDULER)
    second = job('worker', worker(1, EXCHANGES.format(2)
                                  + 'raise ValueError("no such file")'))
    first = job('worker', worker(0, EXCHANGES.format(3) + WAIT))
    message = message_of(first)
    assert f'worker 1 (host {socket.gethostname()}, process {second.pid}) '\
           'has ended after 2 exchanges' in message
    assert 'ValueError: no such file' in message_of(second)


def test_workers_that_are_done_end_together(job):
    """Scheduler and servers, too, whatever they are doing in MXNet."""
    others = [job('scheduler', SCHEDULER), job('server', WAIT)]
    wait_for(others[1])
    workers = [job('worker', worker(rank, EXCHANGES.format(3)))
               for rank in (0, 1)]
    for process in (*workers, *others):
        assert message_of(process, status=0) == ''


AGREE = 'print(member.agree({}, offer={!r}, hint="Take care."))'


def test_what_worker_0_offers_is_taken(job):
    job('scheduler', SCHEDULER)
    about = {'classes': ['cat', 'dog'], 'rate': .1}
    workers = [job('worker', worker(rank, AGREE.format(about, offer)))
               for rank, offer in ((1, 'second'), (0, 'first'))]
    for process in workers:
        said, _ = process.communicate(timeout=HANG)
        assert said == 'first\n'
        assert process.returncode == 0


def test_workers_that_differ(job):
    scheduler = job('scheduler', SCHEDULER)
    workers = [job('worker', worker(rank, AGREE.format(
        {'classes': classes, 'rate': .1}, rank)))
        for rank, classes in enumerate((['cat', 'dog'], ['cow']))]
    for process in (scheduler, *workers):
        message = message_of(process)
        assert 'workers differ in classes: worker 1 (host' in message
        assert "has ['cow'], worker 0 (host" in message
        assert message.endswith('Take care.\n')


@pytest.mark.parametrize('missing', ['DMLC_PS_ROOT_URI', 'DMLC_NUM_SERVER'])
def test_variables_that_are_missing(missing):
    environment = launch.environment('worker', 2, 1, 9000)
    del environment[missing]
    done = subprocess.run([sys.executable, '-c', PRELUDE], env=environment,
                          stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert missing in done.stderr


def test_without_a_role_nothing_happens():
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith('DMLC')}
    subprocess.run([sys.executable, '-c', PRELUDE + 'assert member is None'],
                   env=environment, check=True)

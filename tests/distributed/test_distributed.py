"""Workers on one or several hosts train as one process does."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import launch
import numpy
import pytest
import test_replicas
from helpers import ROOT, small_set
from mxnet import cpu, npx
from numpy.testing import assert_allclose

from d2l_ext import TrainingError, VOCDetection, load_batches, worker_of
from d2l_ext.errors import DatasetError

# A hang would be a fault; the time itself is not what is tested, and other
# work on the machine may make it ten times as long.
HANG = 400
WORKER = [sys.executable, str(ROOT / 'tests/distributed/train_worker.py')]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Start a training on this machine; kill what is left of it."""
    monkeypatch.setenv('D2L_PATIENCE', str(HANG))
    processes = []

    def start(*options, num_workers=2, command=None):
        command = command or [*WORKER, str(tmp_path / 'result'), *options]
        with (tmp_path / 'said').open('w') as said:
            processes[:] = launch.start(
                command, num_workers, stdout=said, stderr=subprocess.STDOUT)
        return processes

    yield start
    for _, process in processes:
        process.kill()
        process.communicate()


def end(processes, folder):
    """Statuses of the workers, in order, and the output of all processes."""
    for _, process in processes:
        process.wait(timeout=HANG)
    statuses = [process.returncode for role, process in processes
                if role == 'worker']
    return statuses, (folder / 'said').read_text()


def wait_for(what, times, processes, folder):
    while (folder / 'said').read_text().count(what) < times:
        assert all(process.poll() is None for _, process in processes)
        time.sleep(.1)


def results(folder, num_workers=2):
    """Histories, and parameters at the end, of each worker."""
    told = [json.loads((folder / f'result-{rank}.json').read_text())
            for rank in range(num_workers)]
    arrays = []
    for rank in range(num_workers):
        with numpy.load(folder / f'result-{rank}.npz') as file:
            arrays.append([file[name] for name in file.files])
    return told, arrays


@pytest.fixture
def all_background(monkeypatch):
    """Workers sample other background than one process would: use all."""
    monkeypatch.setattr('d2l_ext.anchors.sample',
                        lambda candidate, quota: candidate)


@pytest.mark.parametrize('num_workers', [1, 2])
def test_workers_train_as_one_process_does(tmp_path, run, all_background,
                                           num_workers):
    """Two share each batch, in the proportion of 3 to 3 images."""
    expected, before, ones = test_replicas.train('joint', cpu())
    statuses, said = end(run('--stage', 'joint', num_workers=num_workers),
                         tmp_path)
    assert statuses == [0] * num_workers, said
    told, arrays = results(tmp_path, num_workers)
    for about, values in zip(told, arrays):
        assert_allclose(about['epochs'][0], expected[0][:-1], rtol=1e-4)
        for (one,), value in zip(ones, values):
            assert_allclose(value, one, atol=1e-4)
        # Copies are the same, bit for bit.
        assert all((a == b).all() for a, b in zip(values, arrays[0]))
    assert max(abs(a - b).max() for (a,), (b,) in zip(before, ones)) > 1e-2
    # Only worker 0 prints.
    assert said.count('train class err') == 1


def test_a_worker_is_killed_and_three_go_on(tmp_path, run, all_background):
    """From the last epoch that was stored."""
    path = tmp_path / 'run.npz'
    expected, _, ones = test_replicas.train(
        'rpn', cpu(), path=tmp_path / 'whole.npz', num_epochs=3)
    options = ['--epochs', '3', '--checkpoint', str(path)]
    processes = run(*options, '--event', 'KILL', '--rank', '1', '--at', '12')
    statuses, said = end(processes, tmp_path)
    assert sorted(statuses) == [-signal.SIGKILL, 1]
    # Evaluation takes five batches, too: the second of epoch 2.
    assert said.count('worker 1 (host') >= 2
    assert 'is gone' in said
    with numpy.load(path) as file:
        assert len(json.loads(str(file['about']))['history']) == 1
    statuses, said = end(run(*options, num_workers=3), tmp_path)
    assert statuses == [0] * 3, said
    told, arrays = results(tmp_path, 3)
    for about, values in zip(told, arrays):
        assert_allclose(about['epochs'], [e[:-1] for e in expected],
                        rtol=1e-3)
        for (one,), value in zip(ones, values):
            assert_allclose(value, one, atol=1e-4)


def test_a_server_is_killed(tmp_path, run):
    processes = run('--event', 'wait', '--rank', '0', '--at', '3')
    _, server = processes[1]
    wait_for('waiting', 1, processes, tmp_path)
    server.kill()
    statuses, said = end(processes, tmp_path)
    assert statuses == [1, 1]
    assert said.count(f'process {server.pid}) is gone') == 3


@pytest.mark.parametrize(('event', 'message'), [
    ('classes', r"workers differ in classes: worker 1 (host"),
    ('parameters', 'workers differ in parameter 0.0.weight: worker 1 (host'),
    # Without MXNet: test_a_worker_that_ends_too_early.
    pytest.param('error', 'worker 1 (host', marks=pytest.mark.slow)])
def test_a_worker_that_is_not_like_the_others(tmp_path, run, event, message):
    statuses, said = end(run('--event', event, '--rank', '1', '--at', '3'),
                         tmp_path)
    assert statuses == [1, 1]
    assert message in said
    if event == 'error':
        assert 'ValueError: a file that only this worker' in said
        assert 'exchanges, and the others go on' in said


def test_an_interrupt_stops_all_after_the_same_batch(tmp_path, run,
                                                     all_background):
    """It may reach one worker only, and a batch earlier than the other."""
    path = tmp_path / 'run.npz'
    expected, _, ones = test_replicas.train(
        'rpn', cpu(), path=tmp_path / 'whole.npz')
    options = ['--checkpoint', str(path)]
    statuses, said = end(run(*options, '--event', 'INT', '--rank', '1',
                             '--at', '3'), tmp_path)
    assert statuses == [1, 1]
    assert said.count('stopped after batch 3 of epoch 1') == 2
    statuses, said = end(run(*options), tmp_path)
    assert statuses == [0, 0], said
    told, arrays = results(tmp_path)
    assert_allclose(told[0]['epochs'][0], expected[0][:-1], rtol=1e-4)
    for (one,), value in zip(ones, arrays[1]):
        assert_allclose(value, one, atol=1e-4)


# What is registered first is called last: after d2l_ext, before MXNet.
LEAVE = """
import atexit, os
atexit.register(lambda: rank and os._exit(0))
import d2l_ext
rank, _ = d2l_ext.worker_of('dist_sync')
"""


def test_no_worker_waits_for_farewells(tmp_path, run):
    """That of MXNet would never come from a worker that is gone."""
    processes = run(command=[sys.executable, '-c', LEAVE])
    statuses, said = end(processes, tmp_path)
    assert statuses == [0, 0], said
    assert [process.returncode for _, process in processes] == [0] * 4
    assert said == ''


HOSTS = {'10.77.0.1': f'd2l-a-{os.getpid()}',
         '10.77.0.2': f'd2l-b-{os.getpid()}'}


@pytest.fixture
def hosts():
    """Two network namespaces with a cable between them."""
    if os.geteuid() or not shutil.which('ip'):
        pytest.skip('only root can make network namespaces, with `ip`')

    def ip(command):
        return subprocess.run(['ip', *command.split()], text=True,
                              capture_output=True)

    first, second = HOSTS.values()
    made = ip(f'netns add {first}')
    if made.returncode:
        pytest.skip(f'no network namespace can be made: {made.stderr}')
    commands = [f'netns add {second}',
                f'link add d2l0 netns {first} type veth peer name d2l0 '
                f'netns {second}']
    for address, name in HOSTS.items():
        commands += [f'-n {name} addr add {address}/24 dev d2l0',
                     f'-n {name} link set d2l0 up',
                     f'-n {name} link set lo up']
    try:
        for command in commands:
            done = ip(command)
            assert done.returncode == 0, done.stderr
        yield ip
    finally:
        for name in HOSTS.values():
            ip(f'netns del {name}')


def start_on(hosts_and_roles, command, output):
    """Start processes that differ only in role and address."""
    processes, environment = [], launch.environment('worker', 2, 1, 9500)
    for address, role in hosts_and_roles:
        processes.append((role, subprocess.Popen(
            ['ip', 'netns', 'exec', HOSTS[address],
             *(command if role == 'worker' else launch.SERVE)],
            env={**environment, 'DMLC_ROLE': role, 'D2L_SILENCE': '4',
                 'DMLC_NODE_HOST': address, 'DMLC_PS_ROOT_URI': '10.77.0.1'},
            stdout=output, stderr=subprocess.STDOUT)))
    return processes


def test_two_hosts_train_together_until_one_is_cut_off(tmp_path, hosts,
                                                       all_background):
    """Each has its own address; then the cable is pulled."""
    expected, _, ones = test_replicas.train('rpn', cpu())
    where = [('10.77.0.1', 'scheduler'), ('10.77.0.1', 'server'),
             ('10.77.0.1', 'worker'), ('10.77.0.2', 'worker')]
    command = [*WORKER, str(tmp_path / 'result')]
    with (tmp_path / 'said').open('w') as output:
        statuses, said = end(start_on(where, command, output), tmp_path)
    assert statuses == [0, 0], said
    told, arrays = results(tmp_path)
    for about, values in zip(told, arrays):
        assert_allclose(about['epochs'][0], expected[0][:-1], rtol=1e-4)
        for (one,), value in zip(ones, values):
            assert_allclose(value, one, atol=1e-4)
    command += ['--event', 'wait', '--at', '3']
    with (tmp_path / 'said').open('w') as output:
        processes = start_on(where, command, output)
        wait_for('waiting', 2, processes, tmp_path)
        hosts(f'-n {HOSTS["10.77.0.2"]} link set d2l0 down')
        statuses, said = end(processes, tmp_path)
    assert statuses == [1, 1]
    # The one side misses a worker, the other one misses the scheduler.
    assert f'process {processes[-1][1].pid}) is gone' in said
    assert 'the scheduler at 10.77.0.1:9501 is gone' in said


@pytest.mark.parametrize('num_workers', [2, 3])
@pytest.mark.parametrize('train', [True, False])
def test_shares_are_disjoint_and_complete(tmp_path, train, num_workers):
    """Batches are shuffled in each epoch, in the same way for all workers."""
    dataset = VOCDetection(small_set(tmp_path, 8, 4), 'train', 32, 32)
    loaders = [load_batches(dataset, 5, train, rank=rank,
                            num_workers=num_workers)
               for rank in range(num_workers)]
    orders = []
    for epoch in range(3):
        shares = []
        for loader in loaders:
            npx.random.seed(epoch)
            batches = list(loader)
            assert len(batches) == len(loader) == 2
            shares.append([loader.names_of(number) for number in (1, 2)])
            assert [len(X) for X, _ in batches] == list(
                map(len, shares[-1]))
        for number in (0, 1):
            sizes = [len(share[number]) for share in shares]
            assert max(sizes) - min(sizes) <= 1
        read = [name for share in shares for names in share for name in names]
        assert sorted(read) == sorted(dataset.names)
        orders.append(read)
    assert (orders[0] != orders[1]) == (orders[1] != orders[2]) == train
    npx.random.seed(0)
    again = [loaders[0].names_of(n) for n in (1, 2) if n > 1 or list(
        loaders[0])]
    assert [name for names in again for name in names] == orders[0][
        :len(again[0]) + len(again[1])]


def test_a_batch_that_is_too_small_to_share(tmp_path):
    dataset = VOCDetection(small_set(tmp_path, 8, 4), 'train', 32, 32)
    with pytest.raises(DatasetError, match="of 1 pictures can't be shared"):
        load_batches(dataset, 7, True, rank=0, num_workers=2)
    load_batches(dataset, 7, True, 'discard', rank=0, num_workers=2)
    # Nothing waits for others in an evaluation.
    batches = list(load_batches(dataset, 7, rank=1, num_workers=2))
    assert [len(X) for X, _ in batches] == [3]


def test_stores_that_cannot_be_used():
    assert worker_of('device') == (0, 1)
    with pytest.raises(TrainingError, match='DMLC_ROLE is not set'):
        worker_of('dist_sync')
    with pytest.raises(TrainingError, match="Use 'dist_sync'"):
        worker_of('dist_async')


def test_a_failed_launch_has_a_status_of_its_own():
    fails = [sys.executable, '-c', 'import d2l_ext, sys; sys.exit(3)']
    done = subprocess.run(
        [sys.executable, str(ROOT / 'tools' / 'launch.py'), '--workers', '1',
         '--', *fails],
        stderr=subprocess.PIPE, text=True, timeout=HANG)
    assert done.returncode == 3
    assert re.search('The worker with process number .* status 3',
                     done.stderr)

"""A training that was stopped resumes as if it had not been."""
import ast
import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
from types import SimpleNamespace

import kill_training
import numpy
import pytest
from helpers import ROOT, random_truth
from mxnet import cpu, init, np, npx
from mxnet.gluon import nn
from mxnet.name import NameManager

from d2l_ext import TrainingError
from d2l_ext.distributed.replicas import Replicas
from d2l_ext.errors import CheckpointError, CheckpointWarning
from d2l_ext.losses import DetectionLoss
from d2l_ext.rpn import RPNOutput, detection_backbone, rpn_batch
from d2l_ext.runtime.checkpoint import Checkpoint, interrupts_noted
from d2l_ext.runtime.files import replacing
from d2l_ext.runtime.run import Epoch
from d2l_ext.training import train_detection

NUM_BATCHES, NUM_EPOCHS = 4, 3


class Batches:
    """Shuffled with MXNet's random numbers, as a data set's are.

    `stop_at` counts batches from the first epoch on, and tells at which
    the process gets an interrupt.
    """

    def __init__(self, stop_at=None, classes=('cat', 'dog')):
        rng = numpy.random.default_rng(0)
        self.dataset = SimpleNamespace(classes=classes)
        self._given, self._stop_at = 0, stop_at
        self._batches = [
            (np.array(rng.normal(size=(2, 3, 16, 24)), dtype='float32'),
             random_truth(rng, 2, 3)) for _ in range(NUM_BATCHES)]

    def __len__(self):
        return NUM_BATCHES

    def __iter__(self):
        order = np.random.uniform(size=NUM_BATCHES).asnumpy().argsort()
        for i in order:
            self._given += 1
            if self._given == self._stop_at:
                os.kill(os.getpid(), signal.SIGINT)
            yield self._batches[i]


def models(channels=8):
    npx.random.seed(1)
    backbone, output = nn.HybridSequential(), RPNOutput()
    backbone.add(nn.Conv2D(channels, 3, 2, 1, activation='relu'),
                 nn.BatchNorm(), nn.Conv2D(8, 3, 2, 1))
    for model in (backbone, output):
        model.initialize(init.Xavier())
    return backbone, output


def train(path, data=None, resume=False, pair=None, num_epochs=NUM_EPOCHS,
          lr=.1):
    """Parameters at the end, and the history without its seconds."""
    pair = pair or models()
    data = data or Batches()
    history = train_detection(
        *pair, rpn_batch, data, data, DetectionLoss(1), num_epochs, lr, lr,
        cpu(), checkpoint=path, resume=resume)
    return parameters(pair), [entry[:-1] for entry in history]


def parameters(pair):
    return [p.data().asnumpy() for model in pair
            for p in model.collect_params().values()]


def same(ours, theirs):
    return ours[1] == theirs[1] and all(
        (a == b).all() for a, b in zip(ours[0], theirs[0]))


@pytest.fixture(scope='module')
def undisturbed(tmp_path_factory):
    npx.set_np()
    return train(tmp_path_factory.mktemp('whole') / 'run.npz')


# Evaluation takes batches, too: an epoch has eight.
@pytest.mark.parametrize('stop_at', [1, 3, 4, 6, 9, 20, 24])
def test_an_interrupted_training_goes_on(tmp_path, undisturbed, stop_at):
    path = tmp_path / 'run.npz'
    with pytest.raises(KeyboardInterrupt, match=r'goes on from .*run\.npz'):
        train(path, Batches(stop_at))
    # No batch that was done is lost.
    epochs, batch = divmod(stop_at - 1, 2 * NUM_BATCHES)
    steps = epochs * NUM_BATCHES + min(batch + 1, NUM_BATCHES)
    with numpy.load(path) as file:
        assert json.loads(str(file['about']))['updates'] == [steps] * 2
    assert same(train(path, resume=True), undisturbed)


def test_two_interrupts_of_one_epoch(tmp_path, undisturbed):
    path = tmp_path / 'run.npz'
    for stop_at in (1, 3):
        with pytest.raises(KeyboardInterrupt):
            train(path, Batches(stop_at), resume=True)
    assert same(train(path, resume=True), undisturbed)


@pytest.mark.parametrize('first', [6, 8])
def test_momentum_does_not_depend_on_names(tmp_path, undisturbed, first):
    """MXNet counts layers, and a trainer sorts conv10 before conv9."""
    path = tmp_path / 'run.npz'
    with pytest.raises(KeyboardInterrupt):
        train(path, Batches(stop_at=3))
    with NameManager() as names:
        for _ in range(first):
            names.get(None, 'conv')
        pair = models()
    assert f'conv{first + 2}_weight' in pair[1].collect_params()
    assert same(train(path, resume=True, pair=pair), undisturbed)


def test_a_finished_training_is_read_at_once(tmp_path, undisturbed):
    train(tmp_path / 'run.npz')
    drawn = np.random.uniform()
    data = Batches(stop_at=1)
    assert same(train(tmp_path / 'run.npz', data, True), undisturbed)
    # The next step of a recipe goes on from here.
    assert np.random.uniform() == drawn


def test_killed_at_random_moments(tmp_path):
    """Both steps of the chapter, each in a process that is killed."""
    expected, _, seconds = kill_training.run(tmp_path / 'whole', 1, 64)
    # On a machine that has become busier since, no run may be fast enough.
    result, kills, _ = kill_training.run(
        tmp_path / 'killed', 1, 64, (0, .8 * seconds), random.Random(1),
        max_kills=3)
    assert kills > 0
    assert result == expected


@contextlib.contextmanager
def files_no_larger_than(size):
    """Make a write fail half way, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_good_checkpoint_is_not_overwritten_unasked(tmp_path):
    path = tmp_path / 'run.npz'
    train(path, num_epochs=1)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match='resume=True'):
        train(path, num_epochs=1)
    assert path.read_bytes() == before


@pytest.mark.parametrize(('changed', 'message'), [
    ({'pair': 16}, 'another model'),
    ({'data': Batches(classes=['cow'])}, r"classes \['cat', 'dog'\]"),
    ({'lr': .2}, 'backbone_lr 0.1 instead of 0.2'),
    ({'num_epochs': 5}, 'num_epochs 3 instead of 5')])
def test_another_training_is_refused(tmp_path, changed, message):
    path = tmp_path / 'run.npz'
    train(path)
    pair = models(changed.pop('pair', 8))
    pair[1](pair[0](np.ones((1, 3, 16, 24))))
    before = parameters(pair)
    with pytest.raises(CheckpointError, match=message) as raised:
        train(path, resume=True, pair=pair, **changed)
    assert 'run.npz' in str(raised.value)
    for a, b in zip(before, parameters(pair)):
        assert (a == b).all()


@pytest.mark.parametrize('changed', ['names', 'sizes', 'boxes'])
def test_other_pictures_are_refused(tmp_path, changed):
    """Another data set with as many pictures of the same classes."""
    def data(names=('a', 'b'), sizes=((4, 3), (4, 3)), boxes=(1, 2)):
        batches = Batches()
        batches.dataset = SimpleNamespace(
            classes=['cat'], names=names, image_size=sizes.__getitem__,
            objects=[[('cat', (0, 0, box, box), False)] for box in boxes])
        return batches

    path = tmp_path / 'run.npz'
    train(path, data(), num_epochs=1)
    train(path, data(), resume=True, num_epochs=1)
    other = {'names': ('a', 'c'), 'sizes': ((4, 3), (8, 6)),
             'boxes': (1, 3)}[changed]
    with pytest.raises(CheckpointError, match='with data 2 pictures'):
        train(path, data(**{changed: other}), resume=True, num_epochs=1)


def test_a_damaged_file_is_refused(tmp_path, rng):
    path = tmp_path / 'run.npz'
    train(path, num_epochs=1)
    whole = path.read_bytes()
    damaged = [whole[:int(n)] for n in rng.integers(0, len(whole), 20)]
    for position in rng.integers(0, len(whole), 20):
        flipped = bytearray(whole)
        flipped[position] ^= 255
        damaged.append(bytes(flipped))
    damaged += [b'', b'<html>', b'PK']
    refused = 0
    for data in damaged:
        path.write_bytes(data)
        try:
            train(path, resume=True, num_epochs=1)
        except CheckpointError:
            refused += 1
    # A byte that nobody reads, such as a time stamp, does no harm.
    assert refused >= 35


def test_checksums_are_compared(tmp_path):
    """NumPy reads no further than an array claims to be long.

    So it never comes to the checksum, which follows the last byte.
    """
    path = tmp_path / 'run.npz'
    train(path, num_epochs=1)
    with numpy.load(path) as file:
        name = next(name for name in file if name.startswith('momentum')
                    and file[name].shape == (128, 8, 3, 3))
    content = path.read_bytes()
    start = content.index(name.encode())
    content = content[:start] + content[start:].replace(
        b"'shape': (128", b"'shape': (120", 1)
    path.write_bytes(content)
    with numpy.load(path) as file:
        assert file[name].shape == (120, 8, 3, 3)
    with pytest.raises(CheckpointError, match='wrong checksum'):
        train(path, resume=True, num_epochs=1)


def test_nothing_is_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.system, (f'touch {tmp_path / "sprung"}',)

    path = tmp_path / 'run.npz'
    numpy.savez(path, about=numpy.array([Trap()], dtype=object))
    with pytest.raises(CheckpointError, match='no checkpoint'):
        train(path, resume=True)
    assert not (tmp_path / 'sprung').exists()


def test_another_version_is_refused(tmp_path):
    path = tmp_path / 'run.npz'
    numpy.savez(path, about=json.dumps({'version': 1, 'settings': {}}))
    with pytest.raises(CheckpointError, match=r'run\.npz.*version 1'):
        train(path, resume=True)


PROJECT = [path for folder in ('d2l_ext', 'tools')
           for path in sorted((ROOT / folder).rglob('*.py'))]


@pytest.mark.parametrize('path', PROJECT, ids=lambda path: path.name)
def test_no_code_unpickles(path):
    """Reading a pickle runs whatever its author wants."""
    for node in ast.walk(ast.parse(path.read_text('utf-8'))):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [getattr(node, 'module', None) or '',
                     *(alias.name for alias in node.names)]
            assert not {'pickle', 'cPickle', 'dill', 'joblib', 'shelve',
                        'marshal', 'cloudpickle'} & {
                            part for n in names for part in n.split('.')}
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert not called.endswith(('load_states', 'read_pickle'))
            # Both sides of grading run what they are given: the grader the
            # teacher's own tests, the sandbox the student's answers.
            assert called not in ('eval', 'exec') or (
                path.name in ('marks.py', 'student_side.py'))
            if called in ('numpy.load', 'np.load', 'npx.load_npz'):
                assert 'allow_pickle=False' in ast.unparse(node)


def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path):
    path = tmp_path / 'run.npz'
    with pytest.raises(KeyboardInterrupt):
        train(path, Batches(2 * NUM_BATCHES + 2))
    before = path.read_bytes()
    with files_no_larger_than(len(before) // 2), pytest.warns(
            CheckpointWarning, match='could not be written'):
        train(path, resume=True)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ['run.npz']


@pytest.mark.parametrize('missing', [1, 100, 5000])
def test_a_full_disk_leaves_the_parameters_that_were_stored(tmp_path,
                                                            missing):
    """MXNet alone does not notice if only the last bytes don't fit."""
    backbone = detection_backbone(1)
    backbone.initialize()
    backbone(np.ones((1, 3, 32, 32)))
    path = tmp_path / 'backbone'
    backbone.save_parameters(str(path))
    before = path.read_bytes()
    with files_no_larger_than(len(before) - missing), pytest.raises(
            CheckpointError, match='backbone: the parameters could not be'):
        backbone.save_parameters(str(path))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ['backbone']


@pytest.mark.parametrize('folder', ['missing', '/sys'])
def test_a_folder_that_takes_no_file_is_named(tmp_path, folder):
    """/sys takes none from root either, as a read-only folder would."""
    with pytest.raises(CheckpointError, match='no checkpoint can be written'):
        train(tmp_path / folder / 'run.npz')


def test_the_same_training_without_a_checkpoint(tmp_path):
    """Seeding each batch gives other random numbers."""
    first, second = train(None), train(None)
    assert same(first, second)


def test_no_batch_at_all():
    pair = models()
    with pytest.raises(TrainingError, match='no batch to train on'):
        train_detection(*pair, rpn_batch, [], [], DetectionLoss(1), 1, .1,
                        .1, cpu())


def test_a_second_interrupt_is_not_held_back():
    # A shell that starts tests in the background has it ignored.
    before = signal.getsignal(signal.SIGINT)

    def interrupt_twice():
        with interrupts_noted() as noted:
            os.kill(os.getpid(), signal.SIGINT)
            assert noted
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        interrupt_twice()
    assert signal.getsignal(signal.SIGINT) is before


def test_after_training_an_interrupt_does_what_it_did_before(tmp_path):
    before = signal.getsignal(signal.SIGINT)
    trained = models()
    keeper = Checkpoint(tmp_path / 'run.npz', False,
                        Replicas(trained, cpu()), Batches(), trained, ())
    with keeper:
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / 'file'
    with replacing(path) as partial:
        partial.write_text('first')

    def fail_half_way():
        with replacing(path) as partial:
            partial.write_text('half of the sec')
            raise OSError('broken')

    with pytest.raises(OSError, match='broken'):
        fail_half_way()
    assert path.read_text() == 'first'
    assert os.listdir(tmp_path) == ['file']


KILLED_WRITE = """
import os, signal, sys
from d2l_ext.runtime.files import replacing
from d2l_ext.runtime.run import Epoch
with replacing(sys.argv[1]) as partial:
    partial.write_text('half of the sec')
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_write_that_is_killed_leaves_the_file(tmp_path):
    """And what it leaves does not disturb the next write."""
    path = tmp_path / 'file'
    path.write_text('first')
    done = subprocess.run([sys.executable, '-c', KILLED_WRITE, str(path)])
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == 'first'
    assert len(os.listdir(tmp_path)) == 2
    with replacing(path) as partial:
        partial.write_text('third')
    assert path.read_text() == 'third'
    assert os.listdir(tmp_path) == ['file']


def test_history_comes_back_as_it_was(tmp_path):
    pair, data = models(), Batches()
    arguments = (*pair, rpn_batch, data, data, DetectionLoss(1), 1, .1, .1,
                 cpu(), tmp_path / 'run.npz')
    first = train_detection(*arguments)
    again = train_detection(*arguments, resume=True)
    assert first == again
    assert isinstance(again[0], Epoch)

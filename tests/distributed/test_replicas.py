"""Several devices give the same training as one."""
import numpy
import pytest
from helpers import random_truth
from mxnet import cpu, init, np, npx
from mxnet.gluon import nn
from numpy.testing import assert_allclose

from d2l_ext.detector.stages import (
    JointLoss,
    JointOutput,
    faster_rcnn_batch_fn,
    joint_batch_fn,
)
from d2l_ext.distributed.replicas import Replicas
from d2l_ext.errors import TrainingError
from d2l_ext.losses import DetectionLoss
from d2l_ext.rcnn import FasterRCNNOutput
from d2l_ext.rpn import RPNOutput, rpn_batch
from d2l_ext.training import train_detection

DEVICES = [cpu(0), cpu(1)]
NUM_STEPS = 5


def make_models(ctx, frozen=True, seed=1):
    """A small backbone, with its normalisation frozen, and both outputs."""
    npx.random.seed(seed)
    backbone = nn.HybridSequential()
    backbone.add(nn.Conv2D(8, 3, 2, 1, activation='relu'),
                 nn.BatchNorm(use_global_stats=frozen),
                 nn.Conv2D(8, 3, 2, 1, activation='relu'))
    backbone.hybridize(static_alloc=True, static_shape=True)
    models = backbone, RPNOutput(), FasterRCNNOutput(2)
    for model in models:
        model.initialize(init.Xavier(), ctx=ctx)
    first = Replicas((), ctx).devices[0]
    features = backbone(np.ones((1, 3, 32, 48), ctx=first))
    models[1](features)
    models[2](features, np.array([[0., 0, 0, 1, 1]], ctx=first))
    return models


def values_of(*models):
    """Each parameter, on every device."""
    return [[array.asnumpy() for array in parameter.list_data()]
            for model in models
            for parameter in model.collect_params().values()]


def batches(batch_size=6):
    rng = numpy.random.default_rng(0)
    return [(np.array(rng.normal(size=(batch_size, 3, 32, 48)),
                      dtype='float32'), random_truth(rng, batch_size, 3))
            for _ in range(NUM_STEPS)]


def train(stage, ctx, data=None, frozen=True, path=None, num_epochs=1,
          seed=1, **arguments):
    """History, and parameters before and after epochs of five steps."""
    backbone, rpn_output, head = make_models(ctx, frozen, seed)
    output, batch_fn, loss = {
        'rpn': (rpn_output, rpn_batch, DetectionLoss(1)),
        'rcnn': (head, faster_rcnn_batch_fn(rpn_output), DetectionLoss(1)),
        'joint': (JointOutput(rpn_output, head), joint_batch_fn(),
                  JointLoss(1))}[stage]
    before, data = values_of(backbone, output), data or batches()
    npx.random.seed(2)
    history = train_detection(backbone, output, batch_fn, data, data, loss,
                              num_epochs, .5, .5, ctx, path, **arguments)
    return history, before, values_of(backbone, output)


@pytest.mark.parametrize('batch_size', [6, 5])
@pytest.mark.parametrize('stage', ['rpn', 'rcnn', 'joint'])
def test_two_devices_train_as_one_does(monkeypatch, stage, batch_size):
    """Shares differ in size and in the number of objects."""
    if stage == 'joint':
        # Two devices label the first share for both stages, then the second
        # one: they draw the background in another order. So all is used.
        monkeypatch.setattr('d2l_ext.anchors.sample',
                            lambda candidate, quota: candidate)
    data = batches(batch_size)
    expected, before, ones = train(stage, cpu(), data)
    found, _, twos = train(stage, DEVICES, data)
    assert_allclose(found[0][:-1], expected[0][:-1], rtol=1e-4)
    moved = 0
    for (start,), (one,), (first, second) in zip(before, ones, twos):
        assert (first == second).all()
        assert_allclose(first, one, atol=1e-4)
        moved = max(moved, abs(one - start).max())
    assert moved > 1e-2


def test_means_of_normalisation_are_those_of_all_devices():
    """Shares have other means than the batch: this is where they differ."""
    _, _, ones = train('rpn', cpu(), frozen=False)
    history, _, twos = train('rpn', DEVICES, frozen=False)
    assert numpy.isfinite(history[0][:-1]).all()
    for first, second in twos:
        assert (first == second).all()
    apart = max(abs(one - first).max()
                for (one,), (first, _) in zip(ones, twos))
    assert 1e-4 < apart < .5


def test_means_of_normalisation_follow_the_pictures():
    """Two shares of the same pictures have the means of their batch."""
    halves = batches(3)
    data = [(np.concatenate([X, X]), np.concatenate([Y, Y]))
            for X, Y in halves]
    expected, before, ones = train('rpn', cpu(), data, frozen=False)
    found, _, twos = train('rpn', DEVICES, data, frozen=False)
    # The evaluation of the epoch uses them instead of those of a batch.
    assert_allclose(found[0][:-1], expected[0][:-1], rtol=1e-3)
    for (one,), (first, second) in zip(ones, twos):
        assert (first == second).all()
        assert_allclose(first, one, atol=1e-3)
    # Conv2D has two parameters, BatchNorm four.
    for (start,), (one,) in zip(before[4:6], ones[4:6]):
        assert abs(one - start).max() > .1


def test_a_training_on_two_devices_goes_on(tmp_path):
    path = tmp_path / 'run.npz'
    expected, _, values = train('rpn', DEVICES, frozen=False, path=path)
    again, _, resumed = train('rpn', DEVICES, frozen=False, path=path,
                              resume=True)
    assert again == expected
    for ours, theirs in zip(values, resumed):
        for a, b in zip(ours, theirs):
            assert (a == b).all()


def test_long_gradients_are_shortened_once(monkeypatch):
    """By the norm of the whole batch's gradient, not of each share's."""
    monkeypatch.setattr('d2l_ext.training.MAX_GRADIENT', .1)
    _, before, ones = train('rpn', cpu())
    _, _, twos = train('rpn', DEVICES)
    assert max(abs(a - b).max() for (a,), (b,) in zip(before, ones)) > 1e-3
    for (one,), (first, _) in zip(ones, twos):
        assert_allclose(first, one, atol=1e-5)


def test_a_loss_that_is_not_finite_on_the_second_device():
    data = batches()
    data[1][0][-1, 0, 0, 0] = numpy.nan
    with pytest.raises(TrainingError, match='batch 2 of epoch 1 the loss'):
        train('rpn', DEVICES, data)


def test_more_devices_than_images():
    with pytest.raises(TrainingError, match='1 images is too small for 2'):
        train('rpn', DEVICES, batches(1))


def test_a_loss_that_cannot_be_shared():
    replicas = Replicas((), DEVICES)
    with pytest.raises(TrainingError, match='needs a method `counts`'):
        replicas.losses(lambda *arrays: arrays, [((), ()), ((), ())])
    one = Replicas((), cpu(1))
    assert one.losses(lambda *arrays: arrays, [((1,), (2,))]) == [(1, 2)]


def test_shares_are_complete_and_where_they_belong():
    X = np.arange(10).reshape(5, 2)
    (first,), (second,) = Replicas((), DEVICES).split(X)
    assert (first.ctx, second.ctx) == (cpu(0), cpu(1))
    assert numpy.concatenate([first.asnumpy(), second.asnumpy()]).tolist() \
        == X.asnumpy().tolist()
    assert len(Replicas((), DEVICES).split(X[:1])) == 1

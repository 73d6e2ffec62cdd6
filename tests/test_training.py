"""The training loop, on a model small enough to train in a second."""
import math
from types import SimpleNamespace

import numpy
import pytest
from helpers import random_truth
from mxnet import autograd, cpu, init, np, npx
from mxnet.gluon import nn
from numpy.testing import assert_allclose

from d2l_ext import training
from d2l_ext.detector.stages import JointOutput
from d2l_ext.errors import TrainingError
from d2l_ext.losses import DetectionLoss
from d2l_ext.rcnn import FasterRCNNOutput
from d2l_ext.rpn import RPNOutput, rpn_batch
from d2l_ext.training import train_detection


def tiny_model(ctx=None):
    backbone = nn.HybridSequential()
    backbone.add(nn.Conv2D(8, 3, 2, 1, activation='relu'),
                 nn.BatchNorm(), nn.Conv2D(8, 3, 2, 1, activation='relu'))
    output = RPNOutput()
    for model in (backbone, output):
        model.initialize(init.Xavier(), ctx=ctx)
    return backbone, output


def batches(rng, n=3):
    return [(np.array(rng.normal(size=(4, 3, 16, 24)), dtype='float32'),
             random_truth(rng, 4, 3)) for _ in range(n)]


def train(rng, num_epochs=3, lr=.1, data=None, ctx=None, loss=None,
          **models):
    data = data or batches(rng)
    backbone, output = models.get('models') or tiny_model(ctx)
    return train_detection(backbone, output, rpn_batch, data, data[:1],
                           loss or DetectionLoss(1), num_epochs, lr, lr,
                           ctx or cpu())


def test_history_and_the_printed_line(rng, capsys):
    history = train(rng, num_epochs=4)
    assert [entry.epoch for entry in history] == [1, 2, 3, 4]
    assert history[-1].loss < history[0].loss
    for entry in history:
        assert 0 <= entry.train_class_error <= 1
        assert 0 <= entry.test_class_error <= 1
        assert entry.train_box_mae > 0
        assert entry.test_box_mae > 0
    last = history[-1]
    line = capsys.readouterr().out.splitlines()[-1]
    assert line == (
        f'train class err {last.train_class_error:.2e}, '
        f'box mae {last.train_box_mae:.2e}; '
        f'test class err {last.test_class_error:.2e}, '
        f'box mae {last.test_box_mae:.2e}')


def test_same_seed_same_run():
    def run(seed):
        npx.random.seed(seed)
        return [entry[:-1] for entry in
                train(numpy.random.default_rng(0), num_epochs=2)]

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_rates_belong_to_their_models(rng):
    backbone, output = tiny_model()
    data = batches(rng)
    backbone(data[0][0])
    weight = backbone[0].weight.data().copy()
    train_detection(backbone, output, rpn_batch, data, data,
                    DetectionLoss(1), 1, 0, .1, cpu())
    assert (backbone[0].weight.data() == weight).all()
    train_detection(backbone, output, rpn_batch, data, data,
                    DetectionLoss(1), 1, .1, 0, cpu())
    assert not (backbone[0].weight.data() == weight).all()


def test_a_loss_that_is_not_finite_stops_training(rng):
    data = batches(rng)
    data[1][0][0, 0, 0, 0] = math.nan
    with pytest.raises(TrainingError, match='batch 2 of epoch 1 the loss'):
        train(rng, data=data)
    named = NamedBatches(data)
    with pytest.raises(TrainingError, match=r'epoch 1 \(2a, 2b\) the loss'):
        train(rng, data=named)


@pytest.mark.parametrize(('spoil', 'message'), [
    (lambda preds: 3e38, r'loss is (nan|inf) and .* norm \d'),
    (lambda preds: np.sqrt(0 * preds[:, 0]), r'loss is \d.* norm (nan|inf)')],
    ids=['sum', 'gradient'])
def test_a_loss_of_finite_values_may_still_not_be_finite(
        rng, spoil, message):
    with pytest.raises(TrainingError, match=message):
        train(rng, loss=lambda *args: DetectionLoss(1)(*args)
              + spoil(args[0]))


class NamedBatches(list):
    def names_of(self, number):
        return [f'{number}a', f'{number}b']


@pytest.mark.parametrize(('classes', 'made_for'), [
    (['a', 'b', 'c'], 2), (['a'], 2), (['a', 'b', 'c'], 1)])
def test_another_number_of_classes_is_told(rng, classes, made_for):
    """Before the first step, which would take one class for another."""
    backbone, _ = tiny_model()
    head = FasterRCNNOutput(made_for)
    head.initialize()
    data = NamedBatches(batches(rng))
    data.dataset = SimpleNamespace(classes=classes, names=[])
    with pytest.raises(TrainingError, match=(
            rf'FasterRCNNOutput\({len(classes)}\) instead of '
            rf'FasterRCNNOutput\({made_for}\)')):
        train_detection(backbone, head, None, data, data, DetectionLoss(1),
                        1, .1, .1, cpu())
    both = JointOutput(RPNOutput(), head)
    both.initialize()
    with pytest.raises(TrainingError, match='instead of'):
        train_detection(backbone, both, None, data, data, DetectionLoss(1),
                        1, .1, .1, cpu())


def test_batches_without_objects_are_normal(rng):
    data = batches(rng)
    for _, Y in data:
        Y[:] = -1
    history = train(rng, num_epochs=1, data=data)
    assert math.isfinite(history[0].loss)
    assert math.isnan(history[0].train_box_mae)
    assert history[0].train_class_error <= 1


def test_the_rate_rises_and_falls():
    _, output = tiny_model()
    schedule = training._trainer(output, .5, 40).optimizer.lr_scheduler
    rates = [schedule(step) for step in range(41)]
    peak = rates.index(max(rates))
    assert max(rates) == pytest.approx(.05)    # scaled by 1 - momentum
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert 0 < peak <= 6
    assert rates[-1] < .001


@pytest.mark.parametrize('num_batches', [4, 5, 6])
def test_a_training_may_be_as_short_as_the_warmup(rng, num_batches):
    history = train(rng, num_epochs=1, data=batches(rng, num_batches))
    assert math.isfinite(history[0].loss)


def test_long_gradients_are_shortened(rng):
    _, output = tiny_model()
    X = np.array(rng.normal(size=(1, 8, 4, 6)), dtype='float32')
    for scale, expected in ((1e-3, None), (1e4, training.MAX_GRADIENT)):
        with autograd.record():
            cls_preds, box_preds = output(X)
            value = scale * (cls_preds.sum() + box_preds.sum())
        value.backward()

        def norm():
            return math.sqrt(sum(
                float((p.grad()**2).sum())
                for p in output.collect_params().values()))

        before = norm()
        reported = training._clip_gradients([output], cpu())
        assert reported == pytest.approx(before, rel=1e-4)
        assert norm() == pytest.approx(expected or before, rel=1e-4)


def test_a_step_is_the_rate_times_the_gradient(rng):
    """The loss is a mean: nothing divides by the batch size again."""
    models = tiny_model()
    train(rng, num_epochs=1, data=batches(rng, n=1), models=models)
    bias = models[1].cls_predictor.bias     # it starts at zero
    schedule = training._trainer(models[1], .1, 1).optimizer.lr_scheduler
    expected = -schedule(1) * bias.grad().asnumpy()
    assert abs(expected).max() > 0
    assert_allclose(bias.data().asnumpy(), expected, rtol=1e-4)


def test_errors_of_nothing_are_not_a_number():
    assert all(map(math.isnan, training._errors([0, 0, 0, 0])))


@pytest.mark.parametrize('num_steps', [1, 4, 5, 6])
def test_a_run_may_end_while_the_rate_still_rises(rng, num_steps):
    assert training.WARMUP_STEPS == 5
    history = train(rng, num_epochs=1, data=batches(rng, num_steps))
    assert math.isfinite(history[0].loss)

"""Nothing may depend on the default device.

Two CPU contexts stand for CPU and GPU. MXNet adds arrays of two CPU
contexts without a word, where a GPU would raise an error; so every operator
call is watched here.
"""
import detect
import experiments
import mxnet as mx
import pytest
import test_replicas
import train_detector
from helpers import small_set
from mxnet import autograd, cpu, np
from test_training import batches, tiny_model

from d2l_ext import Recipe, Step, voc_dir
from d2l_ext.errors import DeviceError
from d2l_ext.evaluation import proposal_recall
from d2l_ext.losses import DetectionLoss
from d2l_ext.rcnn import FasterRCNNOutput, faster_rcnn_targets, predict_rcnn
from d2l_ext.rpn import predict_rpn, rpn_anchors, rpn_batch
from d2l_ext.runtime.devices import devices_named
from d2l_ext.training import train_detection

HERE = cpu(1)


@pytest.fixture
def watch(monkeypatch):
    """Raise an error when an operator gets arrays of two contexts."""
    calls = []

    def note(arrays):
        contexts = {str(a.ctx) for a in arrays}
        calls.append(contexts)
        assert len(contexts) < 2, f'arrays of {sorted(contexts)}'

    def watched(call):
        def checked(handle, ndargs, *args, **kwargs):
            note(ndargs)
            return call(handle, ndargs, *args, **kwargs)
        return checked

    # Generated operators look the function up in their own modules.
    modules = [m for m in list(vars(mx.nd).values())
               + list(vars(mx.nd.numpy).values())
               + list(vars(mx.nd.numpy_extension).values())
               + [mx.nd, mx.nd.numpy, mx.nd.numpy_extension]
               if hasattr(m, '_imperative_invoke')]
    for module in modules:
        monkeypatch.setattr(module, '_imperative_invoke',
                            watched(module._imperative_invoke))
    cached = mx.nd.CachedOp.__call__

    def checked_cached(self, *args, **kwargs):
        note(args)
        return cached(self, *args, **kwargs)

    monkeypatch.setattr(mx.nd.CachedOp, '__call__', checked_cached)
    return calls


def test_the_watch_sees_arrays_of_two_contexts(watch):
    """A test of the test: `a + b`, concatenation and indexing."""
    a, b = np.ones(2, ctx=cpu(0)), np.ones(2, ctx=HERE)
    for mix in (lambda: a + b, lambda: np.concatenate([a, b]),
                lambda: np.where(a > 0, a, b), lambda: a * b):
        with pytest.raises(AssertionError, match='arrays of'):
            mix()
    assert len(watch) > 4


def test_training_proposals_and_evaluation(watch, rng):
    """Both stages on a context that is not the default one."""
    assert mx.context.current_context() == cpu(0)
    data, loss = batches(rng), DetectionLoss(1)
    backbone, rpn_output = tiny_model(HERE)
    backbone.hybridize(static_alloc=True, static_shape=True)
    train_detection(backbone, rpn_output, rpn_batch, data, data, loss, 1,
                    .1, .1, HERE)

    def faster_rcnn_batch(Y, features, output, anchors):
        with autograd.pause():
            preds = predict_rpn(features, rpn_output, rpn_anchors, .7)
            rois, *labels = faster_rcnn_targets(Y, preds)
        return output(features, rois), labels, None

    head = FasterRCNNOutput(2)
    head.initialize(ctx=HERE)
    train_detection(backbone, head, faster_rcnn_batch, data, data, loss, 1,
                    .1, .1, HERE)
    X, Y = (a.as_in_ctx(HERE) for a in data[0])
    features = backbone(X)
    preds = predict_rpn(features, rpn_output, rpn_anchors, .7)
    detections = predict_rcnn(features, head, preds)
    for array in [a for row in preds + detections for a in row]:
        assert array.ctx == HERE
    assert 0 <= proposal_recall(preds, list(Y)) <= 1
    assert any(contexts == {str(HERE)} for contexts in watch)


@pytest.mark.parametrize('stage', ['rpn', 'rcnn', 'joint'])
def test_two_devices_keep_their_arrays_apart(watch, stage):
    """Labels and proposals are made on the device of each share."""
    devices = [cpu(1), cpu(2)]
    history, _, _ = test_replicas.train(stage, devices, frozen=False)
    assert history[0].loss > 0
    for device in devices:
        assert sum(contexts == {str(device)} for contexts in watch) > 100


TINY = Recipe(steps=(Step('joint', 1, .1, .1),), batch_size=4, side=64,
              num_stages=3, pooling='align', num_hidden=8, num_rois=8)


@pytest.fixture
def where(watch, tmp_path, monkeypatch):
    """Run a tool; gives the devices that its networks computed on."""
    monkeypatch.setenv('D2L_VOC_DIR', str(small_set(tmp_path)))
    monkeypatch.setitem(train_detector.RECIPES, 'best', TINY)
    found, cached = set(), mx.nd.CachedOp.__call__

    def noted(self, *args, **kwargs):
        found.update(a.ctx for a in args)
        return cached(self, *args, **kwargs)

    monkeypatch.setattr(mx.nd.CachedOp, '__call__', noted)

    def run(tool, *arguments):
        found.clear()
        monkeypatch.setattr('sys.argv', [tool.__name__, *map(str, arguments)])
        tool.main()
        return set(found)
    return run


def test_tools_compute_on_the_devices_that_are_named(where, tmp_path, capsys):
    """What the networks give is mixed with nothing from elsewhere, either."""
    detector = tmp_path / 'detector'
    assert where(train_detector, detector, '--device', 'cpu(1),cpu(2)') == {
        cpu(1), cpu(2)}
    assert 'Training on cpu(1), cpu(2)' in capsys.readouterr().out
    pictures = voc_dir()[0] / 'JPEGImages'
    assert where(detect, pictures, '--device', 'cpu(1)', '--detector',
                 detector, '--output', tmp_path / 'found') == {cpu(1)}
    assert 'Detecting on cpu(1)' in capsys.readouterr().out


def test_an_experiment_computes_on_the_device_that_is_found(
        where, tmp_path, monkeypatch):
    monkeypatch.setattr(experiments.d2l, 'try_gpu', lambda: HERE)
    monkeypatch.setattr(experiments, 'STEPS', tmp_path / 'steps')
    monkeypatch.setattr(experiments, 'RESULTS', tmp_path / 'results')
    monkeypatch.setattr(experiments, 'choose_data', lambda data: None)
    monkeypatch.setitem(experiments.EXPERIMENTS, 'best',
                        experiments.Experiment(TINY))
    assert where(experiments, 'best') == {HERE}
    # And with what was trained before.
    assert where(experiments, 'best') == {HERE}


@pytest.mark.parametrize(('text', 'expected'), [
    ('cpu', [cpu(0)]), ('cpu(1)', [cpu(1)]),
    (' cpu(2), cpu', [cpu(2), cpu(0)]), ('', [cpu(0)])])
def test_devices_are_named(text, expected):
    assert devices_named(text) == expected


@pytest.mark.parametrize('text', ['gpu', 'cpu,gpu(3)', 'tpu', 'cpu(-1)', ','])
def test_a_device_that_is_not_there_is_refused(text):
    with pytest.raises(DeviceError, match=r'device|no such GPU'):
        devices_named(text)

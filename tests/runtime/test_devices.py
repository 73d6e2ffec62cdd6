"""Nothing may depend on the default device.

Two CPU contexts stand for CPU and GPU. MXNet adds arrays of two CPU
contexts without a word, where a GPU would raise an error; so every operator
call is watched here.
"""
import mxnet as mx
import pytest
import test_replicas
from mxnet import autograd, cpu, np
from test_training import batches, tiny_model

from d2l_ext.evaluation import proposal_recall
from d2l_ext.losses import DetectionLoss
from d2l_ext.rcnn import FasterRCNNOutput, faster_rcnn_targets, predict_rcnn
from d2l_ext.rpn import predict_rpn, rpn_anchors, rpn_batch
from d2l_ext.training import train_detection

HERE = cpu(1)


@pytest.fixture
def watch(monkeypatch):
    """Raise an error when an operator gets arrays of two contexts."""
    calls = []

    def watched(call):
        def checked(handle, ndargs, *args, **kwargs):
            contexts = {str(a.ctx) for a in ndargs}
            calls.append(contexts)
            assert len(contexts) < 2, f'arrays of {sorted(contexts)}'
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
        contexts = {str(a.ctx) for a in args}
        assert len(contexts) < 2, f'arrays of {sorted(contexts)}'
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
    """Labels and proposals are made where each share of the data is."""
    devices = [cpu(1), cpu(2)]
    history, _, _ = test_replicas.train(stage, devices, frozen=False)
    assert history[0].loss > 0
    for device in devices:
        assert sum(contexts == {str(device)} for contexts in watch) > 100

"""Loss, value and gradient, against a plain NumPy version."""
import numpy
import pytest
from mxnet import autograd, np
from numpy.testing import assert_allclose

from d2l_ext.losses import DetectionEvaluation, DetectionLoss


def random_batch(rng, n, num_classes=2):
    return (rng.normal(size=(n, num_classes + 1)).astype('float32'),
            rng.normal(size=(n, 4)).astype('float32'),
            rng.integers(-1, num_classes + 1, n).astype('float32'),
            rng.normal(size=(n, 4)).astype('float32'))


def plain_loss(cls_preds, box_preds, cls_labels, box_labels, lambd):
    """Value and both gradients, anchor by anchor."""
    valid = [i for i, label in enumerate(cls_labels) if label >= 0]
    positive = [i for i, label in enumerate(cls_labels) if label > 0]
    value = 0
    cls_grad, box_grad = (numpy.zeros(a.shape) for a in (cls_preds,
                                                         box_preds))
    for i in valid:
        p = numpy.exp(cls_preds[i]) / numpy.exp(cls_preds[i]).sum()
        label = int(cls_labels[i])
        value -= numpy.log(p[label]) / len(valid)
        cls_grad[i] = (p - numpy.eye(len(p))[label]) / len(valid)
    for i in positive:
        difference = box_preds[i] - box_labels[i]
        value += lambd * numpy.abs(difference).mean() / len(positive)
        box_grad[i] = lambd * numpy.sign(difference) / 4 / len(positive)
    return value, cls_grad, box_grad


@pytest.mark.parametrize('lambd', [1, .5, 10])
@pytest.mark.parametrize('n', [1, 7, 50])
def test_value_and_gradient(rng, n, lambd):
    for _ in range(5):
        batch = random_batch(rng, n)
        arrays = [np.array(a) for a in batch]
        for a in arrays[:2]:
            a.attach_grad()
        with autograd.record():
            values = DetectionLoss(lambd)(*arrays)
        values.backward()
        assert values.shape == (n,)
        value, cls_grad, box_grad = plain_loss(*batch, lambd)
        assert float(values.sum()) == pytest.approx(value, rel=1e-4)
        assert_allclose(arrays[0].grad.asnumpy(), cls_grad, atol=1e-5)
        assert_allclose(arrays[1].grad.asnumpy(), box_grad, atol=1e-5)


@pytest.mark.parametrize('label', [-1, 0])
def test_finite_without_positives_or_without_any(rng, label):
    cls_preds, box_preds, _, box_labels = random_batch(rng, 6)
    labels = np.full(6, label)
    args = [np.array(a) for a in (cls_preds, box_preds)]
    value = float(DetectionLoss(1)(*args, labels,
                                   np.array(box_labels)).sum())
    assert numpy.isfinite(value)
    assert (value == 0) == (label == -1)
    _, error, valid, positive = DetectionEvaluation()(
        *args, labels, np.array(box_labels))
    assert (error, positive) == (0, 0)
    assert valid == (0 if label == -1 else 6)


def test_evaluation_by_hand():
    cls_preds = np.array([[9, 0, 0], [9, 0, 0], [0, 9, 0], [0, 0, 9.]])
    cls_labels = np.array([0, 1, 1, -1.])
    box_preds, box_labels = np.zeros((4, 4)), np.zeros((4, 4))
    box_labels[1] = np.array([1, -1, 2, 0])    # positive: counts
    box_labels[3] = np.array([8, 8, 8, 8])     # ignored: does not
    counts = DetectionEvaluation()(cls_preds, box_preds, cls_labels,
                                   box_labels)
    assert counts == (2, 1, 3, 2)

"""Inference in bfloat16."""
import bfloat16
import pytest
from bfloat16 import with_bfloat16
from mxnet import np, npx
from numpy.testing import assert_allclose

from d2l_ext.detector.recipes import Recipe, make_detector

SMALL = Recipe(side=64, num_stages=3, pooling='align', num_hidden=8)


@pytest.fixture
def detector(monkeypatch):
    # MXNet emulates what the processor may not have: slowly.
    monkeypatch.setattr(bfloat16, 'has_bfloat16', lambda: True)
    npx.random.seed(0)
    return make_detector(SMALL, ['cat', 'dog'])


def images(n=2):
    return np.random.normal(size=(n, 3, 64, 64))


def test_features_are_nearly_the_same(detector):
    X = images()
    exact, fast = detector.backbone(X), with_bfloat16(detector).backbone(X)
    assert fast.dtype == 'float32'
    # Rounded, so not equal; a bfloat16 has two to three digits.
    assert 0 < abs(fast - exact).max() < .05 * abs(exact).max()


def test_batches_may_have_any_size(detector):
    fast = with_bfloat16(detector).backbone
    X = images(3)
    assert_allclose(fast(X)[:1].asnumpy(), fast(X[:1]).asnumpy(), atol=.05)


def test_parameters_are_shared(detector):
    fast = with_bfloat16(detector).backbone
    X = images()
    before = fast(X)
    name, weight = next(
        item for item in detector.backbone.collect_params().items()
        if item[0].endswith('conv0_weight'))
    weight.set_data(weight.data() * 2)
    assert abs(fast(X) - before).max() > .01, name


def test_without_the_processor_nothing_changes(detector, monkeypatch):
    monkeypatch.setattr(bfloat16, 'has_bfloat16', lambda: False)
    assert with_bfloat16(detector) is detector

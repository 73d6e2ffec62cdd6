"""EfficientNet-Lite0, against a network computed by NumPy alone."""
import math
import sys

import numpy
import pytest
from mxnet import autograd, np, npx
from numpy.testing import assert_allclose

from d2l_ext.detector import efficientnet as module
from d2l_ext.errors import PretrainedError
from d2l_ext.runtime.torch_weights import read_tensors


def convolution(X, weight, stride=1, depthwise=False):
    """With the padding that TensorFlow calls "same"."""
    size, (height, width) = weight.shape[-1], X.shape[2:]
    out = [-(-side // stride) for side in (height, width)]
    pads = [max((o - 1) * stride + size - side, 0)
            for o, side in zip(out, (height, width))]
    X = numpy.pad(X, ((0, 0), (0, 0), *((p // 2, p - p // 2) for p in pads)))
    windows = numpy.lib.stride_tricks.sliding_window_view(
        X, (size, size), axis=(2, 3))[:, :, ::stride, ::stride]
    return (numpy.einsum('bchwij,cij->bchw', windows, weight[:, 0])
            if depthwise else
            numpy.einsum('bchwij,ocij->bohw', windows, weight, optimize=True))


def normalization(X, gamma, beta, mean, variance):
    gamma, beta, mean, variance = (
        a.reshape(-1, 1, 1) for a in (gamma, beta, mean, variance))
    return (X - mean) / numpy.sqrt(variance + .001) * gamma + beta


def reference(X, tensors, last=11):
    """Features after a block, by the names of the file."""
    def both(X, conv, norm, stride=1, depthwise=False):
        return normalization(
            convolution(X, tensors[f'{conv}.weight'], stride, depthwise),
            *(tensors[f'{norm}.{part}'] for part in (
                'weight', 'bias', 'running_mean', 'running_var')))

    X = both(X, '_conv_stem', '_bn0', 2).clip(0, 6)
    strides = {1: 2, 3: 2, 5: 2, 11: 2}
    for number in range(last):
        name, Y = f'_blocks.{number}', X
        most = numpy.inf if number else 6
        if f'{name}._expand_conv.weight' in tensors:
            Y = both(Y, f'{name}._expand_conv', f'{name}._bn0').clip(0, most)
        Y = both(Y, f'{name}._depthwise_conv', f'{name}._bn1',
                 strides.get(number, 1), depthwise=True).clip(0, most)
        Y = both(Y, f'{name}._project_conv', f'{name}._bn2')
        X = X + Y if X.shape == Y.shape else Y
    return X


@pytest.fixture(scope='module')
def imagenet():
    return read_tensors(module.imagenet_file(), module.SHA256)


def loaded(tensors, **options):
    backbone = module.efficientnet_lite0(**options)
    backbone.initialize()
    module.set_folded(backbone, tensors)
    return backbone


@pytest.mark.parametrize('trained', [True, False])
@pytest.mark.parametrize('size', [(64, 64), (32, 96)])
def test_features_are_those_of_the_network(imagenet, rng, trained, size):
    tensors = imagenet if trained else {
        name: rng.uniform(.2, .6, array.shape).astype('f4')
        if name.endswith('running_var') else
        rng.normal(0, .2, array.shape).astype('f4')
        for name, array in imagenet.items()}
    X = rng.normal(size=(2, 3, *size)).astype('f4')
    expected = reference(X, tensors)
    features = loaded(tensors)(np.array(X)).asnumpy()
    assert features.shape == expected.shape == (
        2, 112, size[0] // 16, size[1] // 16)
    assert_allclose(features, expected, atol=1e-3 * abs(expected).max())


@pytest.mark.parametrize(('num_groups', 'num_blocks'), [(6, 15), (7, 16)])
def test_later_groups_keep_the_stride(imagenet, rng, num_groups, num_blocks):
    """Every other cell has the features of the network with a stride of 32."""
    X = rng.normal(size=(1, 3, 64, 96)).astype('f4')
    expected = reference(X, imagenet, num_blocks)
    features = loaded(imagenet, num_groups=num_groups)(np.array(X)).asnumpy()
    assert features.shape[2:] == (4, 6)
    assert_allclose(features[:, :, 1::2, 1::2], expected,
                    atol=1e-3 * abs(expected).max())


def test_where_it_is_left_out_six_is_hardly_ever_exceeded(imagenet):
    """What a normalisation gives has its beta as mean, and gamma as spread.
    """
    shares = {}
    for name in imagenet:
        if name.startswith('_blocks') and name.endswith(('_bn0.weight',
                                                         '_bn1.weight')):
            spread = abs(imagenet[name].astype(float))
            mean = imagenet[name.replace('weight', 'bias')].astype(float)
            shares[name] = numpy.mean([
                math.erfc((6 - m) / (s * 2**.5)) / 2
                for m, s in zip(mean, spread)])
    assert shares.pop('_blocks.0._bn1.weight') > .05
    assert max(shares.values()) < .025
    assert numpy.mean(list(shares.values())) < .005


def test_a_normalization_is_folded_in(rng):
    weight = rng.normal(size=(5, 4, 3, 3))
    gamma, beta, mean = rng.normal(size=(3, 5))
    variance = rng.uniform(.1, 2, 5)
    X = rng.normal(size=(2, 4, 6, 8))
    folded, bias = module.fold_norm(weight, gamma, beta, mean, variance)
    assert_allclose(convolution(X, folded) + bias.reshape(-1, 1, 1),
                    normalization(convolution(X, weight), gamma, beta, mean,
                                  variance))


def test_there_are_as_many_parameters_as_in_the_network():
    backbone = module.efficientnet_lite0()
    assert sum(numpy.prod(p.shape) for p in
               backbone.collect_params().values()) == 692_688


@pytest.mark.parametrize('size', [(1, 1), (3, 5), (33, 70)])
def test_pictures_of_any_size(size):
    backbone = module.efficientnet_lite0()
    backbone.initialize()
    features = backbone(np.ones((1, 3, *size)))
    assert features.shape == (1, 112, *(-(-side // 16) for side in size))
    assert np.isfinite(features).all()


def gradients(num_fixed, fixed_depthwise=False):
    npx.random.seed(0)
    backbone = module.efficientnet_lite0(5, num_fixed, fixed_depthwise)
    backbone.initialize()
    X = np.random.normal(size=(2, 3, 32, 32))
    with autograd.record():
        loss = (backbone(X) ** 2).mean()
    loss.backward()
    return float(loss), [
        None if p.grad_req == 'null' else p.grad().asnumpy()
        for p in backbone.collect_params().values()]


def assert_close(ours, theirs):
    """Where an input of ReLU is nearly 0, rounding decides the gradient."""
    assert numpy.linalg.norm(ours - theirs) < .01 * numpy.linalg.norm(theirs)


@pytest.mark.parametrize('num_fixed', [1, 3])
def test_fixed_parts_have_no_gradient_and_change_no_other(num_fixed):
    expected, every = gradients(0)
    value, partly = gradients(num_fixed)
    assert_allclose(value, expected, rtol=1e-5)
    fixed = {1: 2, 3: 2 + 4 + 12}[num_fixed]
    assert all(array is None for array in partly[:fixed])
    assert all(abs(array).max() > 0 for array in every)
    for ours, theirs in zip(partly[fixed:], every[fixed:]):
        assert_close(ours, theirs)


def test_depthwise_convolutions_may_be_fixed():
    expected, every = gradients(0)
    value, partly = gradients(0, fixed_depthwise=True)
    assert_allclose(value, expected, rtol=1e-5)
    # Weight and bias of one in each of the eleven blocks.
    assert sum(array is None for array in partly) == 22
    for ours, theirs in zip(partly, every):
        if ours is None:
            continue
        assert_close(ours, theirs)


def test_random_features_keep_their_size(rng):
    """Neither nothing nor too much arrives where learning begins."""
    backbone = module.efficientnet_lite0()
    backbone.initialize()
    X = np.array(rng.normal(size=(4, 3, 64, 64)).astype('f4'))
    assert .1 < float(backbone(X).std()) < 10


def test_what_is_not_installed_is_said(monkeypatch):
    monkeypatch.setattr(module, 'PACKAGE', 'no_such_package')
    with pytest.raises(PretrainedError, match='pip install no-such-package'):
        module.imagenet_file()


def test_the_package_is_not_imported():
    module.imagenet_file()
    assert module.PACKAGE not in sys.modules

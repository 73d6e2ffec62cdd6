"""Pretrained parameters: found, refused, or not available."""
import pytest
from mxnet import np
from mxnet.gluon.model_zoo import model_store, vision
from numpy.testing import assert_allclose

from d2l_ext.errors import PretrainedError
from d2l_ext.rpn import detection_backbone


@pytest.fixture
def file(tmp_path):
    """Random numbers instead of the model zoo's trained parameters."""
    resnet = vision.resnet18_v2()
    resnet.initialize()
    resnet(np.zeros((1, 3, 64, 64)))
    path = tmp_path / 'resnet18_v2.params'
    resnet.save_parameters(str(path))
    return path, resnet


@pytest.mark.parametrize('num_stages', [3, 4])
def test_a_local_file_gives_the_model_zoos_features(file, num_stages):
    path, resnet = file
    X = np.random.normal(size=(2, 3, 64, 96))
    expected = X
    for layer in resnet.features[:5 + num_stages]:
        expected = layer(expected)
    norm = (resnet.features[9] if num_stages == 4
            else resnet.features[8][0].bn1)
    expected = np.maximum(norm(expected), 0)
    for source in (path, str(path)):
        backbone = detection_backbone(num_stages, pretrained=source)
        assert_allclose(backbone(X).asnumpy(), expected.asnumpy(),
                        atol=1e-4)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(PretrainedError, match=r'none\.params: there is no'):
        detection_backbone(pretrained=tmp_path / 'none.params')


def test_another_file_is_refused(file, tmp_path):
    path, _ = file
    for name, content in (('cut', path.read_bytes()[:10_000]),
                          ('page', b'<html>not found</html>')):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(PretrainedError, match=f'{name}: these are not'):
            detection_backbone(pretrained=tmp_path / name)
    other = vision.resnet34_v2()
    other.initialize()
    other(np.zeros((1, 3, 64, 64)))
    other.save_parameters(str(tmp_path / 'other'))
    with pytest.raises(PretrainedError, match='resnet18_v2'):
        detection_backbone(pretrained=tmp_path / 'other')


def test_without_a_network_it_says_what_to_do(monkeypatch):
    def fail(name):
        raise OSError('no route to host')

    monkeypatch.setattr(model_store, 'get_model_file', fail)
    with pytest.raises(PretrainedError) as caught:
        detection_backbone(pretrained=True)
    for word in ('could not be downloaded', 'resnet18_v2-a81db45f.params',
                 'pretrained=False'):
        assert word in str(caught.value)

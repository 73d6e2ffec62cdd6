"""From pictures to named boxes in pixels."""
import numpy
import pytest
from helpers import small_set
from mxnet import np
from mxnet.gluon import nn
from numpy.testing import assert_allclose
from PIL import Image

from d2l_ext.data.voc import VOCDetection
from d2l_ext.detector import efficientnet
from d2l_ext.detector import inference as module
from d2l_ext.detector.recipes import (
    BEST,
    CHAPTER,
    PHOTOGRAPHS,
    Recipe,
    load_detector,
    make_detector,
    save_detector,
)
from d2l_ext.errors import DatasetError, DetectorError
from d2l_ext.plots.pictures import annotate_detections, show_detections

SMALL = Recipe(side=64, num_stages=3, pooling='align', num_hidden=8)


@pytest.fixture
def small_detector():
    return make_detector(SMALL, ['cat', 'dog'])


class Oracle(nn.Block):
    """Proposals, or class scores, that are the same for every image."""

    def __init__(self, *answers):
        super().__init__()
        self._answers = answers

    def forward(self, X, rois=None):
        copies = len(X) if rois is None else 1
        return tuple(np.concatenate([answer] * copies)
                     for answer in self._answers)


def oracle_detector(anchors, classes=('cat', 'dog')):
    """Finds a dog in each anchor, the second with a probability of 0.5."""
    n = anchors.shape[1]
    backbone = nn.HybridSequential()
    backbone.add(nn.Conv2D(1, 1))
    backbone.initialize()
    rpn = Oracle(np.array([[0, 9.]] * n), np.zeros((n, 4)))

    class Head(nn.Block):
        def forward(self, X, rois):
            scores = np.array([[0, 0, 9.]] * len(rois))
            unsure = (rois[:, 1] > .45).astype('float32')
            scores[:, 2] -= 8.5 * unsure
            return scores, np.zeros((len(rois), 4))

    return module.Detector(backbone, rpn, Head(), list(classes), (32, 32),
                           lambda X: anchors)


ANCHORS = np.array([[.1, .2, .4, .6], [.5, .5, 1, .75]]).T


def test_boxes_are_in_pixels_of_the_picture():
    pictures = [Image.new('RGB', size) for size in ((200, 100), (50, 400))]
    found = module.predict_faster_rcnn(oracle_detector(ANCHORS), pictures,
                                       score_threshold=.3)
    for picture, items in zip(pictures, found):
        width, height = picture.size
        assert [item.name for item in items] == ['dog', 'dog']
        assert items[0].probability > .99
        assert .4 < items[1].probability < .5
        for item, anchor in zip(items, ANCHORS.asnumpy().T):
            assert_allclose(item.box, anchor * [width, height, width,
                                                height], rtol=1e-4)


def test_thresholds_and_limits():
    detector, picture = oracle_detector(ANCHORS), Image.new('RGB', (64, 64))
    for options, count in (({}, 1), ({'score_threshold': .4}, 2),
                           ({'score_threshold': .4, 'max_detections': 1}, 1),
                           ({'score_threshold': 1.}, 0)):
        found, = module.predict_faster_rcnn(detector, picture, **options)
        assert len(found) == count


def test_a_picture_a_file_a_folder_a_list(tmp_path, small_detector, rng):
    names = ['a.png', 'b ä.jpg', 'c.jpg']
    pictures = [Image.fromarray(rng.integers(0, 255, (h, w, 3), 'uint8'))
                for h, w in ((40, 60), (90, 30), (1, 1))]
    for name, picture in zip(names, pictures):
        picture.save(tmp_path / name)
    (tmp_path / 'notes.txt').write_text('no picture')

    def detect(images, **options):
        return module.predict_faster_rcnn(small_detector, images,
                                          score_threshold=0, **options)

    paths = [tmp_path / name for name in names]
    assert module.list_pictures(tmp_path) == paths
    whole = detect(tmp_path)
    assert len(whole) == 3
    assert whole == detect(map(str, paths))
    # The same whatever the batches; convolutions may round otherwise.
    for images in (detect(tmp_path, batch_size=1), [
            *detect(paths[0]), *detect(module.read_picture(paths[1])),
            *detect(paths[2:])]):
        for a, b in zip(images, whole):
            assert len(a) == len(b)
            assert_allclose([item.probability for item in a],
                            [item.probability for item in b], atol=1e-4)
    assert detect([]) == []


def test_pictures_are_read_as_a_viewer_shows_them(tmp_path):
    gray = Image.fromarray(numpy.arange(12, dtype='uint8').reshape(3, 4))
    exif = Image.Exif()
    exif[0x0112] = 6          # turn by a quarter to the right
    gray.save(tmp_path / 'turned.jpg', exif=exif)
    picture = module.read_picture(tmp_path / 'turned.jpg')
    assert (picture.mode, picture.size) == ('RGB', (3, 4))


def test_what_is_no_picture_is_named(tmp_path, small_detector):
    (tmp_path / 'page.jpg').write_text('<html>not found</html>')
    for path, word in ((tmp_path / 'page.jpg', 'page.jpg: not a picture'),
                       (tmp_path / 'none.jpg', 'none.jpg: there is no'),
                       (tmp_path / 'none', 'no such picture or folder')):
        with pytest.raises(DatasetError, match=word):
            module.predict_faster_rcnn(small_detector, path)
    (tmp_path / 'empty').mkdir()
    with pytest.raises(DatasetError, match='no picture in this folder'):
        module.list_pictures(tmp_path / 'empty')


def test_a_data_set_gives_what_its_pictures_give(tmp_path, small_detector):
    """The loader's batches and pictures read one by one agree."""
    dataset = VOCDetection(small_set(tmp_path), 'val', 64, 64)
    detections, proposals = module.detect_batches(
        small_detector, dataset, batch_size=3, score_threshold=0)
    pictures = [dataset.read_image(i) for i in range(len(dataset))]
    found = module.predict_faster_rcnn(small_detector, pictures,
                                       score_threshold=0)
    assert len(detections) == len(proposals) == len(found) == 4
    for (_, scores, boxes), items, picture in zip(detections, found,
                                                  pictures):
        assert_allclose(scores.asnumpy(),
                        [item.probability for item in items], atol=1e-5)
        assert_allclose(boxes.asnumpy().T * [*picture.size, *picture.size],
                        [item.box for item in items], atol=.05)


@pytest.mark.parametrize('recipe', [
    SMALL, CHAPTER, BEST, PHOTOGRAPHS,
    SMALL._replace(class_specific=True)])
def test_a_detector_is_stored_and_loaded(tmp_path, recipe):
    recipe = recipe._replace(side=64)
    detector = make_detector(recipe, ['cat', 'dog', 'cow'])
    picture = Image.fromarray(
        numpy.arange(64 * 48 * 3, dtype='uint8').reshape(48, 64, 3))

    def detect(detector):
        return module.predict_faster_rcnn(detector, picture,
                                          score_threshold=0)

    expected = detect(detector)
    save_detector(detector, recipe, tmp_path / 'model')
    loaded = load_detector(tmp_path / 'model')
    assert loaded.classes == ['cat', 'dog', 'cow']
    assert detect(loaded) == expected
    assert sorted(p.name for p in (tmp_path / 'model').iterdir()) == [
        'detector.json', 'detector.params']


def test_half_the_digits_take_half_the_space(tmp_path, monkeypatch):
    recipe = PHOTOGRAPHS._replace(side=64)
    detector = make_detector(recipe, ['cat', 'dog'])._replace(
        note='trained on nothing')
    for dtype in ('float32', 'float16'):
        save_detector(detector, recipe, tmp_path / dtype, dtype)
    sizes = [(tmp_path / dtype / 'detector.params').stat().st_size
             for dtype in ('float16', 'float32')]
    assert sizes[0] < .51 * sizes[1]
    assert sizes[0] < 6e6
    # It needs nothing but its own file.
    monkeypatch.setattr(efficientnet, 'PACKAGE', 'no_such_package')
    loaded = load_detector(tmp_path / 'float16')
    assert loaded.note == 'trained on nothing'
    for ours, theirs in zip(detector[:3], loaded[:3]):
        for a, b in zip(ours.collect_params().values(),
                        theirs.collect_params().values()):
            assert b.dtype == b.data().dtype == 'float32'
            # Ten binary digits; and what is next to nothing.
            assert_allclose(b.data().asnumpy(), a.data().asnumpy(),
                            rtol=2**-10, atol=1e-7)


def test_recipes_name_their_backbone():
    for wrong in (BEST._replace(backbone='resnet'),
                  BEST._replace(num_fixed=1), BEST._replace(imagenet=True)):
        with pytest.raises(ValueError, match='no such backbone'):
            make_detector(wrong, ['cat'])


def test_a_broken_detector_is_refused(tmp_path, small_detector):
    with pytest.raises(DetectorError, match='no trained detector'):
        load_detector(tmp_path)
    module.predict_faster_rcnn(small_detector, Image.new('RGB', (9, 9)))
    save_detector(small_detector, SMALL, tmp_path)
    about = (tmp_path / 'detector.json').read_text()
    parameters = (tmp_path / 'detector.params').read_bytes()
    for broken in (about[:-20], about.replace('"side"', '"sides"'),
                   about.replace('"num_stages": 3', '"num_stages": 4'),
                   about.replace('resnet18', 'resnet')):
        (tmp_path / 'detector.json').write_text(broken)
        with pytest.raises(DetectorError, match=str(tmp_path)):
            load_detector(tmp_path)
    (tmp_path / 'detector.json').write_text(about)
    for broken in (parameters[:1000], b'nonsense', b''):
        (tmp_path / 'detector.params').write_bytes(broken)
        with pytest.raises(DetectorError, match=str(tmp_path)):
            load_detector(tmp_path)


def test_detections_are_drawn(rng):
    import matplotlib.pyplot as plt
    item = module.Detection('dog', .87, (3., 4., 20., 30.))
    _, axes = plt.subplots()
    annotate_detections(axes, [item], ['cat', 'dog'])
    patch, = axes.patches
    assert (*patch.get_xy(), patch.get_width(), patch.get_height()) == (
        3, 4, 17, 26)
    assert axes.texts[0].get_text() == 'dog 0.87'
    show_detections([Image.new('RGB', (40, 40))] * 2, [[item], []],
                    ['cat', 'dog'])
    shown = plt.gcf().axes
    assert [len(ax.patches) for ax in shown] == [1, 0]

"""Reading data in VOC layout, from any folder."""
import shutil

import numpy
import pytest
from helpers import small_set
from mxnet import npx
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from d2l_ext.data import batches, folders, voc
from d2l_ext.data.annotations import VOCObject
from d2l_ext.errors import DatasetError


@pytest.fixture(scope='module')
def devkit(tmp_path_factory):
    return small_set(tmp_path_factory.mktemp('data'))


@pytest.fixture
def copy(devkit, tmp_path):
    """A devkit that a test may spoil."""
    return shutil.copytree(devkit, tmp_path / 'VOC2012')


def annotation(body):
    return f'<annotation><object>{body}</object></annotation>'


def test_items_are_resized_and_scaled(devkit):
    dataset = voc.VOCDetection(devkit, 'train', 40, 60)
    assert len(dataset) == 8
    for i in range(8):
        image, label = dataset[i]
        assert image.shape == (40, 60, 3)
        assert image.dtype == numpy.uint8
        assert label.shape == (dataset.max_objects, 5)
        width, height = dataset.image_size(i)
        assert dataset.read_image(i).size == (width, height)
        visible = [o for o in dataset.objects[i] if not o.difficult]
        real = label[label[:, 0] >= 0]
        assert len(real) == len(visible)
        for row, item in zip(real, visible):
            assert dataset.classes[int(row[0])] == item.name
            assert_allclose(row[1:] * [width, height, width, height],
                            item.box, atol=1e-3)
        hard = label[len(real):]
        hard = hard[hard[:, 0] < -1]
        assert len(real) + len(hard) == len(dataset.objects[i])
        assert (label[len(real) + len(hard):] == -1).all()


def test_difficult_objects_come_last_with_a_number_of_their_own():
    objects = [VOCObject('cat', (0, 0, 5, 5), True),
               VOCObject('dog', (-2, 5, 30, 10), False)]
    rows = voc.label_rows(objects, ['cat', 'dog'], (20, 10), 2)
    assert rows.tolist() == [[1, 0, .5, 1, 1], [-2, 0, 0, .25, .5]]
    _, flipped = voc.flip_left_right(numpy.zeros((1, 1, 3)), rows)
    assert flipped.tolist() == [[1, 0, .5, 1, 1], [-2, .75, 0, 1, .5]]


def test_every_item_can_be_flipped(devkit):
    dataset = voc.VOCDetection(devkit, 'train', 32, 32)
    for i in range(len(dataset)):
        for ours, theirs in zip(dataset[i, True],
                                voc.flip_left_right(*dataset[i])):
            assert_array_equal(ours, theirs)


def test_a_flipped_box_still_holds_its_object(tmp_path):
    """A white square on black is found where the box says, either way."""
    for sub in ('JPEGImages', 'Annotations', 'ImageSets/Main'):
        (tmp_path / sub).mkdir(parents=True)
    picture = numpy.zeros((40, 80, 3), numpy.uint8)
    picture[10:20, 8:24] = 255
    Image.fromarray(picture).save(tmp_path / 'JPEGImages' / 'a.jpg')
    (tmp_path / 'Annotations' / 'a.xml').write_text(annotation(
        '<name>cat</name><bndbox><xmin>9</xmin><ymin>11</ymin>'
        '<xmax>24</xmax><ymax>20</ymax></bndbox>'))
    (tmp_path / 'ImageSets' / 'Main' / 'cat_train.txt').write_text('a  1\n')
    dataset = voc.VOCDetection(tmp_path, 'train', 40, 80, ['cat'])
    for item in (0, (0, True)):
        image, label = dataset[item]
        x1, y1, x2, y2 = numpy.round(
            label[0, 1:] * [80, 40, 80, 40]).astype(int)
        assert image[y1:y2, x1:x2].mean() > 240
        assert image.sum() / 3 < 1.1 * 255 * (y2 - y1) * (x2 - x1)


def test_batches_are_normalised_and_complete(devkit):
    dataset = voc.VOCDetection(devkit, 'train', 32, 48)
    loader = batches.load_batches(dataset, 3)
    sizes, images = [], []
    for X, Y in loader:
        assert X.shape[1:] == (3, 32, 48)
        assert Y.shape[1:] == (dataset.max_objects, 5)
        sizes.append(len(X))
        images += list(X.asnumpy())
    assert sizes == [3, 3, 2]
    for i, X in enumerate(images):
        back = X.transpose(1, 2, 0) * batches.RGB_STD + batches.RGB_MEAN
        assert_allclose(back * 255, dataset[i][0], atol=1e-2)


def epoch(loader):
    return [(X.asnumpy(), Y.asnumpy()) for X, Y in loader]


def test_training_order_follows_the_seed(devkit):
    dataset = voc.VOCDetection(devkit, 'train', 16, 16)
    loader = batches.load_batches(dataset, 4, train=True)
    npx.random.seed(1)
    first, second = epoch(loader), epoch(loader)
    npx.random.seed(1)
    again = epoch(loader)
    assert all((a[0] == b[0]).all() for a, b in zip(first, again))
    assert not all((a[0] == b[0]).all() for a, b in zip(first, second))
    # Every picture once an epoch, as it is or flipped.
    seen = numpy.concatenate([X for X, _ in first])
    plain = numpy.concatenate([X for X, _ in
                               epoch(batches.load_batches(dataset, 4))])
    for picture in plain:
        assert sum((picture == X).all() or (picture[..., ::-1] == X).all()
                   for X in seen) == 1


def test_images_of_a_batch_are_named(devkit):
    dataset = voc.VOCDetection(devkit, 'train', 16, 16)
    for train in (False, True):
        loader = batches.load_batches(dataset, 3, train=train)
        for number, (X, _) in enumerate(loader, 1):
            for image, name in zip(X.asnumpy(), loader.names_of(number)):
                plain, _ = dataset[dataset.names.index(name)]
                pixels = (image.transpose(1, 2, 0) * batches.RGB_STD
                          + batches.RGB_MEAN) * 255
                assert min(abs(pixels - view).max() for view in (
                    plain, plain[:, ::-1])) < .1


def test_flips_come_in_half_of_the_cases():
    npx.random.seed(0)
    flips = [flip for _, flip in batches._ShuffleAndChange(
        2000, (1, 1), 0)]
    assert 900 < sum(flips) < 1100


@pytest.mark.parametrize('nested', ['', 'VOC2012', 'VOCdevkit/VOC2012'])
def test_the_variable_names_the_data_set(devkit, tmp_path, monkeypatch,
                                         nested):
    if nested:
        shutil.copytree(devkit, tmp_path / nested)
        monkeypatch.setenv('D2L_VOC_DIR', str(tmp_path))
    else:
        monkeypatch.setenv('D2L_VOC_DIR', str(devkit))
    root, description = folders.voc_dir()
    assert root == (tmp_path / nested if nested else devkit)
    assert 'D2L_VOC_DIR' in description


def test_downloaded_data_comes_before_the_embedded_set(
        devkit, tmp_path, monkeypatch):
    monkeypatch.setenv('D2L_DATA_DIR', str(tmp_path))
    shutil.copytree(devkit, tmp_path / 'VOCdevkit' / 'VOC2012')
    root, description = folders.voc_dir()
    assert root == tmp_path / 'VOCdevkit' / 'VOC2012'
    assert description == 'Pascal VOC2012'


def test_a_folder_that_is_no_data_set_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv('D2L_VOC_DIR', str(tmp_path))
    with pytest.raises(DatasetError, match='no annotation in any'):
        folders.voc_dir()


def test_loading_says_what_it_reads(devkit, monkeypatch, capsys):
    monkeypatch.setenv('D2L_VOC_DIR', str(devkit))
    monkeypatch.delenv('D2L_TEST_MODE')
    train_iter, test_iter = batches.load_data_voc_detection(4, 32, 32)
    assert (len(train_iter), len(test_iter)) == (2, 1)
    assert capsys.readouterr().out == (
        'Reading the data set that D2L_VOC_DIR names: 8 pictures to train, '
        '4 to validate\n')
    train_iter, test_iter = batches.load_data_voc_detection(3, 32, 32)
    assert (len(train_iter), len(test_iter)) == (2, 1)   # rests dropped
    with pytest.raises(DatasetError, match='fewer than one batch of 5'):
        batches.load_data_voc_detection(5, 32, 32)


def test_only_pictures_of_the_classes_are_read(copy):
    lists = copy / 'ImageSets' / 'Main'
    cats = [line.split() for line in
            (lists / 'cat_train.txt').read_text().splitlines()]
    dataset = voc.VOCDetection(copy, 'train', 32, 32, ['cat'])
    assert dataset.names == [name for name, flag in cats if flag == '1']
    assert {o.name for objects in dataset.objects for o in objects} == {
        'cat'}
    with pytest.raises(DatasetError, match=r'cow_train\.txt'):
        voc.VOCDetection(copy, 'train', 32, 32, ['cow'])
    (lists / 'cow_train.txt').write_text('000000 -1\n\n000001  0\n')
    with pytest.raises(DatasetError, match='no picture of train shows cow'):
        voc.VOCDetection(copy, 'train', 32, 32, ['cow'])


def test_a_missing_or_broken_picture_is_named(copy):
    dataset = voc.VOCDetection(copy, 'train', 32, 32)
    dataset.image_path(0).unlink()
    dataset.image_path(1).write_text('<html>not found</html>')
    whole = dataset.image_path(2).read_bytes()
    dataset.image_path(2).write_bytes(whole[:len(whole) // 2])
    for i in range(3):
        with pytest.raises(DatasetError) as raised:
            dataset[i]
        assert f'{dataset.names[i]}.jpg' in str(raised.value)


def test_test_mode_takes_a_part(devkit, monkeypatch):
    for asked, length in ('5', 5), ('1', 8), ('yes', 8):
        monkeypatch.setenv('D2L_TEST_MODE', asked)
        assert len(voc.VOCDetection(devkit, 'train', 32, 32)) == length
    monkeypatch.setenv('D2L_TEST_MODE', '0')
    assert len(voc.VOCDetection(devkit, 'train', 32, 32)) == 8

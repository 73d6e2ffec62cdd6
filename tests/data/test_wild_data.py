"""Data sets as they are met: read, left out with a warning, or refused."""
import io
import os
import shutil
import warnings

import numpy
import pytest
from PIL import EpsImagePlugin, Image

from d2l_ext.data.pictures import read_picture
from d2l_ext.data.voc import VOCDetection
from d2l_ext.errors import DatasetError, DatasetWarning

BOX = '10 10 50 40'


class Devkit:
    """A small data set, to which a test adds what it needs."""

    def __init__(self, root):
        self.root, self._rows = root, []
        for folder in ('JPEGImages', 'Annotations', 'ImageSets/Main'):
            (root / folder).mkdir(parents=True)
        self.add('good')

    def add(self, name, picture=None, boxes=(BOX,), size=None, suffix='jpg',
            annotation=None, flag='1'):
        """Boxes are xmin, ymin, xmax, ymax; None leaves a file out."""
        if picture is None:
            picture = encoded(Image.new('RGB', (80, 60), 'red'), 'JPEG')
        path = self.root / 'JPEGImages' / f'{name}.{suffix}'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
        if annotation is None:
            annotation = xml(boxes, size)
        target = self.root / 'Annotations' / f'{name}.xml'
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(annotation)
        self.list(f'{name} {flag}')

    def list(self, row):
        self._rows.append(row)
        (self.root / 'ImageSets/Main/cat_train.txt').write_text(
            '\n'.join(self._rows))

    def read(self, **options):
        return VOCDetection(self.root, 'train', 32, 32, ['cat'], **options)


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def xml(boxes, size=None, name='cat'):
    objects = ''.join(
        f'<object><name>{name}</name><bndbox>' + ''.join(
            f'<{tag}>{value}</{tag}>' for tag, value in zip(
                ('xmin', 'ymin', 'xmax', 'ymax'), box.split()))
        + '</bndbox></object>' for box in boxes)
    sides = size and (f'<size><width>{size[0]}</width>'
                      f'<height>{size[1]}</height></size>')
    return f'<annotation>{sides or ""}{objects}</annotation>'


@pytest.fixture
def devkit(tmp_path):
    return Devkit(tmp_path / 'Bilder für alle')


def read_silently(devkit):
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        return devkit.read(strict=True)


def photo(mode='RGB', size=(80, 60)):
    """Colours that run into each other."""
    rows, columns = numpy.indices(size[::-1])
    pixels = numpy.stack([3 * columns, 4 * rows, 255 - 2 * rows], axis=2)
    return Image.fromarray((pixels % 256).astype('uint8')).convert(mode)


@pytest.mark.parametrize(('kind', 'mode'), [
    ('JPEG', 'L'), ('JPEG', 'CMYK'), ('PNG', 'RGB'), ('PNG', 'RGBA'),
    ('PNG', 'P'), ('PNG', 'LA'), ('GIF', 'P'), ('WEBP', 'RGB'),
    ('BMP', 'RGB'), ('TIFF', 'RGB'), ('AVIF', 'RGB'), ('MPO', 'RGB')])
def test_pictures_of_other_kinds_are_read(devkit, kind, mode):
    """Whatever their suffix says."""
    image = photo(mode)
    devkit.add('other', encoded(image, kind))
    read = read_silently(devkit).read_image(1)
    assert (read.mode, read.size) == ('RGB', (80, 60))
    difference = numpy.asarray(read, float) - numpy.asarray(
        image.convert('RGB'), float)
    assert abs(difference).mean() < 6


def test_sixteen_bits_are_not_clipped(devkit):
    ramp = numpy.linspace(0, 65535, 80 * 60).reshape(60, 80).astype('uint16')
    devkit.add('deep', encoded(Image.fromarray(ramp), 'PNG'))
    read = numpy.asarray(read_silently(devkit).read_image(0))
    assert abs(read[..., 0].astype(int) - ramp // 256).max() <= 1


def test_a_transparent_palette_gives_no_warning(devkit):
    picture = encoded(photo('P'), 'PNG', transparency=b'\x00\x80\xff')
    devkit.add('clear', picture)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        read_silently(devkit).read_image(0)


@pytest.mark.parametrize('suffix', ['jpeg', 'JPG', 'png', 'PNG'])
def test_other_suffixes_are_found(devkit, suffix):
    devkit.add('other', encoded(photo(), 'PNG'), suffix=suffix)
    assert read_silently(devkit).image_path(1).suffix == f'.{suffix}'


@pytest.mark.parametrize(('orientation', 'annotated', 'turned'), [
    (6, (60, 80), True), (6, (80, 60), False), (6, None, True),
    (6, (0, 0), True), (3, (80, 60), True)])
def test_the_annotation_tells_whether_a_picture_is_turned(
        devkit, orientation, annotated, turned):
    exif = Image.Exif()
    exif[0x0112] = orientation
    devkit.add('lying', encoded(photo(), 'JPEG', exif=exif), size=annotated)
    dataset = read_silently(devkit)
    expected = photo().rotate({3: 180, 6: -90}[orientation] if turned else 0,
                              expand=True)
    read = dataset.read_image(1)
    assert dataset.image_size(1) == read.size == expected.size
    assert abs(numpy.asarray(read, float) - expected).mean() < 6


def test_odd_boxes_are_read(devkit):
    devkit.add('odd', boxes=['1 1 80 60', '-3 0 500 61', '10.5 7.25 20 30.75'],
               size=(0, 0))
    _, objects = read_silently(devkit).objects
    assert [item.box for item in objects] == [
        (0, 0, 80, 60), (-4, -1, 500, 61), (9.5, 6.25, 20, 30.75)]
    _, label = read_silently(devkit)[1]
    assert label[:, 1:].min() == 0
    assert label[:, 1:].max() == 1


def test_names_of_all_kinds(devkit):
    for name in ('zwei Kätzchen', 'a.b', 'sub/folder', "it's"):
        devkit.add(name)
    devkit.list('good 1')   # twice
    assert read_silently(devkit).names == sorted(
        ['good', 'zwei Kätzchen', 'a.b', 'sub/folder', "it's"])


def test_a_picture_without_objects_is_background(devkit):
    devkit.add('empty', boxes=[])
    assert read_silently(devkit).objects[0] == []


def test_lists_tell_what_is_read_and_annotations_what_is_on_it(devkit):
    """Whether they agree is for `make check-data` to tell."""
    devkit.add('a dog', annotation=xml([BOX], name='dog'))
    devkit.add('not listed', flag='-1')
    dataset = read_silently(devkit)
    assert dataset.names == ['a dog', 'good']
    assert [len(objects) for objects in dataset.objects] == [0, 1]


JPEG = encoded(photo(size=(300, 200)), 'JPEG')
# Two chunks of pixels, and the second one has no name: Pillow raises a
# SyntaxError.
NOISE = encoded(Image.effect_noise((300, 300), 100), 'PNG')
BROKEN = {
    'page': {'picture': b'<html>404</html>'},
    'nothing': {'picture': b''},
    'short': {'picture': JPEG[:len(JPEG) // 2]},
    'stub': {'picture': encoded(photo(), 'PNG')[:-40]},
    # As telephones store pictures: Pillow raises a RuntimeError.
    'avif': {'picture': encoded(photo(), 'AVIF').replace(b'iloc', b'iold')},
    'chunk': {'picture': b'    '.join(NOISE.rsplit(b'IDAT', 1))},
    'huge': {'picture': encoded(Image.new('1', (20000, 20000)), 'PNG')},
    'no number': {'boxes': ['ten 1 20 30']},
    'no end': {'annotation': '<annotation><object>'},
    'infinite': {'boxes': ['1 1 inf 30']},
    'incomplete': {'boxes': ['1 1 30']},
}


@pytest.mark.filterwarnings('ignore::PIL.Image.DecompressionBombWarning')
@pytest.mark.parametrize('name', BROKEN)
def test_what_cannot_be_read_is_left_out(devkit, name):
    devkit.add(name, **BROKEN[name])
    with pytest.warns(DatasetWarning, match='pictures left out: 1') as w:
        assert devkit.read().names == ['good']
    assert len(w) == 1
    assert f'{name}.' in str(w[0].message)
    with pytest.raises(DatasetError, match=f'{name}[.]'):
        devkit.read(strict=True)


def test_no_picture_starts_a_program(devkit, tmp_path, monkeypatch):
    """PostScript is one: Pillow alone hands it to Ghostscript."""
    (tmp_path / 'gs').write_text('#!/bin/sh\n: > "$0.started"\n')
    (tmp_path / 'gs').chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(EpsImagePlugin, 'gs_binary', None)
    started = tmp_path / 'gs.started'
    devkit.add('program', encoded(photo(), 'EPS'))
    path = devkit.root / 'JPEGImages' / 'program.jpg'
    with pytest.raises(DatasetError, match=r'program\.jpg: not a picture'):
        read_picture(path)
    with pytest.warns(DatasetWarning, match='pictures left out: 1'):
        assert devkit.read().names == ['good']
    assert not started.exists()
    with Image.open(path) as image, pytest.raises(OSError, match='identify'):
        image.load()
    assert started.exists()


@pytest.mark.parametrize(('box', 'what'), [
    ('20 20 20 20', r'a cat \(20, 20, 20, 20\) is a point or a line'),
    ('20 10 20 50', 'is a point or a line'),
    ('90 10 120 50', 'lies outside'), ('-40 -40 0 0', 'lies outside')])
def test_boxes_without_area_are_left_out(devkit, box, what):
    devkit.add('flat', boxes=[BOX, box])
    with pytest.warns(DatasetWarning, match=what):
        dataset = devkit.read()
    assert [len(objects) for objects in dataset.objects] == [1, 1]
    with pytest.raises(DatasetError, match=what):
        devkit.read(strict=True)


def test_corners_in_the_wrong_order_are_exchanged(devkit):
    devkit.add('swapped', boxes=['50 10 10 40', '10 40 50 10'])
    with pytest.warns(DatasetWarning, match='boxes mended: 2'):
        dataset = devkit.read()
    assert {item.box for item in dataset.objects[1]} == {(9, 9, 50, 40)}


def test_lists_that_lead_nowhere(devkit):
    names = ('missing', '../good', str(devkit.root / 'good'), 'x' * 5000,
             'a\x00b')
    # It is there, but not in the folder of the pictures.
    shutil.copy(devkit.root / 'JPEGImages' / 'good.jpg', devkit.root)
    shutil.copy(devkit.root / 'Annotations' / 'good.xml', devkit.root)
    for name in names:
        devkit.list(f'{name} 1')
    with pytest.warns(DatasetWarning, match='pictures left out: 5') as w:
        assert devkit.read().names == ['good']
    for name in names[:3]:
        assert name in str(w[0].message)


def test_a_warning_counts_all_and_names_a_few(devkit):
    for number in range(30):
        devkit.list(f'missing{number} 1')
    devkit.add('flat', boxes=['5 5 5 5'])
    with pytest.warns(DatasetWarning) as w:
        devkit.read()
    lines = str(w[0].message).splitlines()
    assert lines[0].endswith('pictures left out: 30, boxes left out: 1')
    assert len(lines) == 10
    assert 'and 23 more' in lines[-1]
    assert w[0].filename == __file__


def test_nothing_that_can_be_used(devkit):
    shutil.rmtree(devkit.root / 'Annotations')
    with pytest.raises(DatasetError, match='no folder Annotations'):
        devkit.read()
    (devkit.root / 'Annotations').mkdir()
    with pytest.raises(DatasetError, match=r'good\.xml: there is no such'):
        devkit.read()


def test_a_class_without_a_picture_is_told(devkit, monkeypatch):
    monkeypatch.delenv('D2L_TEST_MODE')
    (devkit.root / 'ImageSets/Main/dog_train.txt').write_text('good -1\n')
    with pytest.warns(DatasetWarning, match='no picture of train shows a dog'):
        VOCDetection(devkit.root, 'train', 32, 32, ['cat', 'dog'])


def test_bytes_after_the_end_of_a_jpeg_do_no_harm(devkit):
    devkit.add('tail', JPEG + b'x' * 100)
    devkit.add('long tail', JPEG + b'x' * 5000)
    assert len(read_silently(devkit)) == 3

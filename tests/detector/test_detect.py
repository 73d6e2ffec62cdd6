"""`make detect`: every picture that can be read, whatever lies beside it."""
import json
import os
import re
import sys

import detect
import numpy
import pytest
from helpers import run_tool
from mxnet import npx
from PIL import Image
from pycocotools.coco import COCO

from d2l_ext.data import pictures
from d2l_ext.detector.inference import Detection
from d2l_ext.detector.recipes import (
    Recipe,
    load_detector,
    make_detector,
    save_detector,
)
from d2l_ext.errors import DatasetError

SMALL = Recipe(side=64, num_stages=3, pooling='align', num_hidden=8)
CLASSES = ['cat', 'safety vest']


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    """Folder of a detector that finds something everywhere."""
    npx.set_np()
    npx.random.seed(0)
    folder = tmp_path_factory.mktemp('model')
    detector = make_detector(SMALL, CLASSES)
    save_detector(detector, SMALL, folder)
    about = json.loads((folder / 'detector.json').read_text())
    (folder / 'detector.json').write_text(
        json.dumps({**about, 'test_mode': False}))
    return folder


@pytest.fixture
def run(tmp_path, model, monkeypatch, capsys):
    """Call the tool in this process; gives what it prints."""
    def call(folder, output=tmp_path / 'out'):
        monkeypatch.setattr(sys, 'argv', [
            'detect.py', str(folder), '--detector', str(model), '--output',
            str(output), '--score', '.3'])
        detect.main()
        return capsys.readouterr().out
    return call


def write_picture(path, size=(60, 40), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = numpy.random.default_rng(0).integers(
        0, 255, (*size[::-1], 3), 'uint8')
    Image.fromarray(pixels).save(path, **options)


def read(output, name='detections.json'):
    return json.loads((output / name).read_text())


def test_the_detector_that_comes_along():
    """It is small, needs nothing else, and says how good it is."""
    folder = detect.DETECTORS[1]
    assert (folder / 'detector.params').stat().st_size < 6e6
    detector = load_detector(folder)
    assert detector.classes == ['cat', 'dog']
    assert re.fullmatch(r'trained on \d+ pictures with \d+ cat, \d+ dog; its '
                        r'mAP@0\.5 is 0\.\d+ on \d+ others', detector.note)
    for model in detector[:3]:
        for parameter in model.collect_params().values():
            assert float(abs(parameter.data()).max()) < 1e4, parameter.name


def test_from_the_shell(tmp_path, model):
    """In spite of a matplotlibrc with sizes of its own."""
    folder, output = tmp_path / 'in', tmp_path / 'out'
    for name, size in (('a.jpg', (80, 60)), ('b.png', (33, 70))):
        write_picture(folder / name, size)
    (folder / 'c.jpg').write_text('no picture')
    (tmp_path / 'matplotlibrc').write_text(
        'savefig.dpi: 300\nsavefig.bbox: tight\n')
    code, _, complaint = run_tool(
        'detect.py', folder, '--detector', model, '--output', output,
        '--score', '0', env={**os.environ, 'MPLCONFIGDIR': str(tmp_path)})
    assert code == 0, complaint
    assert 'c.jpg: not a picture' in complaint
    for name, size in (('a.jpg', (80, 60)), ('b.png', (33, 70))):
        with Image.open(output / f'{name}.png') as image:
            assert image.size == size
    content = read(output)
    assert [row['file_name'] for row in content['images']] == [
        'a.jpg', 'b.png']
    assert content['annotations']
    for row in content['annotations']:
        image = content['images'][row['image_id']]
        x, y, w, h = row['bbox']
        assert 0 <= row['score'] <= 1
        assert -.01 <= x <= x + w <= image['width'] + .02
        assert -.01 <= y <= y + h <= image['height'] + .02


@pytest.mark.parametrize(('there', 'taken'), [
    ('01', 0), ('1', 1), ('0', 0), ('', 0)])
def test_your_own_detector_comes_first(tmp_path, monkeypatch, there, taken):
    folders = [tmp_path / number for number in '01']
    for number in there:
        folders[int(number)].mkdir()
        (folders[int(number)] / 'detector.json').touch()
    monkeypatch.setattr(detect, 'DETECTORS', folders)
    monkeypatch.setattr(sys, 'argv', ['detect.py', 'pictures'])
    assert detect.parsed().detector == folders[taken]


def test_it_says_how_good_the_detector_is(run, model, tmp_path):
    write_picture(tmp_path / 'in' / 'a.jpg')
    assert 'The detector was' not in run(tmp_path / 'in')
    about = json.loads((model / 'detector.json').read_text())
    (model / 'detector.json').write_text(
        json.dumps({**about, 'note': 'trained on noise'}))
    assert 'The detector was trained on noise.\n' in run(tmp_path / 'in')
    (model / 'detector.json').write_text(json.dumps(about))


def test_the_shell_says_what_is_wrong(tmp_path):
    code, _, complaint = run_tool('detect.py', tmp_path / 'none',
                                  '--detector', tmp_path)
    assert code != 0
    assert 'make detector' in complaint
    assert 'Traceback' not in complaint


def test_other_programs_read_the_results(run, tmp_path):
    write_picture(tmp_path / 'in' / 'a.jpg')
    said = run(tmp_path / 'in')
    coco = COCO(tmp_path / 'out' / 'detections.json')
    # Most readers take class 0 for the background.
    assert coco.loadCats([1, 2]) == [{'id': 1, 'name': 'cat'},
                                     {'id': 2, 'name': 'safety vest'}]
    loaded = coco.loadRes(str(tmp_path / 'out' / 'results.json'))
    assert len(loaded.anns) == len(coco.anns) > 0
    assert all('segmentation' in row for row in coco.anns.values())
    names = [coco.cats[row['category_id']]['name']
             for row in coco.anns.values()]
    line, = (row for row in said.splitlines() if row.startswith('a.jpg: '))
    assert names == [item.rsplit(maxsplit=1)[0] for item
                     in line[len('a.jpg: '):].split(', ')]


def test_folders_below_are_looked_into(run, tmp_path):
    for name in ('a.jpg', 'deep/er/a.jpg', 'deep/a.PNG'):
        write_picture(tmp_path / 'in' / name)
    run(tmp_path / 'in', tmp_path / 'in' / 'found')
    names = ['a.jpg', 'deep/a.PNG', 'deep/er/a.jpg']
    for _ in range(2):   # the copies are no pictures of the second run
        assert [row['file_name'] for row in read(
            tmp_path / 'in' / 'found')['images']] == names
        assert all((tmp_path / 'in' / 'found' / f'{name}.png').is_file()
                   for name in names)
        run(tmp_path / 'in', tmp_path / 'in' / 'found')


def test_what_is_left_out_is_counted(run, tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, 'register_heif_opener', None)
    write_picture(tmp_path / 'in' / 'a.jpg')
    for name in ('1.HEIC', '2.heif', 'b.MOV', 'c.DNG', 'd.xmp', 'e.svg',
                 'Makefile', '.hidden.jpg'):
        (tmp_path / 'in' / name).write_bytes(b'1')
    (tmp_path / 'in' / 'z.jpg').write_bytes(b'1')
    with pytest.warns(UserWarning, match=r'z\.jpg: not a picture'):
        said = run(tmp_path / 'in')
    for part in ('2 HEIC pictures (1.HEIC, 2.heif)', 'pillow-heif',
                 '1 videos (b.MOV)', '1 raw pictures (c.DNG)',
                 '1 sidecars (d.xmp)', '1 drawings and documents (e.svg)',
                 '1 other files (Makefile)', "1 pictures that can't be read",
                 'objects on 1 pictures'):
        assert part in said
    (tmp_path / 'in' / 'a.jpg').unlink()
    (tmp_path / 'in' / 'z.jpg').unlink()
    with pytest.raises(DatasetError, match=r'but 2 HEIC pictures, .*pip'):
        run(tmp_path / 'in')


@pytest.mark.parametrize(('suffix', 'kind'), [
    ('.avif', 'AVIF'), ('.jfif', 'JPEG'), ('.JPE', 'JPEG'), ('.jp2',
    'JPEG2000'), ('.ppm', 'PPM'), ('.ico', 'ICO'), ('.Tiff', 'TIFF')])
def test_pictures_of_other_kinds(run, tmp_path, suffix, kind):
    write_picture(tmp_path / 'in' / f'a{suffix}', (64, 64), format=kind)
    run(tmp_path / 'in')
    with Image.open(tmp_path / 'out' / f'a{suffix}.png') as copy:
        assert copy.size == (64, 64)


@pytest.mark.parametrize('size', [(70_000, 40), (1, 900), (2000, 1), (1, 1)])
def test_pictures_of_any_proportions(run, tmp_path, size):
    write_picture(tmp_path / 'in' / 'a.png', size)
    run(tmp_path / 'in')
    with Image.open(tmp_path / 'out' / 'a.png.png') as copy:
        assert copy.size == size


def test_names_of_any_bytes(tmp_path, model):
    names = [b'k\xe4tzchen.png', b'a ' + b'\xc3\xa4' * 124 + b'.png',
             b'x' * 250 + b'.png', b'new\nline.png']
    (tmp_path / 'in').mkdir()
    for name in names:
        write_picture(tmp_path / 'in' / 'a.png')
        os.rename(tmp_path / 'in' / 'a.png',
                  os.path.join(os.fsencode(tmp_path / 'in'), name))
    # A terminal may take nothing but UTF-8.
    code, _, complaint = run_tool(
        'detect.py', tmp_path / 'in', '--detector', model, '--output',
        tmp_path / 'out', env={**os.environ, 'PYTHONIOENCODING': 'utf-8'})
    assert code == 0, complaint
    content = read(tmp_path / 'out')
    assert sorted(os.fsencode(row['file_name'])
                  for row in content['images']) == sorted(names)
    assert len(list((tmp_path / 'out').glob('*.png'))) == len(names)


def test_copies_of_an_earlier_run_are_gone(run, tmp_path):
    write_picture(tmp_path / 'in' / 'a.jpg')
    write_picture(tmp_path / 'other' / 'b.jpg')
    write_picture(tmp_path / 'out' / 'mine.png')
    run(tmp_path / 'in')
    assert '1 annotated copies of an earlier run' in run(tmp_path / 'other')
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        'b.jpg.png', 'detections.json', 'mine.png', 'results.json']


def test_results_are_not_put_among_the_pictures(run, tmp_path):
    write_picture(tmp_path / 'in' / 'a.jpg')
    with pytest.raises(SystemExit, match='the pictures are in this folder'):
        run(tmp_path / 'in', tmp_path / 'in')
    with pytest.raises(SystemExit, match='the pictures are in this folder'):
        run(tmp_path / 'in', tmp_path)


def test_an_interrupted_run_keeps_what_it_found(run, tmp_path, monkeypatch):
    for name in 'abcd':
        write_picture(tmp_path / 'in' / f'{name}.jpg')
    save, count = detect.save_copy, iter(range(4))

    def interrupted(copy, path):
        if next(count) == 2:
            raise KeyboardInterrupt
        save(copy, path)

    monkeypatch.setattr(detect, 'save_copy', interrupted)
    # After the first picture nothing is written but at the end.
    monkeypatch.setattr(detect, 'WRITING', 1e-12)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / 'in')
    assert [row['file_name'] for row in read(tmp_path / 'out')['images']] == [
        'a.jpg', 'b.jpg']
    assert not list((tmp_path / 'out').glob('*.partial'))


def test_an_object_has_one_name():
    dog = Detection('dog', .9, (10, 20, 110, 120))
    also = Detection('cat', .8, (12, 20, 110, 118))
    beside = Detection('cat', .7, (60, 20, 160, 120))
    assert detect.one_name_each([dog, also, beside]) == [dog, beside]
    assert detect.one_name_each([]) == []


def test_boxes_and_names_are_drawn():
    picture = Image.new('RGB', (200, 150), 'white')
    item = Detection('safety vest', .87, (30., 40., 160., 110.))
    copy = detect.annotated(picture, [item], CLASSES)
    changed = numpy.argwhere((numpy.asarray(copy) != 255).any(axis=2))
    assert changed.min(axis=0).tolist() == [40, 30]
    assert changed.max(axis=0).tolist() == [110, 160]
    assert (numpy.asarray(picture) == 255).all()
    inside = numpy.asarray(copy)[70:100, 50:100]
    assert (inside == 255).all()


def test_a_class_name_in_other_letters_is_drawn():
    picture = Image.new('RGB', (200, 150), 'white')
    copies = [numpy.asarray(detect.annotated(
        picture, [Detection(name, .5, (9., 9., 150., 99.))], [name]))
        for name in ('Кот', 'Пёс')]
    assert (copies[0] != copies[1]).any()

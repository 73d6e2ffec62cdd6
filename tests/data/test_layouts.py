"""From exports of many tools to a detector, and back to its classes."""
import json
import os
import shutil
import sys
import unicodedata
import warnings

import check_data
import detect
import numpy
import pytest
import train_detector
from helpers import code_cells, read_notebook, run_tool, tags, text
from matplotlib import pyplot as plt
from PIL import Image

from d2l_ext.data.batches import load_data_voc_detection, load_datasets
from d2l_ext.data.layouts import find_layout
from d2l_ext.data.voc import VOCDetection
from d2l_ext.detector.recipes import Recipe, Step
from d2l_ext.errors import DatasetError, DatasetWarning

TINY = Recipe(steps=(Step('joint', 1, .1, .1),), batch_size=4, side=32,
              num_stages=1, pooling='align', num_hidden=4, num_rois=8)
CELLS = ('RBC', 'WBC', 'Platelet')
NAMES = [f'cell {number}' for number in range(10)]


def xml(objects, size=(60, 40)):
    """An annotation; objects are (name, xmin, ymin, xmax, ymax)."""
    rows = ''.join(
        f'<object><name>{name}</name><bndbox>' + ''.join(
            f'<{tag}>{side}</{tag}>' for tag, side in zip(
                ('xmin', 'ymin', 'xmax', 'ymax'), box))
        + '</bndbox></object>' for name, *box in objects)
    return (f'<annotation><size><width>{size[0]}</width><height>{size[1]}'
            f'</height></size>{rows}</annotation>')


def objects_of(number):
    return [(CELLS[number % 3], 5 + number, 6, 30 + number, 30)]


def write_picture(path, number=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = numpy.random.default_rng(number).integers(
        0, 255, (40, 60, 3), 'uint8')
    Image.fromarray(pixels).save(path, 'PNG')


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding='utf-8')


def write_voc(root, pictures='JPEGImages', annotations='Annotations',
              suffix='.jpg', folder_of=lambda number: ''):
    for number, name in enumerate(NAMES):
        sub = folder_of(number)
        write_picture(root / sub / pictures / f'{name}{suffix}', number)
        write(root / sub / annotations / f'{name}.xml',
              xml(objects_of(number)))


def write_lists(root, lists, folder='ImageSets/Main'):
    for name, rows in lists.items():
        write(root / folder / f'{name}.txt', '\n'.join(rows))


def class_lists(root):
    write_voc(root)
    write_lists(root, {
        f'{cell}_{split}': [
            f'{NAMES[i]} {1 if CELLS[i % 3] == cell else -1}'
            for i in numbers]
        for cell in CELLS for split, numbers in (
            ('train', range(6)), ('val', range(6, 10)))})


def plain_lists(root):
    write_voc(root)
    write_lists(root, {'train': NAMES[:6], 'val': NAMES[6:]})


def flags_and_endings(root):
    write_voc(root, suffix='.JPEG')
    write_lists(root, {
        'train': [f'{name}.JPEG  1' for name in NAMES[:6]],
        'val': [f'"{name}" -1' for name in NAMES[6:]]})


def trainval_and_test(root):
    write_voc(root / 'VOCdevkit' / 'VOC2007')
    write_lists(root / 'VOCdevkit' / 'VOC2007',
                {'trainval': NAMES[:6], 'test': NAMES[6:]})


def lists_elsewhere(root):
    write_voc(root, 'images', 'annotations')
    write_lists(root, {'train': [f'images/{n}.jpg' for n in NAMES[:6]],
                       'valid': [f'images/{n}.jpg' for n in NAMES[6:]]}, '.')


def cvat(root):
    write_voc(root, suffix='.PNG')
    write_lists(root, {'default': NAMES})
    write(root / 'labelmap.txt', 'background:::\nRBC:::')


def two_folders(root):
    write_voc(root, 'images', 'annotations')


def other_folders(root):
    write_voc(root, 'microscope', 'my boxes', '.jfif')


def one_folder(root):
    write_voc(root / 'export', '', '', '.jpe')


def split_folders(root):
    write_voc(root, '', '', folder_of=lambda n: 'train' if n < 6 else 'valid')


def splits_inside(root):
    for number, name in enumerate(NAMES):
        split = 'train' if number < 6 else 'val'
        write_picture(root / 'images' / split / f'{name}.jpg', number)
        write(root / 'labels' / split / f'{name}.xml',
              xml(objects_of(number)))


def coco(numbers, prefix='', crowd=()):
    images, rows = [], []
    for number in numbers:
        (cell, x1, y1, x2, y2), = objects_of(number)
        images.append({'id': number, 'width': 60, 'height': 40,
                       'file_name': f'{prefix}{NAMES[number]}.jpg'})
        rows.append({'id': number + 1, 'image_id': number,
                     'category_id': CELLS.index(cell) + 1,
                     'iscrowd': int(number in crowd),
                     'bbox': [x1 - 1, y1 - 1, x2 - x1 + 1, y2 - y1 + 1]})
    return json.dumps({
        'images': images, 'annotations': rows, 'categories': [
            {'id': 0, 'name': 'cells'}, *({'id': i, 'name': name}
             for i, name in enumerate(CELLS, 1))]})


def coco_instances(root):
    for number, name in enumerate(NAMES):
        split = 'train2017' if number < 6 else 'val2017'
        write_picture(root / split / f'{name}.jpg', number)
    write(root / 'annotations' / 'instances_train2017.json', coco(range(6)))
    write(root / 'annotations' / 'instances_val2017.json',
          coco(range(6, 10)))
    write(root / 'annotations' / 'captions_val2017.json', coco(range(2)))


def coco_beside(root):
    for split, numbers in (('train', range(6)), ('valid', range(6, 10))):
        for number in numbers:
            write_picture(root / split / f'{NAMES[number]}.jpg', number)
        write(root / split / '_annotations.coco.json', coco(numbers))


def coco_result(root):
    for number, name in enumerate(NAMES):
        write_picture(root / 'images' / f'{name}.jpg', number)
    write(root / 'result.json',
          coco(range(10), '../../media\\upload\\1\\'))
    write(root / 'notes.json', '[1, 2]')


GIVEN = (class_lists, plain_lists, flags_and_endings, trainval_and_test,
         lists_elsewhere, split_folders, splits_inside, coco_instances,
         coco_beside)
DRAWN = (cvat, two_folders, other_folders, one_folder, coco_result)


@pytest.fixture
def use(tmp_path, monkeypatch):
    """Write a data set, and name it as the one to be used."""
    def write_and_name(layout):
        layout(tmp_path / 'set')
        monkeypatch.setenv('D2L_VOC_DIR', str(tmp_path / 'set'))
        return tmp_path / 'set'
    return write_and_name


def last_parts(dataset):
    return [name.rsplit('/')[-1] for name in dataset.names]


@pytest.mark.parametrize('layout', [*GIVEN, *DRAWN])
def test_from_a_folder_to_a_detector(layout, use, tmp_path, monkeypatch,
                                     capsys):
    """Read, as it was said before, trained on, and found again."""
    root = use(layout)
    trains, _, sentence = check_data.forecast()
    assert trains
    monkeypatch.setattr(train_detector, 'RECIPES', {
        'best': TINY, 'photographs': TINY})
    monkeypatch.setattr(sys, 'argv', ['train', str(tmp_path / 'model')])
    train_detector.main()
    said = capsys.readouterr().out
    plan = sentence[sentence.index(' on '):sentence.index(', for ')]
    assert f'Training{plan}' in said
    for cell in CELLS:
        assert f'{cell} AP@0.5: ' in said
    picture = next(p for p in find_layout(root).sources.values()).picture
    monkeypatch.setattr(sys, 'argv', [
        'detect', picture, '--detector', str(tmp_path / 'model'), '--output',
        str(tmp_path / 'out'), '--score', '0'])
    with pytest.warns(DatasetWarning, match='trained in test mode'):
        detect.main()
    found = json.loads((tmp_path / 'out' / 'detections.json').read_text())
    assert found['categories'] == [
        {'id': i, 'name': name} for i, name in enumerate(sorted(CELLS), 1)]
    assert {row['category_id'] for row in found['annotations']} <= {1, 2, 3}
    assert found['annotations']


@pytest.mark.parametrize('layout', GIVEN)
def test_splits_are_those_of_the_data_set(layout, use, capsys):
    use(layout)
    train, val = load_datasets(32, 32)
    assert (last_parts(train), last_parts(val)) == (NAMES[:6], NAMES[6:])
    assert train.classes == val.classes == sorted(CELLS)
    for dataset, start in ((train, 0), (val, 6)):
        for number, (item,) in enumerate(dataset.objects, start):
            name, x1, y1, x2, y2 = objects_of(number)[0]
            assert item == (name, (x1 - 1, y1 - 1, x2, y2), False)
    said = capsys.readouterr().out
    assert 'Classes (3): Platelet, RBC, WBC' in said
    assert ('those for tests' in said) == (layout is trainval_and_test)


@pytest.mark.parametrize('layout', DRAWN)
def test_a_split_is_drawn_by_names_alone(layout, use, capsys):
    root = use(layout)
    train, val = load_datasets(32, 32)
    assert sorted(last_parts(train) + last_parts(val)) == NAMES
    assert len(val) == 2
    assert 'one in 5, drawn by their names alone' in capsys.readouterr().out
    # The same whatever the pictures hold, wherever they are.
    for source in find_layout(root).sources.values():
        write_picture(type(root)(source.picture), 99)
    moved = root.rename(root.with_name('moved'))
    assert VOCDetection(moved, 'val', 32, 32).names == val.names


def test_three_pictures_are_enough(use):
    def three(root):
        write_voc(root, 'images', 'xml')
        for name in NAMES[3:]:
            (root / 'images' / f'{name}.jpg').unlink()
            (root / 'xml' / f'{name}.xml').unlink()

    use(three)
    train, val = load_datasets(32, 32)
    assert (len(train), len(val)) == (2, 1)
    assert train_detector.plan(TINY, train).batch_size == 2


def test_small_sets_are_gone_through_more_often(use, monkeypatch):
    monkeypatch.delenv('D2L_TEST_MODE')
    use(plain_lists)
    train, _ = load_datasets(32, 32)
    step, = train_detector.plan(TINY, train).steps
    assert step.num_epochs == train_detector.MIN_STEPS


def test_classes_that_are_asked_for(use, monkeypatch):
    root = use(two_folders)
    monkeypatch.setenv('D2L_CLASSES', 'WBC RBC')
    train, _ = load_datasets(32, 32)
    assert train.classes == ['WBC', 'RBC']
    # Pictures that show nothing but others are left out.
    assert {item.name for row in train.objects for item in row} == {
        'WBC', 'RBC'}
    assert all(train.objects)
    monkeypatch.setenv('D2L_CLASSES', 'red blood cell, WBC')
    monkeypatch.delenv('D2L_TEST_MODE')
    with pytest.warns(DatasetWarning, match="shows 'red blood cell'"):
        load_datasets(32, 32)
    assert VOCDetection(root, 'train', 32, 32, ['RBC']).classes == ['RBC']


@pytest.mark.parametrize(('asked', 'shown'), [
    ('rbc', 'RBC'), ('Platelets', 'Platelet'), ('W_BC', 'WBC')])
def test_a_class_that_looks_like_another_is_told(use, asked, shown):
    root = use(two_folders)
    with pytest.raises(DatasetError, match=f"some show '{shown}'"):
        VOCDetection(root, 'train', 32, 32, [asked])


def test_two_classes_that_look_alike_are_told(use):
    root = use(two_folders)
    write(root / 'annotations' / f'{NAMES[1]}.xml',
          xml([('wbc', 5, 5, 20, 20)]))
    with pytest.warns(DatasetWarning, match="'WBC' and 'wbc' are both"):
        VOCDetection(root, 'train', 32, 32)


def test_pictures_without_objects_are_background(use):
    root = use(plain_lists)
    write(root / 'Annotations' / f'{NAMES[0]}.xml', xml([]))
    train, _ = load_datasets(32, 32)
    assert train.names == NAMES[:6]
    assert train.objects[0] == []


def test_crowds_are_difficult(use):
    root = use(coco_beside)
    write(root / 'valid' / '_annotations.coco.json',
          coco(range(6, 10), crowd=[7]))
    dataset = VOCDetection(root, 'val', 32, 32)
    # Nothing else is on the second picture: it is neither of the classes
    # nor background.
    assert last_parts(dataset) == [NAMES[6], *NAMES[8:]]
    source = find_layout(root).sources[f'valid/{NAMES[7]}']
    assert source.content.objects[0].difficult


@pytest.mark.parametrize(('rows', 'names'), [
    (['cat 0', 'cat 1', 'photo 2'], ['cat 0', 'cat 1', 'photo 2']),
    (['cat 0 1', 'cat 1 -1', 'photo 2 1'], ['cat 0', 'cat 1', 'photo 2']),
    (['cat', 'cat 1'], ['cat', 'cat 1'])])
def test_names_that_end_in_a_number(tmp_path, rows, names):
    for name in ('cat', 'cat 0', 'cat 1', 'photo 2'):
        write_picture(tmp_path / 'JPEGImages' / f'{name}.jpg')
        write(tmp_path / 'Annotations' / f'{name}.xml', xml(objects_of(0)))
    write_lists(tmp_path, {'train': rows, 'val': ['cat']})
    assert VOCDetection(tmp_path, 'train', 32, 32).names == names


def test_names_are_found_however_accents_are_written(tmp_path):
    composed = unicodedata.normalize('NFC', 'Kätzchen')
    apart = unicodedata.normalize('NFD', composed)
    write_picture(tmp_path / 'JPEGImages' / f'{apart}.JpG')
    write(tmp_path / 'Annotations' / f'{composed}.xml',
          xml([(apart, 5, 5, 20, 20)]))
    write_lists(tmp_path, {'train': [composed], 'val': [apart]})
    for split in ('train', 'val'):
        dataset = VOCDetection(tmp_path, split, 32, 32, [apart])
        assert dataset.classes == [composed]
        assert dataset.names == [composed]
        assert dataset.objects[0][0].name == composed


def test_one_object_without_a_box_is_left_out(use):
    root = use(plain_lists)
    path = root / 'Annotations' / f'{NAMES[0]}.xml'
    whole = path.read_text()
    path.write_text(whole.replace('</annotation>', (
        '<object><name>RBC</name><polygon><x1>3</x1></polygon></object>'
        '</annotation>')))
    with pytest.warns(DatasetWarning, match='object 2 has no name, or no box'):
        train = VOCDetection(root, 'train', 32, 32)
    assert [len(objects) for objects in train.objects] == [1] * 6


def test_shares_of_the_sides_become_pixels(use):
    root = use(plain_lists)
    write(root / 'Annotations' / f'{NAMES[0]}.xml',
          xml([('RBC', .25, .5, .75, 1)]))
    with pytest.warns(DatasetWarning, match='shares of the sides'):
        train = VOCDetection(root, 'train', 32, 32)
    assert train.objects[0][0].box == (15, 20, 45, 40)


def test_another_size_is_told(use):
    root = use(plain_lists)
    write(root / 'Annotations' / f'{NAMES[0]}.xml',
          xml(objects_of(0), (120, 80)))
    with pytest.warns(DatasetWarning, match='gives the size 120 x 80'):
        VOCDetection(root, 'train', 32, 32)


@pytest.mark.parametrize(('name', 'text', 'message'), [
    ('result.json', '{"images": [', 'result.json: not JSON'),
    ('result.json', '{"images": 1, "annotations": 2, "categories": 3}',
     "result.json: not in COCO's format"),
    ('result.json', '{"shapes": []}', 'JSON files are of another kind'),
    ('data.yaml', 'nc: 3', 'looks like an export for YOLO')])
def test_what_is_no_data_set_is_told(tmp_path, name, text, message):
    write_picture(tmp_path / 'images' / 'a.jpg')
    write(tmp_path / name, text)
    with pytest.raises(DatasetError, match=message):
        find_layout(tmp_path)


def test_objects_of_coco_that_cannot_be_used(use):
    root = use(coco_result)
    content = json.loads((root / 'result.json').read_text())
    for row, change in zip(content['annotations'], (
            {'bbox': []}, {'bbox': [1, 2, 'wide', 4]}, {'category_id': 77},
            {'bbox': [1, 2, float('inf'), 4]})):
        row.update(change)
    content['images'][5]['file_name'] = 'elsewhere.jpg'
    (root / 'result.json').write_text(json.dumps(content))
    layout = find_layout(root)
    assert sum(bool(source.content.faults) for source
               in layout.sources.values()) == 4
    with pytest.warns(DatasetWarning, match='elsewhere.jpg: there is no such'):
        load_datasets(32, 32)


def test_an_archive_is_to_be_unpacked(tmp_path, monkeypatch):
    (tmp_path / 'set.zip').write_bytes(b'PK')
    monkeypatch.setenv('D2L_VOC_DIR', str(tmp_path / 'set.zip'))
    with pytest.raises(DatasetError, match='unpack it, and name the folder'):
        load_datasets(32, 32)


def test_two_data_sets_in_one_folder(tmp_path, monkeypatch):
    for name in ('one', 'two'):
        plain_lists(tmp_path / name)
    monkeypatch.setenv('D2L_VOC_DIR', str(tmp_path))
    with pytest.raises(DatasetError, match='there are 2 data sets in it'):
        load_datasets(32, 32)


def test_pictures_without_annotation_are_no_background(use):
    root = use(one_folder)
    write_picture(root / 'export' / 'new.jpg')
    layout = find_layout(root)
    assert layout.unannotated == [os.path.join('export', 'new.jpg')]
    assert len(layout.sources) == len(NAMES)


def test_the_chapter_reads_it_too(use):
    use(split_folders)
    train_iter, test_iter = load_data_voc_detection(2, 32, 32)
    assert (len(train_iter), len(test_iter)) == (3, 2)
    X, Y = next(iter(train_iter))
    assert X.shape == (2, 3, 32, 32)
    assert set(Y[..., 0].asnumpy().ravel()) <= {-1, 0, 1, 2}


@pytest.mark.parametrize('layout', [plain_lists, one_folder, splits_inside,
                                    coco_instances])
def test_the_section_on_data_shows_it_too(layout, use, capsys):
    use(layout)
    scope = {}
    with plt.rc_context():
        for cell in code_cells(read_notebook('detection-data.ipynb')):
            if 'widget' not in tags(cell):
                exec(text(cell), scope)
    said = capsys.readouterr().out
    assert '10 pictures with ' in said
    # The first object of the first picture.
    assert "VOCObject(name='RBC', box=(4.0, 5.0, 30.0, 30.0), " in said


def test_what_check_data_says_of_an_export(use):
    """A copied picture, a stranger, a tiny object, and one in all lists."""
    root = use(plain_lists)
    shutil.copy(root / 'JPEGImages' / f'{NAMES[0]}.jpg',
                root / 'JPEGImages' / f'{NAMES[9]}.jpg')
    write_picture(root / 'JPEGImages' / 'stranger.jpg')
    write(root / 'Annotations' / f'{NAMES[1]}.xml',
          xml([('WBC', 5.5, 5, 6, 9), ('wbc', 5, 5, 20, 20)]))
    write_lists(root, {'val': [*NAMES[6:], NAMES[2]]})
    code, said, _ = run_tool('check_data.py', root)
    assert code == 1
    for part in (f'{NAMES[0]}, {NAMES[9]}: the same picture, both to train',
                 f'{NAMES[2]}: is both to train and to validate on',
                 "'WBC' and 'wbc' are both annotated",
                 '1 pictures without an annotation are not read',
                 '1 of 2 WBC measure less than 8 pixels',
                 'only 2 of RBC to learn from', '2 problems.'):
        assert part in said
    assert said.splitlines()[-1].startswith('`make detector` would train on '
                                            '6 pictures with')


def test_a_forecast_of_a_stop(use):
    root = use(class_lists)
    for path in (root / 'ImageSets' / 'Main').glob('*_val.txt'):
        path.unlink()
    trains, _, sentence = check_data.forecast()
    assert not trains
    assert 'neither a list val.txt nor one of each class' in sentence
    with pytest.raises(DatasetError) as raised:
        load_datasets(32, 32)
    assert str(raised.value) in sentence


def test_nothing_is_warned_of_in_good_sets(use):
    use(coco_instances)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        load_datasets(32, 32)

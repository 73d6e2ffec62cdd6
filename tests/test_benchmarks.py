"""The benchmarks: they run, and their loops compute the same labels."""
import json
import re

import bench
import chapter
import data_sets
import growth
import numpy
import ours
import page
import plain
import pytest
import tables
from helpers import random_truth
from mxnet import init, np
from numpy.testing import assert_allclose, assert_array_equal

from d2l_ext import anchors, rpn
from d2l_ext.boxes import iou
from d2l_ext.data.layouts import find_layout
from d2l_ext.data.voc import VOCDetection


def without_ties(truth, boxes):
    """Rounding alone decides between two anchors that fit equally well."""
    for rows in truth:
        for row in rows:
            second, best = numpy.sort(iou(row[1:], boxes).asnumpy())[-2:]
            if best - second < 1e-5:
                row[0] = -1
    return truth


@pytest.mark.parametrize('num_rows', [1, 4, 9])
def test_labels_are_the_same(rng, num_rows):
    """Except for the background, which is sampled."""
    boxes = anchors.generate_anchors(5, 7, rpn.SIZES, rpn.RATIOS)
    for _ in range(10):
        truth = without_ties(random_truth(rng, 6, num_rows), boxes)
        ours, plains = (module.label_anchors(truth, boxes, .5, .3, 3)
                        for module in (anchors, plain))
        labels, expected = (x[0].asnumpy() for x in (ours, plains))
        assert_array_equal(labels * (labels > 0), expected * (expected > 0))
        assert_array_equal((labels == 0).sum(axis=1),
                           (expected == 0).sum(axis=1))
        assert_allclose(ours[1].asnumpy(), plains[1].asnumpy(), rtol=1e-4,
                        atol=1e-4)


def test_proposals_are_the_same():
    output = rpn.RPNOutput()
    output.initialize(init.Xavier())
    features = 5 * np.random.normal(size=(3, 8, 5, 7))
    ours, plains = (module.predict_rpn(features, output, rpn.rpn_anchors, .5)
                    for module in (rpn, plain))
    for found, expected in zip(ours, plains):
        assert 0 < len(found[0]) < 5 * 7 * 5
        for a, b in zip(found, expected):
            assert_allclose(a.asnumpy(), b.asnumpy(), atol=1e-4)


def test_a_workload_can_be_timed(tmp_path):
    for name in ('RPN step', 'Faster R-CNN step'):
        ours.WORKLOADS[name](batch_size=2, side=64)()
    ours.WORKLOADS['Faster R-CNN step'](batch_size=2, side=64,
                                        num_classes=5)()
    ours.WORKLOADS['inference'](batch_size=2, num_classes=5)()
    data_sets.make_photographs(tmp_path, 2)
    ours.photographs(str(tmp_path), bench.DETECTOR)()
    ours.evaluation(num_classes=5, batch_size=2)()


@pytest.mark.parametrize('kind', data_sets.FORMATS)
def test_a_format_is_read_whole(kind, tmp_path):
    data_sets.make(tmp_path, kind, {'train': 8, 'val': 2}, num_classes=3)
    layout = find_layout(tmp_path)
    train, val = (VOCDetection(layout, split, 8, 8)
                  for split in ('train', 'val'))
    assert (len(train), len(val)) == (8, 2)
    assert train.classes == val.classes == ['class-0', 'class-1', 'class-2']
    objects = {name: shown for dataset in (train, val)
               for name, shown in zip(dataset.names, dataset.objects)}
    assert len(objects) == 10
    for name, shown in objects.items():
        first = int(name[-6:]) % 3
        assert [item.name for item in shown] == [
            f'class-{first}', f'class-{(first + 1) % 3}']
        # XML counts pixels from 1.
        assert [item.box for item in shown] == [
            (x, y, x + width, y + height)
            for x, y, width, height in data_sets.BOXES]


def test_the_passes_of_the_chapter_are_counted():
    parts = chapter.parts(800, 300)
    assert sum(part.steps for part in parts) == 150
    cells = json.loads(chapter.NOTEBOOK.read_text('utf-8'))['cells']
    numbers = [chapter.cell_number(part) for part in parts]
    assert len(set(numbers)) == len(parts)
    calls = re.compile(r'\bbackbone\(X|train_detection\(|propose\(images')
    calling = {number for number, cell in enumerate(cells, 1)
               if cell['cell_type'] == 'code'
               and calls.search(re.sub(r'def .*\n.*', '',
                                       ''.join(cell['source'])))}
    assert calling <= set(numbers)


def test_every_part_of_the_page_has_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr(page, 'draw_curve', lambda title, curve: 'x.png')
    result = {
        'machine': dict.fromkeys(
            ('threads', 'processor', 'mxnet', 'Python', 'numpy'), '7'),
        'rows': {row.title: ([1., 2., 3.], [2., 3., 4.])
                 for row in bench.ROWS},
        'wait': [.01], 'memory': {'bare': 0, 'decoded': 9,
                                  'loader': {'1300': 1, '13000': 1}},
        'chapter': {'rows': [['training', 6., 2, 1], ['others', 1., 0, 0]],
                    'passes': {'step': [2.], 'forward': [1.]}},
        'detection': {'alone': [2.], 'make detect': [4.]},
        'curves': {'side of an image': {
            name: {'1': [1.], '2': [3.]} for name in growth.STEPS}},
        'data sets': {'peaks': {'100': 2**20}, 'curves': {
            'pictures': {'start': {'100': [1.], '1000': [2.],
                                   '10000': [22.]}}}}}
    old, new = page.PAGE.read_text('utf-8'), tables.renew(
        page.PAGE, page.parts(result))
    assert '| 1.50 | ≥ 30 | **missed** |' in new
    assert 'From 1 to 2, times grow by a factor of 3 (backbone)' in new
    assert 'From 1,000 to 10,000, times grow by a factor of 11 (s' in new
    assert "passes alone | 1.40 | ≤ 1.25 | **missed** |" in new
    assert '| photographs a second: decoded, and their objects found | 32' in (
        new)
    assert '| training | 6.0 | 5.0 | 1.0 |' in new
    written = [text.partition('## Where the time goes')[2]
               for text in (old, new)]
    assert written[0] == written[1] != ''

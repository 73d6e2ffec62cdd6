"""The benchmarks: they run, and their loops compute the same labels."""
import bench
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


def test_a_training_step_can_be_timed():
    for name in ('RPN step', 'Faster R-CNN step'):
        ours.WORKLOADS[name](batch_size=2, side=64)()


def test_every_part_of_the_page_has_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr(page, 'draw_curve', lambda title, curve: 'x.png')
    result = {
        'machine': dict.fromkeys(
            ('threads', 'processor', 'mxnet', 'Python', 'numpy'), '7'),
        'rows': {row.title: ([1., 2., 3.], [2., 3., 4.])
                 for row in bench.ROWS},
        'data wait': [.01], 'memory': {'bare': 0, 'decoded': 9,
                                       'loader': {'1300': 1, '13000': 1}},
        'curves': {'side of an image': {
            name: {'1': [1.], '2': [3.]} for name in page.bench.STEPS}}}
    old, new = page.PAGE.read_text('utf-8'), tables.renew(
        page.PAGE, page.parts(result))
    assert '| 1.50 | ≥ 30 | **missed** |' in new
    assert 'From 1 to 2, a Faster R-CNN step takes 3 times' in new
    assert old.partition('## Where')[2] == new.partition('## Where')[2] != ''

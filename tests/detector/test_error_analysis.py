"""Kinds of mistakes, by hand."""
from collections import Counter

import numpy
import pytest
from test_evaluation import BOX, FAR, NEAR, OTHER, data, detections

from d2l_ext.detector.error_analysis import ERROR_KINDS, analyse_errors

ELSEWHERE = (0, 0, 8, 8)


@pytest.mark.parametrize(('row', 'kinds'), [
    ((0, .9, *NEAR), ['correct']),
    ((1, .9, *NEAR), ['confusion', 'missed']),
    ((0, .9, *FAR), ['localisation', 'missed']),
    ((1, .9, *FAR), ['confusion', 'missed']),
    ((0, .9, *ELSEWHERE), ['background', 'missed']),
    ((0, .4, *NEAR), ['missed'])])
def test_one_detection_of_one_cat(row, kinds):
    dataset = data([('cat', BOX, False)])
    found = analyse_errors([detections(row)], dataset)
    assert [item.kind for item in found] == kinds
    if kinds[0] != 'missed':
        first = found[0]
        assert first.name == ('cat', 'dog')[row[0]]
        assert first.score == pytest.approx(row[1])
        assert first.box == pytest.approx(row[2:], rel=1e-5)


def test_of_two_the_surer_is_right():
    dataset = data([('cat', BOX, False)])
    rows = [(0, .6, *BOX), (0, .9, *NEAR)]
    found = analyse_errors([detections(*rows)], dataset)
    assert [(item.kind, round(item.score, 1)) for item in found] == [
        ('correct', .9), ('double', .6)]


def test_difficult_objects_do_not_count():
    dataset = data([('cat', BOX, True), ('dog', OTHER, False)])
    rows = [(0, .9, *BOX), (0, .8, *NEAR)]
    found = analyse_errors([detections(*rows)], dataset)
    assert [item.kind for item in found] == ['missed']
    assert found[0].box == OTHER
    assert found[0].name == 'dog'


def test_every_object_is_right_or_missed(rng):
    """And every detection gets exactly one kind, whatever the boxes."""
    for _ in range(40):
        images, results = [], []
        for _ in range(3):
            boxes = [(x, y, x + w, y + h) for x, y, w, h in
                     rng.uniform(1, 40, (rng.integers(0, 4), 4))]
            images.append([(('cat', 'dog')[rng.integers(2)], box, False)
                           for box in boxes])
            rows = [(rng.integers(2), rng.random(),
                     *(numpy.array(box) + rng.normal(0, 3, 4)))
                    for box in boxes * 2]
            results.append(detections(*rows))
        found = analyse_errors(results, data(*images), score_threshold=.3)
        kinds = Counter(item.kind for item in found)
        assert set(kinds) <= {'correct', *ERROR_KINDS}
        assert kinds['correct'] + kinds['missed'] == sum(map(len, images))
        assert sum(kinds.values()) - kinds['missed'] == sum(
            int((scores >= .3).sum()) for _, scores, _ in results)

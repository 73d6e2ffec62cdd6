"""Points for right and wrong answers, as a person would give them."""
import itertools
import json
import types

import marks
import numpy
import pytest
import sandbox
import similar
from handing_in import (
    ASSIGNMENT,
    FULL,
    RIGHT,
    InThisProcess,
    points,
    random_boxes,
    run,
)
from mxnet import np, npx
from wrong_answers import ROWS

import d2l_ext as d2l

# What else is right: other ways, libraries and kinds of results.
OTHERS = {
    'broadcasting': ('iou', """
def iou(a, b):
    a, b = a[:, :, None], b[:, None, :]
    w = np.maximum(np.minimum(a[2], b[2]) - np.maximum(a[0], b[0]), 0)
    h = np.maximum(np.minimum(a[3], b[3]) - np.maximum(a[1], b[1]), 0)
    union = ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
             - w * h)
    return w * h / np.maximum(union, 1e-9)
"""),
    'NaN put right': ('iou', """
def iou(a, b):
    a, b = a.asnumpy()[:, :, None], b.asnumpy()[:, None, :]
    w = (numpy.minimum(a[2], b[2]) - numpy.maximum(a[0], b[0])).clip(0)
    h = (numpy.minimum(a[3], b[3]) - numpy.maximum(a[1], b[1])).clip(0)
    union = ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
             - w * h)
    return numpy.nan_to_num(w * h / union).astype('float32')
"""),
    'later of equal scores first': ('nms', """
def nms(scores, boxes, threshold):
    order = scores.asnumpy().argsort(kind='stable')[::-1]
    overlap, kept = plain(iou(boxes, boxes)), []
    for i in order:
        if all(overlap[i, j] <= threshold for j in kept):
            kept.append(i)
    return np.array(kept)
"""),
    'integers in a list': ('label_anchors', """
def label_anchors(truth, anchors, pos_iou, neg_iou):
    rows = [[float(x) for x in row] for row in truth if float(row[0]) >= 0]
    n = anchors.shape[1]
    table = [plain(iou(np.array([row[1:]]).T, anchors))[0] for row in rows]
    labels = []
    for i in range(n):
        claims = [int(row[0]) + 1 for row, values in zip(rows, table)
                  if values[i] == max(values) > 0]
        best = max(((values[i], row[0]) for row, values in zip(rows, table)),
                   default=(0, 0))
        labels.append(claims[0] if claims else int(best[1]) + 1
                      if best[0] > pos_iou else 0 if best[0] < neg_iou
                      else -1)
    return labels
"""),
    'lists of lists': ('roi_pool', """
def roi_pool(features, roi, height, width):
    x1, y1, x2, y2 = map(int, roi.asnumpy())
    h, w = y2 - y1 + 1, x2 - x1 + 1
    return [[[max(channel[y1 + y, x1 + x]
                  for y in range(i * h // height, -(-(i + 1) * h // height))
                  for x in range(j * w // width, -(-(j + 1) * w // width)))
              for j in range(width)] for i in range(height)]
            for channel in features]
"""),
    'NumPy by the name of np': ('iou', """
import numpy as np


def iou(a, b):
    a, b = a[:, :, np.newaxis], b[:, np.newaxis]
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    both = np.prod(np.clip(sides, 0, None), axis=0)
    area = [np.prod(box[2:] - box[:2], axis=0) for box in (a, b)]
    union = area[0] + area[1] - both
    return np.divide(both, union, out=np.zeros(both.shape), where=union > 0)
"""),
    'NumPy by the name of np, and masks': ('nms', """
import numpy as np


def nms(scores, boxes, threshold):
    order, kept = np.argsort(-scores), []
    while order.size:
        kept.append(order[0])
        overlap = np.asarray(iou(boxes[:, order[:1]], boxes[:, order]))[0]
        order = order[1:][overlap[1:] <= threshold]
    return np.array(kept, dtype=int)
"""),
    'what the first cells of the notebook define': ('nms', """
warnings.simplefilter('error')
check(iou(np.zeros((4, 1)), np.zeros((4, 1))), [[0]], 'No area.')
assert d2l_ext.nms and npx.is_np_array()
""" + RIGHT['nms']),
    'a lambda and a helper': ('iou', """
def one(a, b):
    w, h = (max(0, min(a[i + 2], b[i + 2]) - max(a[i], b[i]))
            for i in (0, 1))
    area = sum((x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)) - w * h
    return w * h / area if area else 0.


iou = lambda a, b: np.array([one(x, y) for x in a.T for y in b.T]).reshape(
    a.shape[1], b.shape[1])
""")}


@pytest.mark.parametrize('how', OTHERS)
def test_other_right_answers_get_all_points(how):
    task, code = OTHERS[how]
    assert points({task: code}) == FULL


def test_later_cells_do_not_change_what_names_mean():
    """Run one after the other, as in a notebook, all tests pass."""
    assert points({
        'iou': 'one = 1\n' + RIGHT['iou'].replace(
            'plain(a), plain(b)', 'a.asnumpy() * one, b.asnumpy() * one'),
        'roi_pool': 'import numpy as np\none = iou = None\n'
        + RIGHT['roi_pool']}) == FULL


@pytest.mark.parametrize('seed', range(8))
def test_the_model_answer_gets_all_points_whatever_is_drawn(seed):
    assert points({}, seed) == FULL


def test_the_model_answer_agrees_with_the_library(rng):
    for _ in range(20):
        boxes = random_boxes(rng, 9)
        given = np.array(boxes)
        numpy.testing.assert_allclose(
            ASSIGNMENT.right.iou(boxes, boxes),
            d2l.iou(given[:, :, None], given[:, None]).asnumpy(), atol=1e-5)
        features = rng.normal(size=(2, 6, 9))
        low, high = numpy.sort(rng.integers(0, 6, (2, 2)), axis=0)
        roi = [*low.tolist(), *high.tolist()]
        oracle = npx.roi_pooling(
            np.array(features[None], dtype='float32'),
            np.array([[0, *roi]]),
            pooled_size=(2, 3), spatial_scale=1)
        numpy.testing.assert_allclose(
            ASSIGNMENT.right.roi_pool(features, roi, 2, 3),
            oracle.asnumpy()[0], rtol=1e-5)


@pytest.mark.parametrize(('about', 'task', 'code', 'given'), ROWS,
                         ids=[row[0] for row in ROWS])
def test_points_that_a_person_would_give(about, task, code, given):
    # Nobody pays twice for a mistake.
    assert points({task: code}) == {**FULL, task: given}


def test_there_are_twenty_wrong_answers_and_more():
    assert len({code for *_, code, _ in ROWS}) >= 20


# task, what is replaced in the model answer, by what, points left
MISTAKES = {
    'two negative sides': ('iou', 'max(0, min(ax2', '(lambda *x: x[1])(0, '
                           'min(ax2', 4),
    'x and y swapped': ('iou', '(bx2 - bx1) * (by2 - by1)',
                        '(bx2 - bx1) * (by1 - by2)', 0),
    'no boxes': ('iou', 'result = ', 'assert a.size and b.size\n    '
                 'result = ', 4),
    'only a square': ('iou', 'numpy.zeros((a.shape[1], b.shape[1]))',
                      'numpy.zeros((b.shape[1], a.shape[1])).T * 0 + '
                      '0 * (a.shape[1] == 1 or 1 / 0)', 2),
    'at the threshold': ('nms', '<= threshold', '< threshold', 4),
    'no object': ('label_anchors', 'if not objects or ', 'if ', 5),
    'rule 2 for all': ('label_anchors', 'row.max() > 0', 'True', 5),
    'first object takes all': ('label_anchors', 'overlap.argmax(axis=0)',
                               'overlap.argmax(axis=0) * 0', 5),
    'rule 2 gives way': ('label_anchors', 'if row.max() > 0',
                         'if row.max() >= neg_iou', 5),
    'not greater': ('label_anchors', 'best > pos_iou', 'best >= pos_iou', 5),
    'one channel': ('roi_pool', 'result[:, i, j]', 'result[:1, i, j]', 4),
    'windows of fixed size': (
        'roi_pool', '-(-(i + 1) * h // height)', '(i + 1) * h // height', 1),
    'square outputs': ('roi_pool', '(-(j + 1) * w // width)',
                       '(-(j + 1) * w // height)', 4)}


@pytest.mark.parametrize('mistake', MISTAKES)
def test_typical_mistakes_cost_points(mistake):
    task, old, new, left = MISTAKES[mistake]
    assert old in RIGHT[task]
    assert points({task: RIGHT[task].replace(old, new)}) == {
        **FULL, task: left}


def test_nothing_gives_nothing():
    nothing = {task: ASSIGNMENT.stubs[task] for task in FULL}
    assert points(nothing) == dict.fromkeys(FULL, 0)
    zeros = 'def {}(*_):\n    return 0'
    assert points({task: zeros.format(task) for task in FULL}) == (
        dict.fromkeys(FULL, 0))


@pytest.mark.parametrize('kind', ['list', 'numpy.array', 'np.array'])
def test_a_correct_iou_stands_in_for_a_wrong_one(kind):
    """It returns what theirs does, and whoever relies on that is right."""
    how = {'list': '[0] + []', 'numpy.array': '[0].view(numpy.ndarray)',
           'np.array': '.asnumpy()[0]'}
    wrong = f"""
def iou(a, b):
    return {kind}([[0.] * b.shape[1]] * a.shape[1])
"""
    nms = f"""
def nms(scores, boxes, threshold):
    kept = []
    for i in map(int, (-scores.asnumpy()).argsort()):
        overlap = iou(boxes[:, i:i + 1], boxes){how[kind]}
        if all(overlap[j] <= threshold for j in kept):
            kept.append(i)
    return kept
"""
    found = points({'iou': wrong, 'nms': nms})
    assert found == {**FULL, 'iou': 0}


def test_the_stand_in_comes_after_the_first_task():
    """Nobody gets the first task's points with it."""
    cheat = """
def iou(a, b):
    import sys
    return sys._getframe(1).f_locals['self']._ask(
        {'ask': 'iou', 'arguments': []})
"""
    assert points({'iou': cheat})['iou'] == 0


def test_arguments_that_change_cost_the_point_for_that():
    code = RIGHT['nms'].replace('    kept = []', '    scores[:] = 0\n'
                                '    kept = []')
    results = run({**RIGHT, 'nms': code})
    assert results['nms-order']['problem']
    assert not results['nms-tests']['problem']


def test_arguments_that_change_do_not_change_what_is_right():
    """Zeros are right for a map of zeros, but it was none."""
    zeros = {'iou': """
def iou(a, b):
    a[:], b[:] = 0, 0
    return numpy.zeros((a.shape[1], b.shape[1]))
""", 'roi_pool': """
def roi_pool(features, roi, height, width):
    features[:] = 0
    return numpy.zeros((features.shape[0], height, width))
"""}
    assert points(zeros) == {**FULL, 'iou': 0, 'roi_pool': 0}


def test_hidden_numbers_are_others_each_run():
    """The same for all students of a run, and nobody knows them before."""
    seen = []

    class Watching(InThisProcess):
        def request(self, seconds, helpers, what, **request):
            if what == 'call' and request['name'] == 'roi_pool':
                seen.append(json.dumps(request['arguments']))
            return super().request(seconds, helpers, what, **request)

    def numbers(seed):
        seen.clear()
        marks.run_tests(ASSIGNMENT, list(RIGHT.items()), Watching, seed, 30)
        return list(seen)
    assert numbers(1) == numbers(1) != numbers(2)


def test_cells_that_end_the_process_do_not_take_hours(monkeypatch):
    """Each of them costs a sandbox, until the time is over."""
    class Deadly:
        def request(self, *_, **__):
            raise sandbox.LostError('the process ended')

        def close(self):
            pass

    def start():
        started.append(next(clock))
        return Deadly()
    started, clock = [], itertools.count(step=100)
    monkeypatch.setattr(marks, 'time', types.SimpleNamespace(
        monotonic=lambda: next(clock)))
    results, remarks = marks.run_tests(
        ASSIGNMENT, 100 * [('', 'exit')], start, 1, 30)
    assert len(started) < 10
    assert remarks[-1].startswith('stopped, the time for all tests is used up')
    assert all(result['lost'] for result in results.values())


@pytest.mark.parametrize('line', [
    'from d2l_ext import iou', 'keep = npx.roi_pooling(X, rois)',
    'import d2l_ext as d2l', 'f = getattr(npx, "roi_" + "pooling")',
    'iou = mx.nd.contrib.box_iou', 'from d2l import mxnet as d2l',
    '__import__("d2l" + "_ext")', 'x = npx.multibox_target(a, b, c)',
    'exec("import d2l_ext")', 'f = mx.nd.ROIPooling',
    'numpy.allclose = numpy.array_equal = yes', 'setattr(numpy, "abs", abs)',
    'np.random.uniform=lambda *_: 0'])
def test_what_is_forbidden_is_quoted(line):
    assert similar.forbidden_lines([('nms', f'x = 1\n  {line}  # no\n')]) == [
        f'nms: {line}']


@pytest.mark.parametrize('line', [
    '# not with npx.roi_pooling', 'x = 1  # as d2l_ext does',
    '"""As d2l_ext.iou,\nby hand."""', 'proposal = boxes[0]',
    'numpy.abs(x) == 1', 'x = numpy.array(a)', 'assert numpy.pi == 3'])
def test_what_is_not_forbidden(line):
    assert not similar.forbidden_lines([('nms', line)])
    for code in RIGHT.values():
        assert not similar.forbidden_lines([('nms', code)])


def test_what_was_handed_out_is_not_quoted():
    """Some add their imports to the first cell, which has ours."""
    setup = f'import math\nimport d2l_ext\n{ASSIGNMENT.stubs["setup"]}'
    assert similar.forbidden_lines(
        [('', setup)], ASSIGNMENT.stubs.values()) == [
            'own cell: import d2l_ext']


def test_copies_in_disguise_are_alike():
    from submissions import Submission

    def submission(name, **answers):
        return Submission(name, [], [], answers, [], True)
    disguised = {
        task: '# All mine.\n' + code.replace('both', 'shared').replace(
            'remaining', 'rest').replace('labels', 'out')
        for task, code in RIGHT.items()}
    others = {task: code for task, code in OTHERS.values()}
    found = similar.alike([
        submission('a', **RIGHT), submission('b', **disguised),
        submission('c', **others), submission('d', iou='pass'),
        submission('e', iou='pass')], 'open_question')
    assert found == {'a': ['b'], 'b': ['a'], 'c': [], 'd': [], 'e': []}


def test_no_answer_is_too_long_to_compare():
    numbers = ' '.join(map(str, range(10**5)))
    found = similar.shingles({'iou': numbers, 'question': numbers}, 'question')
    assert 1000 < len(found) < 10**5


@pytest.mark.parametrize('sent', [
    {}, {'shape': [1], 'data': ['1']}, {'shape': [2], 'data': [1.]},
    {'shape': ['x'], 'data': []}, {'shape': [1], 'data': [[1.]]},
    {'shape': None, 'data': None}, {'shape': [1], 'data': [None]}, 7, 'x'])
def test_only_numbers_come_out_of_a_sandbox(sent):
    with pytest.raises(sandbox.LostError, match='no array'):
        sandbox.unpack(sent)

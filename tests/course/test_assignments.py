"""The assignment: what is handed out, what is asked, and how it is graded."""
import csv
import json
import os
import re
import subprocess
import sys
import time

import assignments
import grade
import nbformat
import psutil
import pytest
from assignments import NAME, SOURCE, CourseError
from helpers import ROOT

SOURCE_CELLS = {cell.metadata['nbgrader']['grade_id']: cell.source
                for cell in nbformat.read(SOURCE, 4).cells
                if 'nbgrader' in cell.metadata}
TASKS = {'iou': 5, 'nms': 5, 'label_anchors': 6, 'roi_pool': 5,
         'open_question': 4}
IN_FULL = {task: SOURCE_CELLS[task] for task in TASKS}
ENDLESS = """
def nms(scores, boxes, threshold):
    remaining = list(range(len(scores)))
    while remaining:
        best = max(remaining, key=lambda i: scores[i])
"""
# x and y change their roles, and nobody thinks of anything unusual.
WRONG = {
    'iou': """
def iou(a, b):
    a, b = a.asnumpy()[:, :, None], b.asnumpy()[:, None]
    width = numpy.minimum(a[2], b[2]) - numpy.maximum(a[0], b[0])
    height = numpy.minimum(a[3], b[3]) - numpy.maximum(a[1], b[1])
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1])
                   + (b[2] - b[0]) * (b[3] - b[1]) - both)
""",
    'nms': """
def nms(scores, boxes, threshold):
    return [int(scores.argmax())]
""",
    'label_anchors': """
def label_anchors(truth, anchors, pos_iou, neg_iou):
    overlap = plain(iou(truth[:, 1:].T, anchors))
    return (overlap.max(axis=0) > pos_iou) * 1.
""",
    'roi_pool': """
def roi_pool(features, roi, height, width):
    y1, x1, y2, x2 = (int(x) for x in roi)
    region = features.asnumpy()[:, y1:y2 + 1, x1:x2 + 1]
    return region[:, :height, :width]
"""}


@pytest.fixture(scope='module')
def home(tmp_path_factory):
    return tmp_path_factory.mktemp('home')


@pytest.fixture(scope='module')
def released(tmp_path_factory, home):
    """The notebook for students, made as `make assignments` does."""
    folder = tmp_path_factory.mktemp('assignments')
    subprocess.run(
        [sys.executable, ROOT / 'tools' / 'course' / 'assignments.py', folder],
        check=True, env={**os.environ, 'HOME': str(home)})
    made, = folder.iterdir()
    assert made.name == f'{NAME}.ipynb'
    return nbformat.read(made, 4)


def hand_in(released, path, answers):
    notebook = nbformat.from_dict(json.loads(json.dumps(released)))
    for cell in notebook.cells:
        name = cell.metadata.get('nbgrader', {}).get('grade_id')
        cell.source = answers.get(name, cell.source)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def test_students_get_no_solutions_and_no_hidden_tests(released):
    content = json.dumps(released)
    for mark in ('SOLUTION', 'HIDDEN', 'reference_iou', 'kitten gets'):
        assert mark in json.dumps(SOURCE_CELLS)
        assert mark not in content
    points = {}
    for cell in released.cells:
        of_cell = cell.metadata.get('nbgrader', {})
        assert not cell.get('outputs')
        if of_cell.get('solution'):
            assert re.search(r'Write your (code|answer) here', cell.source)
        if 'points' in of_cell:
            assert of_cell['locked'] != of_cell['solution']
            task = of_cell['grade_id'].split('-')[0]
            points[task] = points.get(task, 0) + of_cell['points']
            assert task == 'open_question' or cell.source.strip()
    assert points == TASKS == grade.points_by_task()
    # The table in the text promises the same.
    promised = [sum(map(int, row.split('+'))) for row in re.findall(
        r'^\| \d\. .*\| ([\d +]+) \|$', released.cells[0].source, re.M)]
    assert promised == list(TASKS.values())


def test_lines_fit_on_a_page():
    for code in SOURCE_CELLS.values():
        if 'Without rule 2' not in code:
            assert max(map(len, code.splitlines())) <= 79


def points(answers):
    """Run the cells of the source with other answers in one namespace."""
    found, namespace = dict.fromkeys(TASKS, 0), {}
    for name, code in {**SOURCE_CELLS, **answers}.items():
        if name == 'open_question':
            continue
        try:
            exec(compile(code, name, 'exec'), namespace)
        except Exception:  # whatever a wrong answer may raise
            continue
        if '-' in name:
            found[name.split('-')[0]] += 2 if name.endswith('-tests') and (
                'hidden' not in name) else 3 + (name[0] == 'l')
    return {task: found[task] for task in list(TASKS)[:-1]}


FULL = {'iou': 5, 'nms': 5, 'label_anchors': 6, 'roi_pool': 5}
RIGHT = {
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
""")}


@pytest.mark.parametrize('how', RIGHT)
def test_other_right_answers_get_all_points(how):
    task, code = RIGHT[how]
    assert points({task: code}) == FULL


def test_the_model_answer_gets_all_points():
    assert points({}) == FULL


# task, what is replaced in the model answer, by what, points left
MISTAKES = {
    'two negative sides': ('iou', 'max(0, min(ax2', '(lambda *x: x[1])(0, '
                           'min(ax2', None),
    'x and y swapped': ('iou', '(bx2 - bx1) * (by2 - by1)',
                        '(bx2 - bx1) * (by1 - by2)', 0),
    'no boxes': ('iou', 'result = ', 'assert a.size and b.size\n    '
                 'result = ', 2),
    'NaN': ('iou', 'if either > 0:', 'if True:', 2),
    'only a square': ('iou', 'numpy.zeros((a.shape[1], b.shape[1]))',
                      'numpy.zeros((b.shape[1], a.shape[1])).T * 0 + '
                      '0 * (a.shape[1] == 1 or 1 / 0)', 2),
    'keeps the worst': ('nms', '-float(', 'float(', 0),
    'at the threshold': ('nms', '<= threshold', '< threshold', 2),
    'dropped boxes drop': (
        'nms', 'remaining = [i for i in remaining if overlap[i] <= '
        'threshold]', 'pass\n    table = plain(iou(boxes, boxes))\n    '
        'return [i for n, i in enumerate(kept) if all(table[i, j] <= '
        'threshold for j in kept[:n])]', 2),
    'nothing to keep': ('nms', 'kept = []', 'kept = [] if len(scores) '
                        'else None', 2),
    'padding': ('label_anchors', ' if row[0] >= 0', '', 2),
    'no object': ('label_anchors', 'if not objects or ', 'if ', 2),
    'no rule 2': ('label_anchors', 'row.max() > 0', 'False', 0),
    'rule 2 for all': ('label_anchors', 'row.max() > 0', 'True', 2),
    'class of the background': ('label_anchors', 'label + 1', 'label', 0),
    'first object takes all': ('label_anchors', 'overlap.argmax(axis=0)',
                               'overlap.argmax(axis=0) * 0', None),
    'rule 2 gives way': ('label_anchors', 'if row.max() > 0',
                         'if row.max() >= neg_iou', 2),
    'not greater': ('label_anchors', 'best > pos_iou', 'best >= pos_iou', 2),
    'rows are columns': ('roi_pool', '[:, y1:y2 + 1, x1:x2 + 1]',
                         '[:, x1:x2 + 1, y1:y2 + 1]', 0),
    'the end left out': ('roi_pool', 'y2 + 1', 'y2', 0),
    'one channel': ('roi_pool', 'result[:, i, j]', 'result[0, i, j]', 2),
    'from zero': ('roi_pool', '.max(axis=(1, 2))',
                  '.max(axis=(1, 2), initial=0)', 2),
    'windows of fixed size': (
        'roi_pool', '-(-(i + 1) * h // height)', '(i + 1) * h // height', 0),
    'square outputs': ('roi_pool', '(-(j + 1) * w // width)',
                       '(-(j + 1) * w // height)', 2)}


@pytest.mark.parametrize('mistake', MISTAKES)
def test_typical_mistakes_cost_points(mistake):
    task, old, new, left = MISTAKES[mistake]
    assert old in SOURCE_CELLS[task]
    found = points({task: SOURCE_CELLS[task].replace(old, new)})
    assert found[task] < FULL[task]
    if left is not None:
        assert found[task] == left
    # Nobody pays twice for a mistake.
    assert {**found, task: FULL[task]} == FULL


def test_marks_of_all_kinds_of_submissions(released, tmp_path, monkeypatch):
    """A right, a wrong, a half-done and an endless one, and what is none."""
    monkeypatch.setenv('CELL_SECONDS', '6')
    monkeypatch.setattr(grade, 'CELL_SECONDS', 6)
    monkeypatch.delenv('HOME', raising=False)
    folder, output = tmp_path / 'handed in', tmp_path / 'grades'
    hand_in(released, folder / 'Right, Rita' / f'{NAME}.ipynb', IN_FULL)
    hand_in(released, folder / 'Wrong' / f'{NAME}.ipynb', {
        **WRONG, 'open_question': '<script src="https://x.org/a"></script>'
        '\n\nNo idea. ![](https://x.org/i.png)'})
    hand_in(released, folder / 'Half.ipynb',
            {'iou': IN_FULL['iou'], 'nms': IN_FULL['nms']})
    hand_in(released, folder / 'Endless' / 'my blocks.ipynb',
            {**IN_FULL, 'nms': ENDLESS})
    (folder / 'Nothing').mkdir()
    (folder / 'Broken.ipynb').write_text('{"cells": [', encoding='utf-8')
    nbformat.write(nbformat.v4.new_notebook(), folder / 'Other.ipynb')
    grade.write_table(folder / grade.BY_HAND, [
        {'student': 'Right, Rita', 'points': '3.5', 'comment': 'Nearly.'}],
        ['student', 'points', 'comment'])
    grade.grade(folder, output)

    with (output / 'marks.csv').open(encoding='utf-8-sig') as file:
        marks = {row['student']: row for row in csv.DictReader(file)}
    assert set(marks) == {'Right, Rita', 'Wrong', 'Half', 'Endless',
                          'Nothing', 'Broken', 'Other'}

    def row(student):
        return [marks[student][name] for name in (*TASKS, 'total', 'of')]
    assert row('Right, Rita') == ['5.0', '5.0', '6.0', '5.0', '3.5', '24.5',
                                  '25']
    assert row('Wrong') == ['0.0', '0.0', '0.0', '0.0', '', '0.0', '25']
    assert row('Half') == ['5.0', '5.0', '0.0', '0.0', '0.0', '10.0', '25']
    assert row('Endless') == ['5.0', '0.0', '6.0', '5.0', '', '16.0', '25']
    for student, remark in {
            'Right, Rita': '', 'Half': '',
            'Wrong': 'open question to be read',
            'Endless': 'the notebook was renamed to my blocks.ipynb; stopped '
                       'after 6 s: nms-tests; open question to be read',
            'Nothing': 'there is no notebook',
            'Other': 'Other.ipynb has no cell of the assignment'}.items():
        assert marks[student]['remarks'] == remark
    assert marks['Broken']['remarks'].startswith(
        'Broken.ipynb is not a notebook that can be read (')
    for student in ('Nothing', 'Broken', 'Other'):
        assert row(student) == [''] * 6 + ['25']

    pages = {path.stem: path.read_text('utf-8')
             for path in (output / 'feedback').iterdir()}
    assert set(pages) == {'Right, Rita', 'Wrong', 'Half', 'Endless'}
    assert 'Nearly.' in pages['Right, Rita']
    assert '24.5' in pages['Right, Rita']
    assert 'No idea.' in pages['Wrong']
    assert {student for student, page in pages.items()
            if '(not read yet)' in page} == {'Wrong', 'Endless'}
    assert 'Two boxes without area' in pages['Wrong']
    for page in pages.values():
        assert '<script' not in page
        assert not re.search(r'src="(?!data:)', page)
    assert not (output / 'course').exists()


def test_a_teachers_table_is_read_and_kept(tmp_path):
    table = tmp_path / grade.BY_HAND
    assert grade.read_by_hand(tmp_path) == {}
    table.write_text('student,points,comment\nA,2,\nB,,so what\n')
    assert grade.read_by_hand(tmp_path) == {'A': (2., ''),
                                            'B': (None, 'so what')}
    table.write_text('student,points,comment\nA,two,\n')
    with pytest.raises(CourseError, match='line 2: there should be'):
        grade.read_by_hand(tmp_path)


@pytest.mark.parametrize('files', [[], ['.hidden', 'notes.txt']])
def test_a_folder_without_submissions(tmp_path, files):
    for name in files:
        (tmp_path / name).touch()
    with pytest.raises(CourseError, match='holds no submissions'):
        grade.grade(tmp_path, tmp_path / 'grades')
    assert not (tmp_path / 'grades').exists()


def test_several_notebooks_and_lost_cells(released, tmp_path):
    hand_in(released, tmp_path / 'a.ipynb', {})
    hand_in(released, tmp_path / 'b.ipynb', {})
    found = grade.inspect('X', tmp_path)
    assert found.notebook is None
    assert found.remarks == ['several notebooks: a.ipynb, b.ipynb']
    hand_in(released, tmp_path / f'{NAME}.ipynb', {})
    found = grade.inspect('X', tmp_path)
    assert (found.notebook.stem, found.remarks) == (NAME, [])
    short = nbformat.from_dict(json.loads(json.dumps(released)))
    short.cells = [cell for cell in short.cells if cell.metadata.get(
        'nbgrader', {}).get('grade_id') not in ('nms', 'iou-tests')]
    nbformat.write(short, tmp_path / 'short.ipynb')
    assert grade.inspect('X', tmp_path / 'short.ipynb').remarks == [
        'cells are missing: iou-tests, nms']


def test_what_takes_too_long_or_too_much_is_ended(tmp_path):
    log = tmp_path / 'log'
    assert grade.run_limited([sys.executable, '-c', 'print(1)'], 60, log) == 0
    assert log.read_text() == '1\n'
    # A child in a session of its own, as kernels are, that will not go.
    stubborn = (
        'import signal, subprocess, sys, time; '
        'signal.signal(signal.SIGTERM, signal.SIG_IGN); '
        'child = subprocess.Popen([sys.executable, "-c", '
        '"import time; time.sleep(600)"], start_new_session=True); '
        'print(child.pid, flush=True); time.sleep(600)')
    assert grade.run_limited([sys.executable, '-c', stubborn], 3, log) is None
    child = int(log.read_text())
    for _ in range(50):
        if not psutil.pid_exists(child) or (
                psutil.Process(child).status() == psutil.STATUS_ZOMBIE):
            break
        time.sleep(.1)
    else:
        pytest.fail('The child lives on.')
    assert grade.run_limited(
        [sys.executable, '-c', 'x = bytearray(2**31)'], 60, log,
        memory=2**30)
    assert 'MemoryError' in log.read_text()


def test_nothing_is_written_at_home(released, home):
    assert not list(home.iterdir())


def test_nbgrader_failing_is_told(tmp_path):
    with pytest.raises(CourseError, match='generate_assignment failed'):
        assignments.nbgrader(tmp_path, 'generate_assignment', 'nothing')


@pytest.mark.parametrize('given', [[], ['SUBMISSIONS=no such folder']])
def test_make_grade_asks_for_a_folder(given):
    result = subprocess.run(
        ['make', '--no-print-directory', 'grade', *given], cwd=ROOT,
        capture_output=True, text=True, check=False)
    assert result.returncode
    assert result.stdout == ('Say where the submissions are: make grade '
                             'SUBMISSIONS=FOLDER\n')

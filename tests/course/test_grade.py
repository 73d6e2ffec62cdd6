"""A whole class is graded: marks, feedback, and what is kept."""
import csv
import os
import signal
import subprocess
import sys
import threading
import time

import feedback
import grade
import nbformat
import pytest
import sandbox
from assignments import NAME, CourseError
from handing_in import ASSIGNMENT, IN_FULL, WORDS, hand_in
from helpers import ROOT
from wrong_answers import ROWS

TASKS = list(ASSIGNMENT.tasks)
WRONG = {task: code for about, task, code, _ in ROWS
         if about in ('pixels are counted, not lengths', 'the worst first',
                      'the background has the class of the cat',
                      'the last cell is left out')}
LIBRARY = '''
import d2l_ext as d2l


def iou(a, b):
    return d2l.iou(a[:, :, None], b[:, None])
'''
ENDLESS = 'def nms(scores, boxes, threshold):\n    while True:\n        pass'


def marks_in(output):
    with (output / 'marks.csv').open(encoding='utf-8-sig') as file:
        return {row['student']: row for row in csv.DictReader(file)}


def enter(output, student, **cells):
    path = output / 'points-by-hand.csv'
    rows = list(csv.DictReader(path.open(encoding='utf-8-sig')))
    for row in rows:
        if row['student'] == student:
            row.update(cells)
    path.write_bytes(grade.table(rows, rows[0]))


def test_a_class(released, tmp_path, monkeypatch, sandbox_kind):
    """A right, a wrong, a half-done and an endless one, and what is none."""
    monkeypatch.setattr(grade, 'CELL_SECONDS', 3)
    monkeypatch.setattr(sandbox, 'choose', lambda *_: sandbox_kind)
    folder, output = tmp_path / 'handed in', tmp_path / 'grades'
    hand_in(released, folder / 'Right, Rita' / f'{NAME}.ipynb', IN_FULL)
    hand_in(released, folder / 'Wrong' / f'{NAME}.ipynb', {
        **WRONG, 'open_question': '<script src="https://x.org/a"></script>'
        '\n\nNo idea. ![](https://x.org/i.png)'})
    hand_in(released, folder / 'Half.ipynb',
            {'iou': IN_FULL['iou'], 'nms': IN_FULL['nms']})
    hand_in(released, folder / 'Endless' / 'my blocks.ipynb',
            {**IN_FULL, 'nms': ENDLESS})
    helper = IN_FULL['iou'].replace('def iou', 'def overlap')
    hand_in(released, folder / 'Own.ipynb',
            {**IN_FULL, 'iou': 'def iou(a, b):\n    return overlap(a, b)'},
            [helper])
    hand_in(released, folder / 'Library.ipynb', {**IN_FULL, 'iou': LIBRARY})
    hand_in(released, folder / '=1+1.ipynb', {})
    (folder / 'Nothing').mkdir()
    (folder / 'Broken.ipynb').write_text('{"cells": [', encoding='utf-8')
    nbformat.write(nbformat.v4.new_notebook(), folder / 'Other.ipynb')
    grade.grade(folder, output)
    found = marks_in(output)

    def row(student):
        return [found[student][name] for name in (*TASKS, 'total', 'of')]
    assert row('Right, Rita') == ['5.0', '5.0', '6.0', '5.0', '', '21.0', '25']
    assert row('Wrong') == ['0.0', '0.0', '0.0', '0.0', '', '0.0', '25']
    assert row('Half') == ['5.0', '5.0', '0.0', '0.0', '0.0', '10.0', '25']
    assert row('Endless') == ['5.0', '0.0', '6.0', '5.0', '', '16.0', '25']
    assert row('Own') == ['5.0', '5.0', '6.0', '5.0', '', '21.0', '25']
    assert row('Library') == ['5.0', '5.0', '6.0', '5.0', '', '21.0', '25']
    assert row("'=1+1") == ['0.0', '0.0', '0.0', '0.0', '0.0', '0.0', '25']
    for student in ('Nothing', 'Broken', 'Other'):
        assert row(student) == [''] * 6 + ['25']
    for student, remark in {
            'Half': '', 'Wrong': 'open question to be read',
            'Endless': 'the notebook was renamed to my blocks.ipynb; stopped, '
                       'it takes too long: nms-tests',
            'Own': "graded with cells of the student's own",
            'Library': 'to be looked at, may be forbidden: iou: import '
                       'd2l_ext as d2l | iou: return d2l.iou(',
            'Nothing': 'there is no notebook',
            "'=1+1": 'no task was worked on'}.items():
        assert found[student]['remarks'].startswith(remark)
    pages = {path.stem: path.read_text('utf-8')
             for path in (output / 'feedback').iterdir()}
    assert set(pages) == {'Right, Rita', 'Wrong', 'Half', 'Endless', 'Own',
                          'Library', '=1+1'}
    for page in pages.values():
        assert '<script' not in page
        assert '<img' not in page
        assert len(page) < 200_000
    assert 'No idea.' in pages['Wrong']

    # The second call only enters points: it needs no sandbox.
    monkeypatch.setattr(sandbox, 'choose', None)
    enter(output, 'Right, Rita', points='3,5', comment='Nearly.')
    enter(output, 'Nothing', points='1')
    enter(output, 'Library', iou='0')
    grade.grade(folder, output)
    assert marks_in(output)['Right, Rita']['total'] == '24.5'
    assert marks_in(output)['Nothing']['total'] == '1.0'
    assert marks_in(output)['Library']['total'] == '16.0'
    assert 'points by hand: iou' in marks_in(output)['Library']['remarks']
    page = (output / 'feedback' / 'Right, Rita.html').read_text('utf-8')
    assert 'Nearly.' in page
    assert '3.5 of 4' in page

    # Points stay where an answer was changed, with a remark; what is wrong
    # with the table ends the grading before anything is written.
    before = marks_in(output)
    enter(output, 'Half', points='35')
    with pytest.raises(CourseError, match='nothing was graded'):
        grade.grade(folder, output)
    assert marks_in(output) == before
    enter(output, 'Half', points='')
    hand_in(released, folder / 'Right, Rita' / f'{NAME}.ipynb',
            {**IN_FULL, 'open_question': 'Changed.'})
    grade.grade(folder, output)
    assert 'the answer has changed since it was read' in (
        marks_in(output)['Right, Rita']['remarks'])


@pytest.fixture
def graded(monkeypatch):
    """Names of those who are graded, in no time: each gets all points."""
    names = []

    def grade_one(one, *_):
        names.append(one.student)
        return {'tests': dict.fromkeys(ASSIGNMENT.tests, result()),
                'remarks': []}
    monkeypatch.setattr(grade, 'grade_one', grade_one)
    monkeypatch.setattr(sandbox, 'choose', lambda *_: None)
    return names


def two(released, folder):
    for name in 'a', 'b':
        hand_in(released, folder / f'{name}.ipynb', IN_FULL)
    return folder


def test_only_what_changed_is_graded_again(released, tmp_path, graded):
    folder = two(released, tmp_path / 'in')
    hand_in(released, folder / 'seed.ipynb', IN_FULL)   # as a file of ours
    grade.grade(folder, tmp_path)
    assert sorted(graded) == ['a', 'b', 'seed']
    hand_in(released, folder / 'b.ipynb', {**IN_FULL, 'nms': WRONG['nms']})
    grade.grade(folder, tmp_path)
    assert sorted(graded) == ['a', 'b', 'b', 'seed']


def test_nothing_reaches_the_terminal_but_letters(
        released, tmp_path, graded, capsys, monkeypatch):
    """An error's text could clear the screen, or pass for a remark."""
    hand_in(released, tmp_path / 'in' / 'a\x1b[31m\u0142.ipynb', IN_FULL)
    before = grade.grade_one
    monkeypatch.setattr(grade, 'grade_one', lambda *given: {
        **before(*given), 'remarks': ['iou: \x1b[2J\r9; points by hand: iou']})
    grade.grade(tmp_path / 'in', tmp_path)
    assert capsys.readouterr().out == (
        '1 of 1, a?[31m\u0142: 21 of 25 points; iou: ?[2J?9, points by hand: '
        'iou; open question to be read\n')


def test_one_that_fails_ends_nothing(released, tmp_path, graded, monkeypatch):
    folder, before = two(released, tmp_path / 'in'), grade.grade_one

    def fail(one, *rest):
        if one.student == 'a':
            raise RuntimeError('a fault of ours')
        return before(one, *rest)
    monkeypatch.setattr(grade, 'grade_one', fail)
    grade.grade(folder, tmp_path)
    assert 'a fault of ours' in marks_in(tmp_path)['a']['remarks']
    assert marks_in(tmp_path)['b']['total'] == '21.0'
    monkeypatch.setattr(grade, 'grade_one', before)
    grade.grade(folder, tmp_path)
    assert marks_in(tmp_path)['a']['total'] == '21.0'
    assert graded == ['b', 'a']


def test_an_interrupt_keeps_what_was_done(released, tmp_path, graded,
                                          sandbox_kind, monkeypatch):
    folder, output = tmp_path / 'in', tmp_path / 'grades'
    hand_in(released, folder / 'a.ipynb', {'open_question': WORDS})
    for name in 'bcdefg':
        hand_in(released, folder / f'{name}.ipynb',
                {**IN_FULL, 'nms': ENDLESS})
    process = subprocess.Popen(
        [sys.executable, ROOT / 'tools' / 'course' / 'grade.py', folder,
         output], env={**os.environ, 'CELL_SECONDS': '100000'},
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    while not (output / 'results' / 'a.json').exists():
        assert process.poll() is None
        time.sleep(.1)
    process.send_signal(signal.SIGINT)
    assert 'What has been graded is kept' in process.communicate()[1]
    assert process.returncode == 1
    found = marks_in(output)
    assert found['a']['iou'] == '0.0'
    assert len(found) == 7
    for name in 'bcdefg':   # what ran at that moment was not judged
        assert found[name]['remarks'].startswith('not graded yet')
    monkeypatch.setattr(grade, 'CELL_SECONDS', 100_000)
    grade.grade(folder, output)
    assert sorted(graded) == list('bcdefg')


def test_an_interrupt_that_wakes_nobody_is_seen(released, tmp_path, graded,
                                                monkeypatch):
    """As one that comes right before the wait for results."""
    seen = []

    def grade_one(one, assignment, start, seed):
        time.sleep(1)   # until results are waited for
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        seen.append(start().wait(30))
    monkeypatch.setattr(grade, 'grade_one', grade_one)
    monkeypatch.setattr(sandbox, 'Sandbox', lambda kind, number, stop: stop)
    hand_in(released, tmp_path / 'in' / 'a.ipynb', IN_FULL)
    with pytest.raises(KeyboardInterrupt):
        grade.grade(tmp_path / 'in', tmp_path)
    assert seen == [True]


@pytest.mark.parametrize('moment', range(6))
def test_an_interrupt_while_results_are_written(
        released, tmp_path, graded, monkeypatch, moment):
    """At whatever moment it comes: what has a result has a row, and again."""
    folder, before, written = two(released, tmp_path / 'in'), (
        grade.write_whole), []

    def write(path, content):
        if graded:
            written.append(path)
        if len(written) == moment + 1:
            signal.raise_signal(signal.SIGINT)
        before(path, content)
    monkeypatch.setattr(grade, 'write_whole', write)
    with pytest.raises(KeyboardInterrupt):
        grade.grade(folder, tmp_path)
    done = {path.stem for path in (tmp_path / 'results').glob('*.json')}
    rows = marks_in(tmp_path)
    assert done == {name for name in rows if rows[name]['total']} != set()
    grade.grade(folder, tmp_path)
    assert sorted(marks_in(tmp_path)) == ['a', 'b']


@pytest.mark.parametrize('files', [[], ['.hidden', 'Thumbs.db']])
def test_a_folder_without_submissions(tmp_path, files):
    for name in files:
        (tmp_path / name).touch()
    with pytest.raises(CourseError, match='holds no submissions'):
        grade.grade(tmp_path, tmp_path.parent / 'grades')
    assert not (tmp_path.parent / 'grades').exists()


@pytest.mark.parametrize('name', ['.', 'grades', 'anna/../grades'])
def test_results_are_not_put_among_submissions(tmp_path, name):
    with pytest.raises(CourseError, match='name another folder'):
        grade.grade(tmp_path, tmp_path / name)
    assert not list(tmp_path.iterdir())


def result(problem=None, trace='', calls=()):
    return {'problem': problem, 'trace': trace, 'lost': '',
            'calls': list(calls)}


def page_of(problems, show_hidden=False, **answers):
    from submissions import Submission
    boxes = ['iou', [[[0.], [0.], [2.], [2.]], [[1.], [1.], [3.], [3.]]]]
    tests = {name: result(*problems.get(name, ()), calls=[boxes])
             for name in ASSIGNMENT.tests}
    one = Submission('Eva <b>', [], [], answers, [], True)
    row = {**dict.fromkeys(TASKS, 1.), 'total': 5., 'of': 25}
    return feedback.page(
        one, row, {'tests': tests, 'remarks': [
            'iou: NameError: no <such> name', 'nearly the same as Adam']},
        None, ASSIGNMENT, show_hidden)


def test_a_page_says_in_words_what_went_wrong():
    page = page_of({'iou-tests': (
        'They share 1 of 7 squares. You return\n[[3]]\ninstead of\n[[1]]',)})
    assert '<b>Tested:</b> Boxes that overlap' in page
    assert '<b>Went wrong:</b> They share 1 of 7 squares.' in page
    assert page.count('nothing, all tests pass<') == 3
    assert page.count('NameError: no &lt;such&gt; name') == 1
    assert 'Adam' not in page
    assert '<svg' in page
    assert 'Eva &lt;b&gt;' in page


@pytest.mark.parametrize('show', [False, True])
def test_hidden_tests_are_described(show):
    page = page_of({'nms-order': (
        'Twelve boxes. You return\n[31]\ninstead of\n[47]',)}, show)
    assert 'chains of boxes' in page
    assert 'Twelve boxes.' in page
    assert ('[47]' in page) == ('reference.nms' in page) == show


def test_what_is_hidden_in_a_visible_test_is_not_printed():
    page = page_of({'iou-tests': (
        'Three other boxes. You return\n[[3]]\ninstead of\n[[47]]',)})
    assert 'Three other boxes.' in page
    assert 'They are apart along both axes' in page
    assert '[[47]]' not in page
    assert 'reference' not in page


def test_a_page_stays_small():
    page = page_of({name: ('x' * 10**6, '<' * 10**6)
                    for name in ASSIGNMENT.tests}, True,
                   **{task: '<i>&' * 10**6 for task in TASKS})
    assert len(page.encode()) < 200_000


@pytest.mark.parametrize('given', [[], ['SUBMISSIONS=no such folder'],
                                   ["SUBMISSIONS=it's $HOME #1"]])
def test_make_grade_asks_for_a_folder(given):
    done = subprocess.run(
        ['make', '--no-print-directory', 'grade', *given], cwd=ROOT,
        capture_output=True, text=True, check=False)
    assert done.returncode
    assert done.stdout == ('Say where the submissions are: make grade '
                           'SUBMISSIONS=FOLDER\n')
    assert 'syntax' not in done.stderr


def test_make_grade_takes_any_name(tmp_path):
    folder = tmp_path / "Kurs 'A' $HOME #1 (x) `y`"
    (folder / 'anna').mkdir(parents=True)
    output = tmp_path / "o'$x #"
    done = subprocess.run(
        ['make', '--no-print-directory', 'grade', f'SUBMISSIONS={folder}',
         f'GRADES={output}'], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert marks_in(output)['anna']['remarks']

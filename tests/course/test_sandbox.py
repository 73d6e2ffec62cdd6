"""Whatever a student's code does: marks are right, nothing outside changes."""
import contextlib
import csv
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading

import attacks
import marks
import psutil
import pytest
import sandbox
from assignments import ASSIGNMENTS, SOURCE, CourseError
from handing_in import ASSIGNMENT, IN_FULL, RIGHT, hand_in
from helpers import ROOT

KINDS = [kind for kind in (sandbox.bwrap, sandbox.unshare)
         if shutil.which(kind.__name__)]


def state(*folders):
    """Checksums of all files, and where links lead."""
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob('*')):
            if path.is_file():
                found[path] = hashlib.sha256(path.read_bytes()).digest()
            else:
                found[path] = None
    return found


def formatted(code, values):
    for name, value in values.items():
        code = code.replace(f'{{{name}}}', str(value))
    return code.replace('{paths!r}', repr(values['paths']))


@pytest.fixture(scope='module')
def attacked(released, tmp_path_factory, sandbox_kind):
    """A class of attackers, and one whose work is right, are graded."""
    folder = tmp_path_factory.mktemp('class')
    handed_in, output = folder / 'handed-in', folder / 'grades'
    server = socket.create_server(('127.0.0.1', 0))
    values = {**RIGHT, 'port': server.getsockname()[1], 'paths': [
        str(path) for path in (
            SOURCE, ASSIGNMENTS, handed_in, handed_in / 'zz right.ipynb',
            output, output / 'marks.csv', output / 'points-by-hand.csv',
            output / 'results', ROOT / 'Makefile', ROOT / 'tests', folder)]}
    for name, answers, *_ in attacks.ROWS:
        answers = {task: formatted(code, values)
                   for task, code in answers.items()}
        hand_in(released, handed_in / f'{name}.ipynb', {**IN_FULL, **answers})
    hand_in(released, handed_in / 'zz right.ipynb', IN_FULL)
    output.mkdir()
    (output / 'points-by-hand.csv').write_text(
        'student,points,comment\nzz right,3,Well.\n', encoding='utf-8')
    before = state(handed_in, ASSIGNMENTS, ROOT / 'tools')
    # The grader's own compiled modules would be changes, too.
    environment = {**os.environ, 'CELL_SECONDS': '3', 'SECRET': 'FOUND',
                   'PYTHONDONTWRITEBYTECODE': '1'}
    done = subprocess.run(
        [sys.executable, ROOT / 'tools' / 'course' / 'grade.py', handed_in,
         output], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert state(handed_in, ASSIGNMENTS, ROOT / 'tools') == before
    server.close()
    return output


@pytest.fixture(scope='module')
def rows(attacked):
    with (attacked / 'marks.csv').open(encoding='utf-8-sig') as file:
        return {row['student']: row for row in csv.DictReader(file)}


@pytest.mark.parametrize(('name', 'answers', 'points', 'remark'),
                         attacks.ROWS, ids=[row[0] for row in attacks.ROWS])
def test_attacks(attacked, rows, name, answers, points, remark):
    row = rows[name]
    found = tuple(float(row[task]) for task in RIGHT)
    assert found == points, row['remarks']
    assert remark in row['remarks']
    result = json.loads((attacked / 'results' / f'{name}.json').read_bytes())
    for told in result['tests'].values():
        for secret in ('SECRET', 'FOUND a', 'FOUND expected', str(SOURCE),
                       str(attacked), 'SOLUTION'):
            assert secret not in (told['problem'] or '')
    page = (attacked / 'feedback' / f'{name}.html').read_bytes()
    assert b'<script' not in page
    assert len(page) < 200_000


def test_the_one_who_is_right_is_not_touched(rows):
    right = rows['zz right']
    assert (right['total'], right['open_question']) == ('24.0', '3.0')


def test_nothing_outlives_the_grading(attacked):
    for process in psutil.process_iter(['cmdline']):
        assert 'outlives-grading' not in str(process.info['cmdline'])
        # Another test may grade at this moment: then there is a grader, too.
        if str(sandbox.STUDENT_SIDE) in (process.info['cmdline'] or ()):
            with contextlib.suppress(psutil.NoSuchProcess):
                assert len(process.parents()) > 1
    for path in attacked.rglob('*'):
        assert not path.is_file() or path.read_bytes() != b'outlived'
        assert not path.is_symlink()


def test_the_environment_is_as_it_was(attacked):
    assert subprocess.run(
        [sys.executable, '-c', 'import numpy, d2l_ext; print(numpy.'
         '__version__)'], capture_output=True, text=True,
        check=True).stdout.strip() == marks.numpy.__version__


PROBE = '''
import os, subprocess, tempfile
def probe(number):
    def tried(what):
        try:
            return float(bool(what()))
        except (OSError, subprocess.CalledProcessError):
            return -1.
    return [tried(lambda: os.listdir({root!r} + '/docs')),
            tried(lambda: open('/usr/probe', 'w')),
            tried(lambda: open({python!r} + '/probe', 'w')),
            tried(lambda: open(tempfile.gettempdir() + '/probe', 'w')),
            tried(lambda: open('/proc/sys/kernel/core_pattern', 'w')),
            tried(lambda: os.memfd_create('probe')),
            tried(lambda: subprocess.run(['unshare', '-U'], check=True)),
            float(len([n for n in os.listdir('/proc') if n.isdigit()]) < 9),
            float(os.path.exists(os.path.expanduser('~/.bashrc'))),
            float(open('/proc/self/status').read().split('CapEff:')[1]
                  .split()[0].strip('0') == '')]
'''


@pytest.fixture(scope='module', params=KINDS,
                ids=lambda kind: kind.__name__)
def kind(request):
    """Each kind of sandbox that can be had."""
    try:
        sandbox.Sandbox(request.param, 1, threading.Event()).close()
    except (sandbox.LostError, OSError):
        pytest.skip(f'{request.param.__name__} may make no sandbox here')
    return request.param


def value(kind, name, source):
    """What a function of a cell returns for 1, in a sandbox of its own."""
    box = sandbox.Sandbox(kind, 1, threading.Event())
    try:
        reply = box.request(30, what='cell', name=name, source=source)
        assert not reply.get('error'), reply
        reply = box.request(10, what='call', name=name, arrays='numpy',
                            arguments=[1], replaced=[])
    finally:
        box.close()
    return sandbox.unpack(reply['value']).tolist()


def test_each_kind_of_sandbox(kind):
    source = PROBE.replace('{root!r}', repr(str(ROOT))).replace(
        '{python!r}', repr(sys.prefix))
    assert value(kind, 'probe', source) == [
        -1, -1, -1, 1, -1, -1, -1, 1, 0, 1]


def test_a_command_of_ipython_runs(kind):
    """It is given a terminal; without one, what follows it would be lost."""
    assert value(kind, 'answer', (
        'from matplotlib import pyplot as plt\nimport d2l_ext\n'
        '%matplotlib inline\n%load_ext autoreload\nplt.plot([1])\n'
        'told = !echo told\n!true\ndef answer(number):\n'
        '    return [float(told == ["told"])]')) == [1]


def test_the_library_is_the_graders(kind, tmp_path, monkeypatch):
    """Wherever it lies: another one may be installed, or none."""
    library = shutil.copytree(ROOT / 'd2l_ext', tmp_path / 'd2l_ext')
    monkeypatch.setattr(sandbox, 'LIBRARY', library)
    assert value(kind, 'answer', (
        'import d2l_ext\ndef answer(number):\n'
        f'    return [float(d2l_ext.__path__ == [{str(library)!r}])]')) == [1]


def test_without_a_sandbox_it_asks(monkeypatch):
    for kind in KINDS:
        def none(_, name=kind.__name__):
            return [name, '--no-such-option']
        none.__name__ = kind.__name__
        monkeypatch.setattr(sandbox, kind.__name__, none)
    with pytest.raises(CourseError, match='UNPROTECTED=1'):
        sandbox.choose([], False)
    assert sandbox.choose([], True) is sandbox.unprotected


def test_what_students_could_see_is_refused():
    with pytest.raises(CourseError, match='move it'):
        sandbox.choose([sandbox.Path(sys.prefix, 'handed-in')], False)


def test_unprotected_marks_are_still_made_elsewhere():
    def start():
        return sandbox.Sandbox(sandbox.unprotected, 1, threading.Event())
    results, _ = marks.run_tests(
        ASSIGNMENT, [('iou', attacks.ROWS[0][1]['iou'])], start, 1, 10)
    assert all(result['problem'] for result in results.values())


def test_the_project_may_lie_below_tmp(kind, tmp_path, monkeypatch):
    """The sandbox has a /tmp of its own, which must not hide it."""
    tmp_path.chmod(0o755)
    (tmp_path / 'seen').write_text('seen')
    paths = [*sandbox.visible(), str(tmp_path)]
    monkeypatch.setattr(sandbox, 'visible', lambda: paths)
    done = subprocess.run([*kind(0), 'cat', tmp_path / 'seen'], text=True,
                          capture_output=True)
    assert done.stdout == 'seen', done.stderr

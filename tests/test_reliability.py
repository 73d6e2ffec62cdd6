"""docs/reliability.md promises nothing that no test shows."""
import re

import pytest
from break_code import BREAKS, judged
from helpers import ROOT

from d2l_ext import errors

PAGE = (ROOT / 'docs' / 'reliability.md').read_text('utf-8')
TESTS = ''.join(path.read_text('utf-8')
                for path in (ROOT / 'tests').rglob('test_*.py'))


def test_every_promise_names_tests_that_exist():
    rows = [row for row in re.findall(r'^\|.*\|$', PAGE, re.M)
            if not row.startswith(('|---', '| Fault |'))]
    assert len(rows) > 40
    for row in rows:
        fault, promise, tests, cases = row.strip('| ').split(' | ')
        assert all((fault, promise, cases))
        names = re.findall(r'`(test_\w+)`', tests)
        assert names, row
        for name in names:
            assert f'def {name}(' in TESTS, name


def test_every_error_is_named():
    for name in errors.__all__:
        assert f'`{name}`' in PAGE, name
        assert issubclass(getattr(errors, name),
                          (errors.ChapterError, UserWarning))


def test_every_test_of_the_page_was_seen_to_fail():
    """By `python tests/break_code.py`, which this keeps up to date."""
    assert set(re.findall(r'`(test_\w+)`', PAGE)) == {
        row.test for row in BREAKS}


def test_what_is_to_be_broken_is_there():
    for row in BREAKS:
        text = (ROOT / row.file).read_text('utf-8')
        assert text.count(row.code) == 1, row
        assert row.replacement != row.code, row


@pytest.mark.parametrize(('status', 'output', 'noticed'), [
    (1, 'F\nFAILED a.py::test_a - assert 1 == 2\n1 failed in 2s\n', True),
    (0, '..\n2 passed, 1 warning in 2.10s\n', 'PASSES'),
    (0, 's\n1 skipped in 2.10s\n', 'SKIPPED'),
    (1, 'E\nERROR a.py::test_a - OSError\n1 error in 2s\n', 'ENDS'),
    (5, '\nno tests ran in 2s\n', 'ENDS'), (-9, '', 'ENDS')])
def test_only_a_test_that_fails_notices_what_is_broken(status, output,
                                                       noticed):
    failed, said = judged(status, output)
    assert failed == (noticed is True)
    assert said == 'assert 1 == 2' if failed else said.startswith(noticed)

"""docs/scale.md says what was measured, and the model fits that."""
import json
import re

import pytest
import scale
import scale_model
from helpers import ROOT

FOUND = json.loads(scale.MEASURED.read_text('utf-8'))
PAGE = scale.PAGE.read_text('utf-8')
TESTS = ''.join(path.read_text('utf-8')
                for path in (ROOT / 'tests').glob('test_*.py'))


def test_tables_are_made_from_the_measurements():
    assert scale.page(PAGE, FOUND) == PAGE


@pytest.mark.parametrize('row', FOUND['exchanges'], ids=lambda row: '-'.join(
    str(row[name]) for name in ('workers', 'servers', 'mbit')))
def test_the_model_fits_what_was_measured(row):
    assert scale.exchange_of(row) == pytest.approx(row['seconds'], rel=.3)
    expected = scale_model.bytes_a_step(scale.ARRAYS * scale.LENGTH)
    assert row['sent'] + row['received'] == pytest.approx(expected, rel=.02)


def test_bytes_of_a_step_are_those_of_its_parameters():
    for step in FOUND['steps']:
        expected = scale_model.bytes_a_step(
            step['parameters'] + step['statistics'])
        assert step['sent'] + step['received'] == pytest.approx(
            expected, rel=.02)


def test_what_overlap_saves_is_what_the_page_says():
    assert f'{scale.hidden_share(FOUND):.2f} times' in PAGE


def test_more_workers_need_more_servers():
    def exchange(num_workers, num_servers):
        return scale_model.exchange_seconds(10**7, num_workers, num_servers,
                                            1e9)

    assert exchange(8, 1) > 4 * exchange(1, 1)
    assert exchange(8, 8) == exchange(512, 512) == exchange(1, 1)
    assert scale_model.step_seconds(1., .5, .4) == 1
    assert scale_model.step_seconds(1., .5, .7) == pytest.approx(1.2)


def test_every_fault_names_tests_that_exist():
    rows = re.findall(r'^\|.*`test_\w+`.*\|$', PAGE, re.M)
    assert len(rows) > 12
    for name in re.findall(r'`(test_\w+)`', PAGE):
        assert f'def {name}(' in TESTS, name

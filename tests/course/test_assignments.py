"""The assignment: what is handed out, and what is asked."""
import json
import re
import subprocess
import sys

import assignments
import nbformat
import pytest
from assignments import SOURCE, CourseError
from marks import Assignment

SOURCE_CELLS = {cell.metadata['nbgrader']['grade_id']: cell.source
                for cell in nbformat.read(SOURCE, 4).cells
                if 'nbgrader' in cell.metadata}
TASKS = {'iou': 5, 'nms': 5, 'label_anchors': 6, 'roi_pool': 5,
         'open_question': 4}


def test_students_get_no_solutions_and_no_hidden_tests(released):
    content = json.dumps(released)
    for mark in ('SOLUTION', 'HIDDEN', 'reference.', 'kitten gets'):
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
    assert points == TASKS == Assignment().tasks
    # The table in the text promises the same.
    promised = [sum(map(int, row.split('+'))) for row in re.findall(
        r'^\| \d\. .*\| ([\d +]+) \|$', released.cells[0].source, re.M)]
    assert promised == list(TASKS.values())


def test_lines_fit_on_a_page():
    for code in SOURCE_CELLS.values():
        if 'Without rule 2' not in code:
            assert max(map(len, code.splitlines())) <= 79


def test_the_first_cell_needs_nothing_before_it():
    """MXNet alone cannot be imported beside NumPy 2."""
    subprocess.run([sys.executable, '-c', SOURCE_CELLS['setup']], check=True)


def test_the_grader_knows_what_students_get(released):
    """It makes the cells as `make assignments` does."""
    assert Assignment().stubs == {
        cell.metadata['nbgrader']['grade_id']: cell.source
        for cell in released.cells if 'nbgrader' in cell.metadata}


def test_nothing_is_written_at_home(released, home):
    assert not list(home.iterdir())


@pytest.mark.parametrize(('old', 'new', 'told'), [
    ('### END SOLUTION', '', 'solution'),
    ('"grade_id": "nms"', '"grade_id": "iou"', 'Duplicate grade id')])
def test_cells_that_are_marked_wrong_are_told(tmp_path, monkeypatch, old, new,
                                              told):
    path = tmp_path / 'source.ipynb'
    path.write_text(SOURCE.read_text('utf-8').replace(old, new), 'utf-8')
    monkeypatch.setattr(assignments, 'SOURCE', path)
    with pytest.raises(CourseError, match=f'{path}: .*{told}'):
        assignments.for_students()

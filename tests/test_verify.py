"""`make verify` finds whatever a run shows that the book does not."""
import copy

import nbformat
import pytest
import verify
from helpers import ROOT

NOTEBOOK = nbformat.read(ROOT / 'notebooks' / 'faster-rcnn.ipynb', 4)


def outputs(notebook, kind):
    return [output for cell in notebook.cells if cell.cell_type == 'code'
            for output in cell.outputs
            if output.get('name', output.output_type) == kind]


def test_a_run_that_is_the_same():
    """Text may come in other pieces."""
    run = copy.deepcopy(NOTEBOOK)
    for cell in run.cells:
        if cell.cell_type == 'code' and cell.outputs and cell.outputs[
                0].output_type == 'stream':
            first = cell.outputs[0]
            rest = copy.deepcopy(first)
            first.text, rest.text = first.text[:5], first.text[5:]
            cell.outputs.insert(1, rest)
    assert list(verify.differences(NOTEBOOK, run)) == []


@pytest.mark.parametrize('change', ['text', 'picture', 'missing', 'source'])
def test_a_run_that_is_another(change):
    run = copy.deepcopy(NOTEBOOK)
    pictures = [output for output in outputs(run, 'display_data')
                if 'image/png' in output.data]
    if change == 'text':
        text = outputs(run, 'stdout')[-1]
        text.text = text.text.swapcase()
    elif change == 'picture':
        pictures[0].data['image/png'] = pictures[1].data['image/png']
    elif change == 'missing':
        pictures[0].data.clear()
    else:
        run.cells[0].source += ' '
    found = list(verify.differences(NOTEBOOK, run))
    assert len({text.split(':')[0] for text in found}) == 1, found


def test_the_machine_and_its_clock_are_not_compared():
    run = copy.deepcopy(NOTEBOOK)
    changed = [output for output in outputs(run, 'stdout')
               if 'Python 3.' in output.text or ' ms ' in output.text]
    assert len(changed) == 2
    for output in changed:
        output.text = 'another'
    assert list(verify.differences(NOTEBOOK, run)) == []

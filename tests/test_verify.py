"""`make verify` finds whatever a run shows that the book does not."""
import base64
import collections
import copy
import io

import nbformat
import pytest
import run_notebook
import verify
from helpers import ROOT
from PIL import Image
from PIL.PngImagePlugin import PngInfo

NOTEBOOK = nbformat.read(ROOT / 'notebooks' / 'faster-rcnn.ipynb', 4)


def outputs(notebook, kind):
    return [output for cell in notebook.cells if cell.cell_type == 'code'
            for output in cell.outputs
            if output.get('name', output.output_type) == kind]


def differences(run):
    return list(verify.differences(NOTEBOOK, run, collections.Counter()))


def drawn(color, by):
    """A picture as matplotlib draws and a run stores it."""
    about, png = PngInfo(), io.BytesIO()
    about.add_text('Software', by)
    Image.new('RGB', (20, 10), color).save(png, 'PNG', pnginfo=about)
    return run_notebook.with_palette(
        base64.b64encode(png.getvalue()).decode())


def draw(notebook, version):
    """Draw all pictures anew, with another version of matplotlib."""
    by = f'Matplotlib version{version}, https://matplotlib.org/'
    pictures = [output.data for output in outputs(notebook, 'display_data')
                if 'image/png' in output.data]
    for number, data in enumerate(pictures):
        data['image/png'] = drawn((number, 0, 0), by)
    return pictures


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
    assert differences(run) == []


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
    found = differences(run)
    assert len({text.split(':')[0] for text in found}) == 1, found


def test_the_machine_and_its_clock_are_not_compared():
    run = copy.deepcopy(NOTEBOOK)
    changed = [output for output in outputs(run, 'stdout')
               if 'Python 3.' in output.text or ' ms ' in output.text]
    assert len(changed) == 2
    for output in changed:
        output.text = 'another'
    assert differences(run) == []


def test_each_picture_says_which_matplotlib_drew_it():
    for path in (ROOT / 'notebooks').glob('*.ipynb'):
        for output in outputs(nbformat.read(path, 4), 'display_data'):
            if 'image/png' in output.data:
                assert verify.drawn_by(output.data['image/png']), path


def test_another_matplotlib_draws_other_pixels():
    """One line says so; text and the number of pictures are compared."""
    run, versions = copy.deepcopy(NOTEBOOK), collections.Counter()
    pictures = draw(run, '9.0.1')
    committed, = {verify.drawn_by(output.data['image/png'])
                  for output in outputs(NOTEBOOK, 'display_data')
                  if 'image/png' in output.data}
    assert list(verify.differences(NOTEBOOK, run, versions)) == []
    assert versions == {(committed, '9.0.1'): len(pictures)}
    outputs(run, 'stdout')[-1].text += '.'
    pictures[0].clear()
    assert len({text.split(':')[0] for text in differences(run)}) == 2


@pytest.mark.parametrize('by', [None, '9.0.1'])
def test_the_same_matplotlib_draws_the_same_pixels(by):
    """Also where a picture does not say who drew it."""
    committed = copy.deepcopy(NOTEBOOK)
    draw(committed, by)
    run = copy.deepcopy(committed)
    draw(run, by)[0]['image/png'] = drawn((0, 9, 0), 'none')
    found = list(verify.differences(committed, run, versions := {}))
    assert len(found) == 1
    assert not versions


def test_one_line_says_what_was_not_compared(tmp_path, monkeypatch, capsys):
    for folder, version in ('notebooks', '3.7.2'), ('build', '9.0.1'):
        (tmp_path / folder).mkdir()
        notebook = copy.deepcopy(NOTEBOOK)
        number = len(draw(notebook, version))
        nbformat.write(notebook, tmp_path / folder / 'a.ipynb')
    monkeypatch.setattr(verify, 'ROOT', tmp_path)
    verify.main()
    told = capsys.readouterr().out.splitlines()
    assert told == ['a.ipynb: the same', (
        f'{number} pictures were not compared: matplotlib 3.7.2 drew those '
        'of the book, 9.0.1 those of this run')]

"""What is handed in: everybody has a row, and what they wrote is found."""
import json
import os
import shutil
import zipfile

import nbformat
import pytest
import submissions
from assignments import NAME
from handing_in import ASSIGNMENT, IN_FULL, WORDS, hand_in, notebook
from helpers import ROOT

USUAL = f'{NAME}.ipynb'


def find(folder):
    return {one.student: one for one in submissions.find(folder, ASSIGNMENT)}


def only(folder):
    one, = find(folder).values()
    return one


def changed(released, path, change):
    """Hand in a notebook, as JSON that was changed by hand."""
    made = json.loads(nbformat.writes(notebook(released, IN_FULL)))
    made = change(made) or made
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(made), encoding='utf-8')


def cell(made, name):
    for number, one in enumerate(made['cells']):
        if one['metadata'].get('nbgrader', {}).get('grade_id') == name:
            return number
    raise KeyError(name)


@pytest.mark.parametrize(('name', 'student'), [
    (f'Rita/{USUAL}', 'Rita'), ('Rita.ipynb', 'Rita'),
    ('Rita.IPYNB', 'Rita'), ('Rita.ipynb.txt', 'Rita'),
    ('Rita.ipynb.json', 'Rita'), ('Rita.ipynb.download', 'Rita'),
    ('Rita', 'Rita'), ('r.i.ta.ipynb', 'r.i.ta'),
    ('Rita_12_assignsubmission_file_/x/y.ipynb',
     'Rita_12_assignsubmission_file_'), ("o'Hara, $HOME #1.ipynb",
                                         "o'Hara, $HOME #1"),
    ('Mu\u0308ller.ipynb', 'M\u00fcller'), ('=1+1.ipynb', '=1+1')])
def test_names(released, tmp_path, name, student):
    hand_in(released, tmp_path / 'made.ipynb', IN_FULL)
    (tmp_path / 'in' / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / 'made.ipynb').rename(tmp_path / 'in' / name)
    one = only(tmp_path / 'in')
    assert (one.student, one.answers) == (student, IN_FULL)


def test_names_of_other_bytes(released, tmp_path):
    hand_in(released, tmp_path / 'a.ipynb', IN_FULL)
    os.rename(os.fsencode(tmp_path / 'a.ipynb'),
              os.fsencode(tmp_path) + b'/M\xfcller.ipynb')
    (tmp_path / 'b').mkdir()
    os.rename(os.fsencode(tmp_path / 'b'),
              os.fsencode(tmp_path) + b'/M\xe4ller')
    assert list(find(tmp_path)) == ['M\\xe4ller', 'M\\xfcller']


def test_archives(released, tmp_path):
    hand_in(released, tmp_path / 'made.ipynb', IN_FULL)
    folder = tmp_path / 'in'
    (folder / 'ben').mkdir(parents=True)
    for path in folder / 'anna.zip', folder / 'ben' / 'work.zip':
        with zipfile.ZipFile(path, 'w') as archive:
            archive.writestr('__MACOSX/._building-blocks.ipynb', b'\0\5')
            archive.writestr('.DS_Store', b'\0')
            archive.writestr('../../up/report.pdf', b'%PDF')
            archive.writestr('__MACOSX\\._of-windows.ipynb', b'\0\5')
            archive.writestr(f'./homework\\{USUAL}',
                             (tmp_path / 'made.ipynb').read_bytes())
    found = find(folder)
    assert list(found) == ['anna', 'ben']
    for one in found.values():
        assert (one.answers, one.remarks) == (IN_FULL, [])
    assert not (tmp_path / 'up').exists()


def test_an_archive_in_an_archive(released, tmp_path):
    hand_in(released, tmp_path / 'made.ipynb', IN_FULL)
    with zipfile.ZipFile(tmp_path / 'inner.zip', 'w') as archive:
        archive.write(tmp_path / 'made.ipynb', f'work/{USUAL}')
    (tmp_path / 'in').mkdir()
    with zipfile.ZipFile(tmp_path / 'in' / 'anna.zip', 'w') as archive:
        archive.write(tmp_path / 'inner.zip', 'hand in/inner.zip')
    one = only(tmp_path / 'in')
    assert (one.student, one.answers, one.remarks) == ('anna', IN_FULL, [])


def test_a_whole_folder_of_work(released, tmp_path, monkeypatch):
    """Much else lies in it, and the chapter has functions of these names."""
    monkeypatch.setattr(submissions, 'LIMIT', 20 * 10**6)
    work = tmp_path / 'in' / 'anna' / 'work'
    hand_in(released, work / 'assignment' / USUAL,
            {'iou': IN_FULL['iou'], 'open_question': WORDS})
    # What a run left there is larger than all that may be handed in.
    shutil.copytree(ROOT / 'notebooks', work / 'notebooks',
                    ignore=shutil.ignore_patterns('backbone'))
    (work / 'data.json').write_bytes(b'{' + b' ' * submissions.LIMIT)
    (work / 'clip.mp4').write_bytes(bytes(10**6))
    shutil.make_archive(tmp_path / 'in' / 'ben', 'zip', work)
    for one in find(tmp_path / 'in').values():
        assert set(one.answers) == {'iou', 'open_question'}
        assert one.remarks == []


def test_half_a_notebook_beside_a_whole_one_is_told(released, tmp_path):
    hand_in(released, tmp_path / 'anna' / 'old.ipynb', {})
    (tmp_path / 'anna' / USUAL).write_text('{"cells": [')
    assert f'anna/{USUAL} is not a notebook' in only(tmp_path).remarks[1]


def test_remarks_name_a_few_of_many(released, tmp_path):
    hand_in(released, tmp_path / 'anna' / USUAL, IN_FULL)
    for number in range(20):
        hand_in(released, tmp_path / 'anna' / f'old {number}.ipynb', {})
        (tmp_path / 'anna' / f'half {number}.ipynb').write_text('{')
    remarks = only(tmp_path).remarks
    assert len(remarks) == 4
    assert remarks[0].endswith(' and 17 more')


def test_names_that_differ_in_case_are_two_students(released, tmp_path):
    for name in 'Anna', 'anna':
        hand_in(released, tmp_path / name / USUAL, IN_FULL)
    found = find(tmp_path)
    assert list(found) == ['Anna', 'anna']
    for one in found.values():
        assert 'but for capital letters' in one.remarks[0]


def test_archives_that_are_none_or_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(submissions, 'LIMIT', 1000)
    (tmp_path / 'cut.zip').write_bytes(b'PK\3\4 and no more')
    with zipfile.ZipFile(tmp_path / 'locked.zip', 'w') as archive:
        archive.writestr(USUAL, '{}')
        archive.getinfo(USUAL).flag_bits |= 1   # for its list of contents
    with zipfile.ZipFile(tmp_path / 'bomb.zip', 'w',
                         zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(USUAL, b' ' * 10**7)
    with zipfile.ZipFile(tmp_path / 'blocks.zip', 'w',
                         zipfile.ZIP_BZIP2) as archive:
        archive.writestr(USUAL, b' ' * 10**7)
    with zipfile.ZipFile(tmp_path / 'empty.zip', 'w'):
        pass
    found = find(tmp_path)
    assert not any(one.found for one in found.values())
    assert 'File is not a zip file' in found['cut'].remarks[0]
    assert 'locked by a password' in found['locked'].remarks[0]
    assert 'too large' in found['bomb'].remarks[0]
    assert 'an unusual way' in found['blocks'].remarks[0]
    assert 'nothing was handed in' in found['empty'].remarks[0]


def test_what_is_no_notebook_has_a_row(tmp_path):
    (tmp_path / 'nothing').mkdir()
    (tmp_path / 'report.pdf').write_bytes(b'%PDF-1.4 \xff')
    (tmp_path / 'half.ipynb').write_text('{"cells": [')
    (tmp_path / 'deep.ipynb').write_text('[' * 100_000)
    (tmp_path / 'list.ipynb').write_text('[1]')
    (tmp_path / 'blank.ipynb').touch()
    (tmp_path / 'link.ipynb').symlink_to(tmp_path / 'half.ipynb')
    os.mkfifo(tmp_path / 'pipe.ipynb')
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / 'other.ipynb')
    for name in '.DS_Store', 'Thumbs.db', 'points-by-hand.csv':
        (tmp_path / name).touch()
    found = find(tmp_path)
    assert list(found) == ['blank', 'deep', 'half', 'link', 'list', 'nothing',
                           'other', 'pipe', 'report']
    for one in found.values():
        assert not one.found
        assert len(one.remarks) == 1
    assert 'half.ipynb is not a notebook that can be read (' in (
        found['half'].remarks[0])
    assert found['other'].remarks == [
        'other.ipynb has no cell of the assignment']
    assert 'a link' in found['link'].remarks[0]


def test_an_older_edition_of_the_text_is_no_answer(released, tmp_path):
    def edit(made):
        for one in made['cells']:
            if one['cell_type'] == 'markdown':
                one['source'] = ''.join(one['source']).replace('a few', 'some')
        made['cells'][cell(made, 'open_question')]['source'] = (
            ASSIGNMENT.stubs['open_question'])
    changed(released, tmp_path / 'a.ipynb', edit)
    assert set(only(tmp_path).answers) == set(IN_FULL) - {'open_question'}


def test_links_within_a_folder_are_not_followed(released, tmp_path):
    hand_in(released, tmp_path / 'anna' / USUAL, IN_FULL)
    (tmp_path / 'ben').mkdir()
    (tmp_path / 'ben' / USUAL).symlink_to(tmp_path / 'anna' / USUAL)
    assert not find(tmp_path)['ben'].found


@pytest.mark.parametrize('second', [
    'anna/building-blocks (1).ipynb', 'anna/building-blocks-Copy1.ipynb',
    'anna.ipynb', 'anna (1).ipynb', 'anna/deep/er/x.ipynb',
    'anna - Copy (2).ipynb', 'anna (copy).ipynb', 'Copy of anna.ipynb',
    'anna - Kopie.ipynb', 'anna copy 2/x.ipynb'])
def test_the_notebook_with_the_work_is_taken(released, tmp_path, second):
    hand_in(released, tmp_path / 'anna' / USUAL, {})
    hand_in(released, tmp_path / second, IN_FULL)
    one = only(tmp_path)
    assert one.answers == IN_FULL
    assert one.remarks == [f'several notebooks, graded: {second}, not: '
                           f'anna/{USUAL}']


def test_checkpoints_are_no_second_notebook(released, tmp_path):
    hand_in(released, tmp_path / 'a' / USUAL, IN_FULL)
    hand_in(released, tmp_path / 'a' / '.ipynb_checkpoints' / USUAL, {})
    assert only(tmp_path).remarks == []


def test_blank_and_renamed_notebooks(released, tmp_path):
    hand_in(released, tmp_path / 'a' / 'mine.ipynb', {})
    assert only(tmp_path).remarks == [
        'the notebook was renamed to mine.ipynb', 'no task was worked on']
    assert only(tmp_path).found


def copy_and_split(made):
    at = cell(made, 'nms')
    split = json.loads(json.dumps(made['cells'][at]))
    made['cells'][at]['source'] = 'import math'
    made['cells'].insert(at + 1, split)
    at = cell(made, 'iou-tests')
    made['cells'].insert(at, json.loads(json.dumps(made['cells'][at])))
    copy = json.loads(json.dumps(made['cells'][cell(made, 'iou')]))
    copy['source'] = ASSIGNMENT.stubs['iou']
    made['cells'].append(copy)
    at = cell(made, 'open_question')
    second = json.loads(json.dumps(made['cells'][at]))
    made['cells'][at]['source'], second['source'] = 'First.', 'Second.'
    made['cells'].insert(at + 1, second)


def test_cells_that_were_copied_or_split(released, tmp_path):
    changed(released, tmp_path / 'a.ipynb', copy_and_split)
    one = only(tmp_path)
    assert one.answers['open_question'] == 'First.\n\nSecond.'
    assert one.answers['iou'] == IN_FULL['iou']
    assert [name for name, _ in one.cells] == [
        'iou', 'nms', 'nms', 'label_anchors', 'roi_pool']
    assert one.remarks == ['cells copied or split, put together: iou, '
                           'iou-tests, nms, open_question']


def test_cells_that_were_moved_or_lost(released, tmp_path):
    def move(made):
        made['cells'].insert(0, made['cells'].pop(cell(made, 'roi_pool')))
        made['cells'].pop(cell(made, 'iou-tests'))
        made['cells'].pop(cell(made, 'nms'))
    changed(released, tmp_path / 'a.ipynb', move)
    one = only(tmp_path)
    assert set(one.answers) == set(IN_FULL) - {'nms'}
    assert one.remarks == ['cells were moved', 'cells are missing: nms']


@pytest.mark.parametrize('ids', ['kept', 'lost'])
def test_cells_without_their_marks(released, tmp_path, ids):
    def strip(made):
        for number, one in enumerate(made['cells']):
            one['metadata'] = {}
            one['id'] = one['id'] if ids == 'kept' else f'c{number}'
    changed(released, tmp_path / 'a.ipynb', strip)
    one = only(tmp_path)
    assert one.answers == IN_FULL
    assert one.found


def v3(made):
    for one in made['cells']:
        if one['cell_type'] == 'code':
            one['input'] = one.pop('source')
    return {'nbformat': 3, 'worksheets': [{'cells': made['cells']}]}


def odd_outputs(made):
    for one in made['cells']:
        one['outputs'] = [{'output_type': 'stream', 'text': 'x'}]
        one['execution_count'] = 'three'
        one['attachments'] = None
        one['source'] = ''.join(one['source'])


def ends_of_lines_of_windows(made):
    for one in made['cells']:
        one['source'] = ''.join(one['source']).replace('\n', '\r\n')


def without_metadata(made):
    made.pop('metadata')
    for one in made['cells']:
        if not one['metadata']:
            one['metadata'] = None
            one['id'] = ['a', 'list']
    made['cells'][0]['metadata'] = {'nbgrader': 'a word'}


@pytest.mark.parametrize('change', [v3, odd_outputs, without_metadata,
                                    ends_of_lines_of_windows])
def test_odd_notebooks_are_read(released, tmp_path, change):
    changed(released, tmp_path / 'a.ipynb', change)
    one = only(tmp_path)
    assert (one.answers, one.remarks) == (IN_FULL, [])


@pytest.mark.parametrize('encoding', ['utf-8-sig', 'utf-16', 'utf-16-le'])
def test_byte_order_marks(released, tmp_path, encoding):
    text = nbformat.writes(notebook(released, {**IN_FULL, 'nms': '# \u00fc'}))
    (tmp_path / 'a.ipynb').write_bytes(text.encode(encoding))
    assert only(tmp_path).answers['nms'] == '# \u00fc'


def test_bytes_that_are_no_text(released, tmp_path):
    """Other programs than Jupyter open such a notebook."""
    text = nbformat.writes(notebook(released, {**IN_FULL, 'nms': '# M?ller'}))
    (tmp_path / 'a.ipynb').write_bytes(text.encode().replace(b'?', b'\xfc'))
    assert only(tmp_path).answers['nms'] == '# M\ufffdller'


def test_half_of_a_character(released, tmp_path):
    """JSON may hold what cannot be written to a file."""
    changed(released, tmp_path / 'a.ipynb', lambda made: made['cells'][
        cell(made, 'open_question')].update(source='a \ud83d b'))
    assert only(tmp_path).answers['open_question'] == 'a ? b'


def test_cells_of_their_own_are_kept_apart(released, tmp_path):
    hand_in(released, tmp_path / 'a.ipynb', IN_FULL, ['x = 1'])
    one = only(tmp_path)
    assert [name for name, _ in one.cells] == list(IN_FULL)[:4]
    assert one.own == [*one.cells, ('', 'x = 1')]
    assert one.answers['open_question'] == WORDS


def test_an_answer_in_the_cell_of_the_question(released, tmp_path):
    """However short it is."""
    def add(made):
        at = cell(made, 'open_question')
        made['cells'][at]['source'] = ASSIGNMENT.stubs['open_question']
        made['cells'][at - 1]['source'] += ['\n', '\n', 'It has none.']
    changed(released, tmp_path / 'a.ipynb', add)
    assert only(tmp_path).answers['open_question'].endswith('\nIt has none.')


def test_an_answer_in_a_cell_below_the_one_for_it(released, tmp_path):
    """Which stays as it was handed out."""
    def add(made):
        at = cell(made, 'open_question')
        made['cells'][at]['source'] = ASSIGNMENT.stubs['open_question']
        made['cells'].append({'cell_type': 'markdown', 'metadata': {},
                              'source': WORDS})
        made['cells'].insert(at, {'cell_type': 'code', 'metadata': {},
                                  'source': IN_FULL['nms']})
        made['cells'][cell(made, 'nms')]['source'] = ASSIGNMENT.stubs['nms']
        made['cells'].append({'cell_type': 'code', 'metadata': {},
                              'source': 'nms([], [], 1)'})
    changed(released, tmp_path / 'a.ipynb', add)
    one = only(tmp_path)
    assert one.answers == IN_FULL
    assert one.remarks == ['cells without their marks, recognized: nms, '
                           'open_question']

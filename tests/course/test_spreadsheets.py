"""Tables: read as spreadsheets save them, checked, and never lost."""
import csv
import io

import pytest
import spreadsheets
import whole_files
from assignments import CourseError
from spreadsheets import BY_HAND, prepare_by_hand

ANSWERS = {'M\u00fcller': 'One; two.\n- three', '=1+1': '@cmd', 'zoe': ''}


def prepare(folder, answers=ANSWERS):
    return prepare_by_hand(folder, folder / 'old.csv', answers,
                           {'points': 4})


def rows(content, delimiter=','):
    return list(csv.DictReader(io.StringIO(
        content.decode('utf-8-sig'), newline=''), delimiter=delimiter))


@pytest.fixture
def written(tmp_path):
    """The table as the first call makes it."""
    assert prepare(tmp_path) == {}
    return tmp_path / BY_HAND


def fill(path, points, encoding='utf-8-sig', delimiter=',', end='\r\n'):
    """Enter points, and save as a spreadsheet does."""
    found = rows(path.read_bytes())
    text = io.StringIO(newline='')
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerow(found[0])
    for row in found:
        name = row['student'].lstrip("'")
        writer.writerow([row['student'], row['answer'],
                         points.get(name, ''), 'gut \u00fc'])
    text = text.getvalue()
    if encoding == 'sep':   # a first line of Excel's
        text, encoding = f'sep={delimiter}{end}{text}', 'utf-8-sig'
    path.write_bytes(text.encode(encoding))


def test_answers_stand_beside_the_points(written):
    assert rows(written.read_bytes()) == [
        {'student': name, 'answer': answer, 'points': '', 'comment': ''}
        for name, answer in (("M\u00fcller", "One; two.\n'- three"),
                             ("'=1+1", "'@cmd"), ('zoe', ''))]


@pytest.mark.parametrize(('encoding', 'delimiter', 'end', 'number'), [
    ('utf-8-sig', ',', '\r\n', '3.5'), ('utf-8', ',', '\n', '3.5'),
    ('cp1252', ';', '\r\n', '3,5'), ('mac-roman', ';', '\r', '3,5'),
    ('utf-16', '\t', '\r\n', '3,5'), ('utf-16', ';', '\n', '3,5'),
    ('utf-16-le', '\t', '\r\n', '3,5'),
    ('utf-8-sig', ';', '\r\n', ' 3,50 '), ('sep', ';', '\r\n', '3,5')])
def test_as_spreadsheets_save_it(written, encoding, delimiter, end, number):
    fill(written, {'M\u00fcller': number, '=1+1': '4'}, encoding, delimiter,
         end)
    given = prepare(written.parent)
    assert given['M\u00fcller'][:2] == ({'points': 3.5}, 'gut \u00fc')
    assert given['=1+1'].points == {'points': 4}
    assert given['zoe'].points == {}
    # It stays as its spreadsheet reads numbers, and is read again.
    assert ('3,5' if delimiter == ';' else '3.5') in [
        row['points'] for row in rows(written.read_bytes(), delimiter)]
    assert prepare(written.parent)['M\u00fcller'] == given['M\u00fcller']


def test_points_for_other_tasks(tmp_path):
    """A column that is empty at first replaces what the tests gave."""
    path, most = tmp_path / BY_HAND, {'points': 4, 'iou': 5}

    def read(text):
        path.write_text(text)
        return prepare_by_hand(tmp_path, path, {'zoe': ''}, most)['zoe'].points
    assert read('student,points\nzoe,1\n') == {'points': 1}
    assert path.read_text('utf-8-sig') == (
        'student,answer,points,comment,iou\nzoe,,1,,\n')
    assert read('student,points,iou\nzoe,1,2\n') == {'points': 1, 'iou': 2}
    with pytest.raises(CourseError, match='"6" in iou'):
        read('student,points,iou\nzoe,1,6\n')


@pytest.mark.parametrize(('points', 'told'), [
    ({'zoe': '35'},
     'zoe has "35" in points; it should be a number from 0 to 4'),
    ({'zoe': '-1'}, 'zoe has "-1"'), ({'zoe': 'nan'}, 'zoe has "nan"'),
    ({'zoe': 'inf'}, 'zoe has "inf"'), ({'zoe': '03. May'}, '"03. May"'),
    ({'zoe': 'two'}, 'row 4')])
def test_wrong_points_are_told(written, points, told):
    fill(written, points)
    before = written.read_bytes()
    with pytest.raises(CourseError, match='nothing was graded') as error:
        prepare(written.parent)
    assert told in str(error.value)
    assert written.read_bytes() == before


def test_wrong_names_are_told_all_at_once(written):
    text = written.read_text('utf-8-sig')
    written.write_text(text.replace('zoe', 'zoee') + 'nobody,,1,\n')
    with pytest.raises(CourseError) as error:
        prepare(written.parent)
    for told in ('nobody is called "zoee"; is it "zoe"?',
                 'nobody is called "nobody"', 'the row of zoe is missing'):
        assert told in str(error.value)


def test_second_rows_and_lost_columns_are_told(written):
    text = written.read_text('utf-8-sig')
    for wrong, told in ((text + 'zoe,,1,\n', 'zoe has a second row'),
                        (text + 'zoe,,3,5,good\n', 'more cells'),
                        ('name,mark\nzoe,1\n', 'first line'),
                        ('student,points,points\nzoe,1,2\n', 'first line'),
                        (b'\xff\xfes'.decode('latin-1'), 'first line'),
                        ('', 'first line')):
        written.write_text(wrong)
        with pytest.raises(CourseError, match=told):
            prepare(written.parent)


def test_blank_rows_and_columns_of_the_teacher_do_no_harm(written):
    written.write_text('Comment,Student,Points,mood\nyes,zoe,2,\n,,,\n'
                       ",'=1+1,,good\n,M\u00fcller,,\n", encoding='utf-8')
    for _ in range(2):
        assert prepare(written.parent)['zoe'][:2] == ({'points': 2}, 'yes')
        assert {row['student']: row['mood'] for row in rows(
            written.read_bytes())} == {'M\u00fcller': '', "'=1+1": 'good',
                                       'zoe': ''}


def test_names_that_are_read_as_others(tmp_path):
    """A spreadsheet takes 007 for 7, and an apostrophe may be ours."""
    answers = {'007': '', '8': '', '08': '', ' zoe ': '', "'=x": ''}
    path = tmp_path / BY_HAND
    path.write_text("student,points\n7,1\n8,2\n08,3\nzoe,4\n'=x,0\n")
    for _ in range(2):
        given = prepare(tmp_path, answers)
        assert [given[name].points['points'] for name in answers] == [
            1, 2, 3, 4, 0]


def test_letters_that_an_encoding_does_not_have(tmp_path):
    """Excel saves them as question marks."""
    answers = dict.fromkeys(
        ['\u0141ukasz', 'Mukasz', '\u738b\u5c0f', 'Li'], '')
    (tmp_path / BY_HAND).write_text('student,points\n?ukasz,1\n??,2\n')
    assert {name: one.points['points'] for name, one in prepare(
        tmp_path, answers).items()} == {'\u0141ukasz': 1, '\u738b\u5c0f': 2}
    (tmp_path / BY_HAND).write_text('student,points\n?ukasz,1\n')
    answers['\u013dukasz'] = ''
    with pytest.raises(CourseError, match='nobody is called "\\?ukasz"'):
        prepare(tmp_path, answers)


def test_an_answer_that_changed_is_marked_until_it_is_read(written):
    """Whoever calls twice is told twice."""
    fill(written, {'zoe': '2'})
    for answer in 'one', 'two', 'two':
        given = prepare(written.parent, {**ANSWERS, 'zoe': answer})
    assert not spreadsheets.same_words(given['zoe'].answer, 'two')
    text = written.read_text('utf-8-sig')
    assert f'zoe,"{spreadsheets.CHANGED}\ntwo",2,' in text
    written.write_text(text.replace(f'{spreadsheets.CHANGED}\n', ''))
    given = prepare(written.parent, {**ANSWERS, 'zoe': 'two'})
    assert given['zoe'].answer == 'two'


def test_what_was_made_safe_is_read_as_it_was_written(written):
    text = written.read_text('utf-8-sig')
    written.write_text(text.replace('zoe,,,', 'zoe,,1,"- well\n+ done"'))
    for _ in range(2):
        assert prepare(written.parent)['zoe'].comment == '- well\n+ done'
    assert b"'- well\n'+ done" in written.read_bytes()


def test_an_answer_longer_than_a_cell_has_not_changed():
    answer = 'word ' * spreadsheets.LETTERS
    assert spreadsheets.same_words(answer[:spreadsheets.LETTERS], answer)
    assert not spreadsheets.same_words('word', answer)


def test_an_answer_without_some_letters_has_not_changed():
    assert spreadsheets.same_words('? is a', '\u03b2 is a')
    assert not spreadsheets.same_words('\u03b2 is a', '\u03b3 is a')


def test_whoever_is_new_gets_a_row_and_no_points_are_lost(written):
    fill(written, {'zoe': '2'})
    given = prepare(written.parent, {**ANSWERS, 'adam': 'Late.'})
    assert given['zoe'].points == {'points': 2}
    found = {row['student']: row for row in rows(written.read_bytes())}
    assert found['zoe']['points'] == '2'
    assert found['adam']['answer'] == 'Late.'


def test_a_copy_of_each_version_is_kept(written):
    for points in '1', '2', '2':
        fill(written, {'zoe': points})
        prepare(written.parent)
    copies = sorted((written.parent / 'points-by-hand').iterdir())
    kept = [rows(copy.read_bytes())[-1]['points'] for copy in copies]
    assert [points for number, points in enumerate(kept)
            if not number or points != kept[number - 1]] == ['', '1', '2']


def test_a_table_beside_the_submissions_is_taken_over(tmp_path):
    (tmp_path / 'old.csv').write_text('student,points,comment\nzoe,3,ok\n')
    assert prepare(tmp_path)['zoe'].points == {'points': 3}
    (tmp_path / 'old.csv').write_text('student,points,comment\nzoe,1,ok\n')
    assert prepare(tmp_path)['zoe'].points == {'points': 3}


@pytest.mark.parametrize('text', [
    '=1+1', '+1', '-1', '@x', ' =1', '\t=1', 'a;=1', 'a\n=1', 'a\r@x',
    'a;\t-1', "'=1", "a\n''\t@x", "it's 'one'"])
def test_nothing_is_a_formula(text):
    """However a spreadsheet divides what is in a cell, and saves it again."""
    assert spreadsheets.safe(spreadsheets.safe(text)) == (
        spreadsheets.safe(text))
    content = spreadsheets.table([{'student': text}], ['student']).decode()
    for cell in content.replace('\t', ';').replace('\r', ';').replace(
            '\n', ';').split(';'):
        assert not cell.strip(' "').startswith(('=', '+', '-', '@'))


def test_a_table_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / 'marks.csv'
    whole_files.write_whole(path, b'before')
    monkeypatch.setattr(type(path), 'replace', None)
    with pytest.raises(TypeError):
        whole_files.write_whole(path, b'after')
    assert path.read_bytes() == b'before'

"""Tables: the marks, and the points that a teacher gives by hand."""
import csv
import difflib
import io
import math
import os
import re
import unicodedata
from typing import NamedTuple

from assignments import CourseError

BY_HAND = 'points-by-hand.csv'
COLUMNS = ('student', 'answer', 'points', 'comment')
# A spreadsheet would compute what begins like this, also behind a character
# that it takes for the end of a cell.
FORMULA = re.compile(r"(^|[;\t\r\n])(?=\s*[=+\-@])")
LETTERS = 30_000    # a cell of Excel takes 32,767


def safe(value):
    """A value that no spreadsheet takes for a formula."""
    return FORMULA.sub(r"\1'", value) if isinstance(value, str) else value


def write_whole(path, content):
    """Replace a file by a new one, or leave it."""
    partial = path.with_name(f'.{path.name}.part')
    partial.write_bytes(content)
    os.replace(partial, path)


def table(rows, columns, delimiter=','):
    """Bytes of a table; a mark tells spreadsheets that it is UTF-8."""
    text = io.StringIO(newline='')
    writer = csv.DictWriter(text, columns, delimiter=delimiter)
    writer.writeheader()
    writer.writerows({name: safe(value) for name, value in row.items()}
                     for row in rows)
    return text.getvalue().encode('utf-8-sig')


class Given(NamedTuple):
    """Points by hand and a comment; the answer that they were given for."""

    points: float
    comment: str
    answer: str


def decode(content, students):
    """Text of a table in whatever encoding spreadsheets save it.

    Where the bytes leave a choice, names of students decide.
    """
    if content[:2] in (b'\xff\xfe', b'\xfe\xff'):
        return content.decode('utf-16')
    texts = []
    for encoding in 'utf-8-sig', 'cp1252', 'mac-roman':
        try:
            texts.append(content.decode(encoding))
        except UnicodeDecodeError:
            continue
    return max(texts, key=lambda text: sum(name in text
                                           for name in students))


def rows_of(path, students):
    """Rows of a table as dictionaries, with their numbers, and delimiter."""
    text = decode(path.read_bytes(), students)
    text = re.sub(r'^sep=.\r?\n', '', text)
    head = text.lstrip().split('\n')[0].split('\r')[0]
    delimiter = max(',;\t', key=head.count)
    rows = list(csv.reader(io.StringIO(text, newline=''),
                           delimiter=delimiter))
    names = [name.strip().lower() for name in rows[0]] if rows else []
    if not {'student', 'points'} <= set(names):
        raise CourseError(f'{path}: the first line should name the columns '
                          f'{", ".join(COLUMNS)}.')
    found = [(number, row) for number, row in enumerate(rows[1:], 2)
             if any(map(str.strip, row))]
    for number, row in found:
        if any(map(str.strip, row[len(names):])):
            raise CourseError(f'{path}, row {number} has more cells than the '
                              'first line has names.')
    return [(number, dict(zip(names, row + [''] * len(names))))
            for number, row in found], delimiter


def student_of(row):
    """The name in a row, as it was before it was made safe."""
    name = re.sub(r"^'(?=\s*[=+\-@])", '', row['student'])
    return unicodedata.normalize('NFC', name)


def points_of(text, most):
    """A number of points, or None for an empty cell."""
    text = text.strip().lstrip("'").replace(',', '.')
    if not text:
        return None
    points = float(text)
    if not math.isfinite(points) or not 0 <= points <= most:
        raise ValueError
    return points


def read_by_hand(path, students, most, expected=()):
    """The teacher's own points, of a table that was checked.

    Parameters
    ----------
    path : pathlib.Path
    students : list of str
        Those who handed something in.
    most : float
        The maximum of points.
    expected : collection of str
        Those who had a row in the table when it was written last.

    Returns
    -------
    dict
        `Given` by student.
    str
        What separates the columns.

    Raises
    ------
    CourseError
        That tells all that is wrong with the table.
    """
    given, wrong = {}, []
    rows, delimiter = rows_of(path, students)
    for number, row in rows:
        name = student_of(row)
        name = name if name in students else name.strip()
        if name not in students:
            alike = difflib.get_close_matches(name, students, 1)
            wrong.append(f'row {number}: nobody is called "{name}"' + (
                f'; is it "{alike[0]}"?' if alike else ''))
            continue
        if name in given:
            wrong.append(f'row {number}: {name} has a second row')
        try:
            points = points_of(row['points'], most)
        except ValueError:
            wrong.append(f'row {number}: {name} has "{row["points"]}" points;'
                         f' it should be a number from 0 to {most:g}')
            points = None
        given[name] = Given(points, row.get('comment', ''),
                            row.get('answer', ''))
    wrong += [f'the row of {name} is missing' for name in students
              if name in expected and name not in given]
    if wrong:
        raise CourseError(
            f'{path} cannot be used as it is, and nothing was graded:\n  '
            + '\n  '.join(wrong))
    return given, delimiter


def same_words(one, other):
    """Whether texts are alike, but for what spreadsheets do to them."""
    return re.findall(r'\w+', one) == re.findall(r'\w+', other)


def by_hand_table(answers, given, delimiter):
    """The table as the teacher is to get it, with answers beside points."""
    rows = []
    for name, answer in answers.items():
        points, comment, _ = given.get(name, Given(None, '', ''))
        number = '' if points is None else f'{points:g}'
        rows.append({
            'student': name, 'answer': answer[:LETTERS],
            # As those who separate by semicolons write it: others read it as
            # a date.
            'points': number.replace('.', ',') if delimiter == ';'
            else number, 'comment': comment})
    return table(rows, COLUMNS, delimiter)


def keep_copy(path):
    """Keep this version of a table, unless it is the last one kept."""
    folder = path.with_suffix('')
    folder.mkdir(exist_ok=True)
    content = path.read_bytes()
    copies = sorted(folder.glob('[0-9]*.csv'))
    if not copies or copies[-1].read_bytes() != content:
        number = int(copies[-1].stem) + 1 if copies else 1
        write_whole(folder / f'{number:04}.csv', content)
    return folder


def prepare_by_hand(output, old, answers, most):
    """Read the table, check it, and write it with the answers of today.

    Parameters
    ----------
    output : pathlib.Path
        The folder of results, in which the table lies.
    old : pathlib.Path
        Where a table is taken from as long as `output` has none.
    answers : dict
        The answer to the open question, by student.
    most : float

    Returns
    -------
    dict
        `Given` by student.
    """
    path, given, delimiter = output / BY_HAND, {}, ','
    kept = sorted(path.with_suffix('').glob('[0-9]*.csv'))
    expected = set()
    if path.exists() and kept:
        expected = {student_of(row) for _, row
                    in rows_of(kept[-1], answers)[0]}
    source = path if path.exists() else old
    if source.exists():
        given, delimiter = read_by_hand(source, list(answers), most, expected)
    output.mkdir(parents=True, exist_ok=True)
    if path.exists():
        keep_copy(path)
    content = by_hand_table(answers, given, delimiter)
    if not path.exists() or path.read_bytes() != content:
        write_whole(path, content)
    keep_copy(path)
    return given

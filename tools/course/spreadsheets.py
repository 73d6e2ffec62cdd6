"""Tables: the marks, and the points that a teacher gives by hand."""
import csv
import difflib
import io
import json
import math
import re
import unicodedata
from typing import NamedTuple, Optional

from assignments import CourseError
from whole_files import write_whole

BY_HAND = 'points-by-hand.csv'
# A spreadsheet would compute what begins like this, also behind a character
# that it takes for the end of a cell.
START, SIGN = r'(^|[;\t\r\n])', r'(?=\s*[=+\-@])'
LETTERS = 30_000    # a cell of Excel takes 32,767
COLUMNS = 'student', 'answer', 'points', 'comment'
# Stands above an answer until the teacher takes it away.
CHANGED = '(Changed since it was read: read it, and delete this line.)'


def safe(value):
    """A value that no spreadsheet takes for a formula."""
    return re.sub(START + SIGN, r"\1'", value) if isinstance(
        value, str) else value


def as_written(text):
    """Text as it was before it was made safe."""
    return re.sub(f"{START}'{SIGN}", r'\1', text)


def table(rows, columns, delimiter=','):
    """Bytes of a table; a mark tells spreadsheets that it is UTF-8."""
    text = io.StringIO(newline='')
    writer = csv.DictWriter(text, columns, delimiter=delimiter)
    writer.writeheader()
    writer.writerows({name: safe(value) for name, value in row.items()}
                     for row in rows)
    return text.getvalue().encode('utf-8-sig')


class Given(NamedTuple):
    """Points by column and a comment; the answer that they were given for.

    `own` are names and cells of columns that the teacher added.
    """

    points: dict
    comment: str = ''
    answer: Optional[str] = None
    own: tuple = ()


def decode(content, students):
    """Text of a table in whatever encoding spreadsheets save it.

    Where the bytes leave a choice, names of students decide.
    """
    encoding, texts = json.detect_encoding(content), []
    if not encoding.startswith('utf-8'):
        return content.decode(encoding, 'replace')
    for encoding in 'utf-8-sig', 'cp1252', 'mac-roman':
        try:
            texts.append(content.decode(encoding))
        except UnicodeDecodeError:
            continue
    return max(texts, key=lambda text: sum(name in text
                                           for name in students))


def rows_of(path, students):
    """Rows of a table as dictionaries, and what separates the columns."""
    text = decode(path.read_bytes(), students)
    text = re.sub(r'^"?sep=."?\s*?(\r\n|\r|\n)', '', text)  # of Excel
    head = text.lstrip().split('\n')[0].split('\r')[0]
    delimiter = max(',;\t', key=head.count)
    reader = csv.DictReader(io.StringIO(text, newline=''), restval='',
                            delimiter=delimiter)
    try:
        reader.fieldnames = [name.strip().lower()
                             for name in reader.fieldnames or ()]
        rows = list(reader)
    except csv.Error as error:
        raise CourseError(f'{path} is no table: {error}.') from None
    if not all(reader.fieldnames.count(name) == 1
               for name in ('student', 'points')):
        raise CourseError(f'{path}: the first line should name the columns '
                          'student and points, each once.')
    return rows, delimiter


def student_of(row):
    return unicodedata.normalize('NFC', as_written(row['student']))


def points_of(row, most):
    """Points by column, without empty cells, and what is wrong with others."""
    points, wrong = {}, []
    for column, highest in most.items():
        text = row.get(column, '')
        number = text.strip().lstrip("'").replace(',', '.')
        try:
            value = float(number or 0)
        except ValueError:
            value = math.nan
        if not 0 <= value <= highest:
            wrong.append(f'has "{text}" in {column}; it should be a number '
                         f'from 0 to {highest:g}')
        elif number:
            points[column] = value
    return points, wrong


def other_spellings(students):
    """Names by what is read in place of them, such as 7 for 007."""
    found = {}
    for name in students:
        short = name.lstrip('0') if name.isdigit() else (
            as_written(lossy(name)).strip())
        found.setdefault(short, []).append(name)
    return {short: names[0] for short, names in found.items()
            if len(names) == 1}


def read_by_hand(path, students, most, expected):
    """`Given` by student, and what separates the columns.

    Those `expected` must have a row. A CourseError tells all that is wrong.
    """
    given, wrong = {}, []
    rows, delimiter = rows_of(path, students)
    others = other_spellings(students)
    for number, row in enumerate(rows, 2):
        if any(map(str.strip, row.pop(None, ()))):
            wrong.append(f'row {number} has more cells than the first line '
                         'has names')
        if not any(map(str.strip, row.values())):
            continue
        name = student_of(row)
        if name not in students:
            name = others.get(name.strip(), name.strip())
        if name not in students:
            alike = difflib.get_close_matches(name, students, 1)
            wrong.append(f'row {number}: nobody is called "{name}"' + (
                f'; is it "{alike[0]}"?' if alike else ''))
            continue
        if name in given:
            wrong.append(f'row {number}: {name} has a second row')
        points, told = points_of(row, most)
        wrong += [f'row {number}: {name} {what}' for what in told]
        given[name] = Given(
            points, as_written(row.get('comment', '')), row.get('answer'),
            [(column, as_written(text)) for column, text in row.items()
             if column not in ('', *COLUMNS, *most)])
    wrong += [f'the row of {name} is missing' for name in students
              if name in expected and name not in given]
    if wrong:
        raise CourseError(
            f'{path} cannot be used as it is, and nothing was graded:\n  '
            + '\n  '.join(wrong))
    return given, delimiter


def lossy(text):
    """Text as Excel may save it: in an encoding without some letters."""
    return text.encode('cp1252', 'replace').decode('cp1252')


def same_words(one, other):
    """Whether a text, or None, is another one but for what tables do to it."""
    return one is None or re.findall(r'\w+', one[:LETTERS]) in (
        re.findall(r'\w+', text[:LETTERS]) for text in (other, lossy(other)))


def by_hand_table(answers, columns, given, delimiter):
    """The table as the teacher is to get it, with answers beside points."""
    rows, own = [], {}
    for name, answer in answers.items():
        points, comment, read, cells = given.get(name, Given({}))
        if 'points' in points and not same_words(read, answer):
            answer = f'{CHANGED}\n{answer}'
        own.update(cells)
        # As those who separate by semicolons write it: others read a date.
        numbers = {column: f'{value:g}'.replace(
            '.', ',' if delimiter == ';' else '.')
            for column, value in points.items()}
        rows.append({'student': name, 'answer': answer[:LETTERS], **numbers,
                     'comment': comment, **dict(cells)})
    return table(rows, [*dict.fromkeys([*COLUMNS, *columns, *own])],
                 delimiter)


def keep_copy(path):
    """Keep this version of a table, unless it is the last one kept."""
    copies = sorted(path.with_suffix('').glob('[0-9]*.csv'))
    if not copies or copies[-1].read_bytes() != path.read_bytes():
        number = int(copies[-1].stem) + 1 if copies else 1
        write_whole(path.with_suffix('') / f'{number:04}.csv',
                    path.read_bytes())


def prepare_by_hand(output, old, answers, most):
    """Read the table, check it, and write it with the answers of today.

    It lies in the folder `output`; `old` is taken as long as that has none.
    `answers` are those to the open question by student, `most` are maxima of
    points by column. Returns `Given` by student.
    """
    path, given, delimiter, expected = output / BY_HAND, {}, ',', set()
    kept = sorted(path.with_suffix('').glob('[0-9]*.csv'))
    if path.exists() and kept:
        expected = set(map(student_of, rows_of(kept[-1], answers)[0]))
    source = path if path.exists() else old
    if source.exists():
        given, delimiter = read_by_hand(source, list(answers), most, expected)
    path.with_suffix('').mkdir(parents=True, exist_ok=True)
    if path.exists():
        keep_copy(path)
    content = by_hand_table(answers, most, given, delimiter)
    if not path.exists() or path.read_bytes() != content:
        write_whole(path, content)
    keep_copy(path)
    return given

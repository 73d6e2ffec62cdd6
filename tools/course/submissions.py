"""What students handed in: files of all kinds, of which the answers are read.

Nothing is written, and nothing of it runs here: a notebook is JSON, of which
the source of cells is taken.
"""
import collections
import difflib
import io
import json
import os
import re
import unicodedata
import zipfile
from pathlib import Path
from typing import NamedTuple

from assignments import NAME

LIMIT = 100 * 2**20     # bytes of a hand-in; notebooks may hold pictures
NO_HAND_IN = re.compile(r'\.(?!\.?$)|~\$|__MACOSX$|points-by-hand|'
                        r'(thumbs\.db|desktop\.ini)$', re.I)
ENDINGS = re.compile(r'(\.(ipynb|zip|txt|json|tar|gz))+$', re.I)
COPY = re.compile(r'^(copy of|kopie von) |'
                  r'( ?\(\d+\)|[ -]+\(?(copy|kopie)[ \d]*\)?)+$', re.I)


class Cell(NamedTuple):
    name: str       # as nbgrader has it in `grade_id`, or ''
    kind: str
    source: str


class Submission(NamedTuple):
    """What a student handed in.

    `cells` are named sources to run in the order of the notebook; `own` are
    these and the cells that the student added or changed. `answers` are
    sources by name, without those that are as they were handed out. `remarks`
    say what a teacher should know; `found` whether there is a notebook of
    the assignment.
    """

    student: str
    cells: list
    own: list
    answers: dict
    remarks: list
    found: bool


def readable(text):
    """Text that can be written, whatever bytes it was made of."""
    return text.encode('utf-8', 'replace').decode()


def listed(names):
    """The first names of many."""
    more = f' and {len(names) - 3} more' if len(names) > 3 else ''
    return ', '.join(names[:3]) + more


def is_notebook(name):
    return '.ipynb' in name.lower()


def rank(name):
    """What looks like the assignment comes first."""
    return not is_notebook(name), NAME not in name, name


def files_below(path, onerror):
    """Files of a folder, or a single file or link."""
    if path.is_symlink() or not path.is_dir():
        return [path]
    found = []
    for folder, folders, names in os.walk(path, onerror=onerror):
        folders[:] = [name for name in folders if not NO_HAND_IN.match(name)]
        found += [Path(folder, name) for name in names
                  if not NO_HAND_IN.match(name)]
    return sorted(found, key=lambda file: rank(str(file)))


def read_cells(content, assignment):
    """Cells of a notebook, from its bytes; ValueError when it is none."""
    try:
        # Bytes that are no text stand for one letter each, as in VS Code.
        notebook = json.loads(content.decode(json.detect_encoding(content),
                                             'replace'))
        if 'worksheets' in notebook:     # before 2015
            notebook = notebook['worksheets'][0]
        cells = []
        for cell in notebook['cells']:
            source = cell.get('source') or cell.get('input') or ''
            about = (cell.get('metadata') or {}).get('nbgrader')
            name = isinstance(about, dict) and str(about.get('grade_id'))
            if name not in assignment.stubs:
                name = assignment.ids.get(str(cell.get('id')), '')
            source = readable(''.join(source)).replace('\r\n', '\n')
            cells.append(Cell(name, cell.get('cell_type', 'code'), source))
        return cells
    except (KeyError, TypeError, AttributeError, IndexError):
        raise ValueError('it has no cells') from None


def members(archive):
    """Files of an archive by name, the likeliest notebook first."""
    for item in sorted(archive.infolist(),
                       key=lambda item: rank(item.filename)):
        if item.flag_bits & 1:
            raise ValueError('it is locked by a password')
        # A few bytes of others become more than memory holds.
        if item.compress_type > zipfile.ZIP_DEFLATED:
            raise ValueError('it is packed in an unusual way')
        name = item.filename.replace('\\', '/')     # of Windows
        if not item.is_dir() and not any(map(NO_HAND_IN.match,
                                             name.split('/'))):
            yield name, item


def hand_ins(path, assignment):
    """Notebooks of a hand-in by name, and what is wrong with other files."""
    notebooks, others, left = [], {}, LIMIT

    def look(name, file):
        nonlocal left
        head = file.read(1000)
        # Byte order marks, and the halves of UTF-16, come before a brace.
        begin = head.lstrip(b'\xef\xbb\xbf\xff\xfe\0 \t\r\n')
        if begin and not begin.startswith((b'{', b'PK')):
            raise ValueError('nor is it a zip archive')
        content = head + file.read(left)
        if len(content) > left:
            left = 0
            raise ValueError('it is too large')
        left -= len(content)
        if not content.startswith(b'PK'):
            notebooks.append((name, read_cells(content, assignment)))
            return
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for inner, item in members(archive):
                attempt(f'{name}/{inner}', archive.open, item)

    def attempt(name, opened, *arguments):
        name = readable(name)
        try:
            with opened(*arguments) as file:
                look(name, file)
        except Exception as error:  # whatever can be wrong with a file
            reason = (str(error) or type(error).__name__).split('\n')[0]
            others[name] = (f'{name} is not a notebook that can be read '
                            f'({reason[:80]})')

    def complain(error):
        others[error.filename] = readable(f'{path.name}: {error}')
    for file in files_below(path, complain):
        name = readable(str(file.relative_to(path.parent)))
        if file.is_symlink():   # it may lead to a classmate's work
            others[name] = f'{name} is a link, not followed'
        elif file.is_file():
            attempt(name, file.open, 'rb')
        else:
            others[name] = f'{name} is no file'
    return notebooks, others


def is_worked_on(cell, assignment):
    """Whether a cell is not as it was handed out, or empty."""
    return cell.source.strip() not in (
        '', assignment.stubs.get(cell.name, '').strip())


def with_names(cells, assignment):
    """Cells without names, with a name where one can be told.

    A program may have dropped it, or a student has left the cell as it was
    handed out and made another one.
    """
    found = {cell.name for cell in cells if is_worked_on(cell, assignment)}

    def told(cell):
        if cell.kind == 'code':
            return next((name for name in assignment.code if re.search(
                rf'^(def {name} *\(|{name} *=)', cell.source, re.M)), '')
        text = cell.source.strip()
        below = any(text.startswith(f'{ours}\n') for ours in assignment.prose)
        # Of another edition the teacher's own words differ a little.
        ours = difflib.get_close_matches(text, ['', *assignment.prose], 1, .9)
        return '' if ours and not below else assignment.open
    return [cell if cell.name or told(cell) in found
            else cell._replace(name=told(cell)) for cell in cells]


def answers_of(cells, assignment):
    """Parts of each answer, without those as they were handed out."""
    parts = {}
    for cell in cells:
        if cell.name in (*assignment.code, assignment.open) and is_worked_on(
                cell, assignment):
            parts.setdefault(cell.name, []).append(cell.source)
    return {name: '\n\n'.join(sources) for name, sources in parts.items()}


def remarks_on(cells, named, assignment):
    """What is not as it was handed out."""
    names = [cell.name for cell in cells if cell.name]
    order = list(dict.fromkeys(names))
    told = [cell.name for cell, before in zip(named, cells)
            if cell.name != before.name]
    remarks = {
        'cells copied or split, put together':
            [name for name in order if names.count(name) > 1],
        'cells without their marks, recognized': dict.fromkeys(told),
        'cells are missing': [
            name for name in (*assignment.code, assignment.open)
            if name not in (*names, *told)]}
    moved = order != [name for name in assignment.stubs if name in order]
    return ['cells were moved'] * moved + [
        f'{text}: {", ".join(of)}' for text, of in remarks.items() if of]


def pick(notebooks, assignment):
    """Cells of the notebook with most answers, and remarks."""
    rated = []
    for path, cells in notebooks:
        named = with_names(cells, assignment)
        # The chapter's notebooks define functions of these names, too.
        ours = any(cell.name or cell.source.strip() in assignment.prose
                   for cell in cells)
        rated.append((ours, len(answers_of(named, assignment)),
                      os.path.basename(path) == f'{NAME}.ipynb', path, cells,
                      named))
    best = max(rated, key=lambda one: one[:3])
    ours, _, usual, path, cells, named = best
    if not any(cell.name for cell in named):
        return [], [f'{path} has no cell of the assignment']
    remarks = []
    rest = [one[3] for one in rated if one is not best and one[0] == ours]
    if rest:
        remarks.append(
            f'several notebooks, graded: {path}, not: {listed(rest)}')
    elif not usual and os.path.dirname(path):
        remarks.append('the notebook was renamed to '
                       + os.path.basename(path))
    return named, remarks + remarks_on(cells, named, assignment)


def read(student, paths, assignment):
    """A student's submission, of one or more things that were handed in."""
    notebooks, others = [], {}
    for path in paths:
        some, wrong = hand_ins(path, assignment)
        notebooks += some
        others.update(wrong)
    if not notebooks:
        return Submission(student, [], [], {}, list(others.values())[:3] or [
            'there is no notebook: nothing was handed in'], False)
    cells, remarks = pick(notebooks, assignment)
    remarks += [others[name] for name in others if is_notebook(name)][:3]
    answers = answers_of(cells, assignment)
    handed_out = {source.strip() for source in assignment.stubs.values()}
    own = [(cell.name if cell.name in assignment.code else '', cell.source)
           for cell in cells if (cell.kind == 'code'
                                 or cell.name in assignment.code)
           and cell.source.strip() not in (*handed_out, '')]
    if cells and not answers and not own:
        remarks.append('no task was worked on')
    asked = [cell for cell in own if cell[0]]
    return Submission(student, asked, own if own != asked else [], answers,
                      remarks, bool(cells))


def find(folder, assignment):
    """All submissions of a folder, by name of the student.

    Things that are named alike but for what a browser or a file manager adds
    to a second copy belong to one student.
    """
    names = {}
    for path in sorted(folder.iterdir()):
        if NO_HAND_IN.match(path.name):
            continue
        name = path.name if path.is_dir() else (
            ENDINGS.sub('', path.stem) or path.stem)
        name = os.fsencode(name).decode('utf-8', 'backslashreplace')
        names[path] = unicodedata.normalize('NFC', name)
    students = {}
    for path, name in names.items():
        base = COPY.sub('', name)
        if base in names.values():
            name = base
        students.setdefault(name, []).append(path)
    alike = collections.Counter(map(str.casefold, students))
    found = []
    for student, paths in sorted(students.items()):
        one = read(student, paths, assignment)
        if alike[student.casefold()] > 1:
            one.remarks.append('somebody else has this name, but for capital '
                               'letters')
        found.append(one)
    return found

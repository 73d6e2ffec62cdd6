"""What students handed in: files of all kinds, of which the answers are read.

Nothing is unpacked, and nothing of it runs here: a notebook is JSON, of which
the source of cells is taken.
"""
import json
import os
import re
import unicodedata
import zipfile
from typing import NamedTuple

from assignments import NAME

LIMIT = 100 * 2**20     # bytes of a notebook, whose pictures may be large
ENTRIES = 1000
NO_HAND_IN = re.compile(
    r'\.|__MACOSX$|points-by-hand|(thumbs\.db|desktop\.ini)$', re.I)
ENDINGS = re.compile(r'(\.(ipynb|zip|txt|json|tar|gz))+$', re.I)
COPY = re.compile(r'( ?\(\d+\)|-copy\d*| - copy| copy( \d+)?)$', re.I)


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


def files_in(path):
    """Name and content of all that lies in a folder, an archive or a file.

    Parameters
    ----------
    path : pathlib.Path
        Links are not followed: they may lead to a classmate's work.

    Yields
    ------
    str, callable
        A name, and a function that reads no more than LIMIT bytes.
    """
    if path.is_symlink():
        return
    if path.is_dir():
        for inner in sorted(path.iterdir())[:ENTRIES]:
            if not NO_HAND_IN.match(inner.name):
                for name, read in files_in(inner):
                    yield f'{inner.name}/{name}'.rstrip('/'), read
    elif path.is_file() and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for item in archive.infolist()[:ENTRIES]:
                parts = item.filename.split('/')
                if not item.is_dir() and not any(
                        NO_HAND_IN.match(part) for part in parts):
                    def read(item=item):
                        with archive.open(item) as file:
                            return file.read(LIMIT + 1)
                    yield item.filename, read
    elif path.is_file():
        def read():
            with path.open('rb') as file:
                return file.read(LIMIT + 1)
        yield '', read


def read_cells(content, assignment):
    """Cells of a notebook, from its bytes.

    Raises
    ------
    ValueError
        When it is none.
    """
    if len(content) > LIMIT:
        raise ValueError('it is too large')
    encoding = 'utf-16' if content[:2] in (b'\xff\xfe', b'\xfe\xff') else (
        'utf-8-sig')
    try:
        notebook = json.loads(content.decode(encoding, 'replace'))
        if 'worksheets' in notebook:     # before 2015
            notebook = notebook['worksheets'][0]
        cells = []
        for cell in notebook['cells']:
            source = cell.get('source') or cell.get('input') or ''
            about = (cell.get('metadata') or {}).get('nbgrader') or {}
            name = str(about.get('grade_id'))
            if name not in assignment.stubs:
                name = assignment.ids.get(str(cell.get('id')), '')
            cells.append(Cell(name, cell.get('cell_type', 'code'),
                              readable(''.join(source))))
        return cells
    except (KeyError, TypeError, AttributeError, IndexError):
        raise ValueError('it has no cells') from None


def with_names(cells, assignment):
    """Cells that lost their names, with a name where one can be told."""
    named, asked = [], False
    found = {cell.name for cell in cells}
    for cell in cells:
        defines = re.search(r'^def (\w+)', cell.source, re.M)
        name = cell.name
        if cell.kind == 'code' and not name and defines and (
                defines[1] in assignment.code and defines[1] not in found):
            name = defines[1]
        elif cell.kind != 'code' and not name:
            text = cell.source.strip()
            if text in assignment.prose:
                asked = text.startswith('## 5. ')
            elif asked and assignment.open not in found:
                name = assignment.open
        named.append(cell._replace(name=name))
    return named


def answers_of(cells, assignment):
    """Parts of each answer, without those as they were handed out."""
    parts = {}
    for cell in cells:
        if cell.name in assignment.code or cell.name == assignment.open:
            stub = assignment.stubs[cell.name].strip()
            if cell.source.strip() not in ('', stub):
                parts.setdefault(cell.name, []).append(cell.source)
    return {name: '\n\n'.join(sources) for name, sources in parts.items()}


def remarks_on(cells, named, assignment):
    """What is not as it was handed out."""
    names = [cell.name for cell in cells if cell.name]
    told = [cell.name for cell, before in zip(named, cells)
            if cell.name != before.name]
    first = list(dict.fromkeys(names))
    doubled = [name for name in first if names.count(name) > 1]
    remarks = []
    if doubled:
        remarks.append('cells copied or split, put together: '
                       + ', '.join(doubled))
    if first != [name for name in assignment.stubs if name in names]:
        remarks.append('cells were moved')
    if told:
        remarks.append('cells without their marks, recognized: '
                       + ', '.join(dict.fromkeys(told)))
    answers = [*assignment.code, assignment.open]
    lost = [name for name in answers if name not in (*names, *told)]
    if lost:
        remarks.append('cells are missing: ' + ', '.join(lost))
    return remarks


def hand_ins(path, assignment):
    """Notebooks of a hand-in by name, and what is wrong with all else."""
    notebooks, others = [], []
    if path.is_symlink():
        return [], [f'{readable(path.name)} is a link, not followed']
    name = path.name
    try:
        for inner, read in files_in(path):
            name = readable(f'{path.name}/{inner}'.rstrip('/'))
            try:
                notebooks.append((name, read_cells(read(), assignment)))
            except Exception as error:  # whatever can be wrong with a file
                reason = (str(error) or type(error).__name__).split('\n')[0]
                others.append(f'{name} is not a notebook that can be read '
                              f'({reason[:80]})')
    except (OSError, zipfile.BadZipFile) as error:
        others.append(f'{readable(name)} cannot be read ({error})')
    return notebooks, others


def pick(notebooks, assignment):
    """The notebook with most answers, and a remark on the others."""
    rated = []
    for name, cells in notebooks:
        named = with_names(cells, assignment)
        usual = os.path.basename(name) == f'{NAME}.ipynb'
        rated.append((len(answers_of(named, assignment)), usual, name, cells,
                      named))
    _, usual, name, cells, named = max(rated, key=lambda one: one[:2])
    remarks = []
    if len(rated) > 1:
        remarks.append(f'several notebooks, graded: {name}; not: ' + ', '.join(
            other for _, _, other, *_ in rated if other != name))
    elif not usual and os.path.dirname(name):
        remarks.append('the notebook was renamed to '
                       + os.path.basename(name))
    if any(cell.name for cell in named):
        return named, remarks + remarks_on(cells, named, assignment)
    return [], [*remarks, f'{name} has no cell of the assignment']


def read(student, paths, assignment):
    """A student's submission, of one or more things that were handed in."""
    found = [hand_ins(path, assignment) for path in paths]
    notebooks = [notebook for some, _ in found for notebook in some]
    others = [other for _, some in found for other in some]
    if not notebooks:
        return Submission(student, [], [], {}, others[:3] or [
            'there is no notebook: nothing was handed in'], False)
    cells, remarks = pick(notebooks, assignment)
    answers = answers_of(cells, assignment)
    if cells and not answers:
        remarks.append('no task was worked on')
    handed_out = {source.strip() for source in assignment.stubs.values()}
    own = [(cell.name if cell.name in assignment.code else '', cell.source)
           for cell in cells if (cell.kind == 'code'
                                 or cell.name in assignment.code)
           and cell.source.strip() not in (*handed_out, '')]
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
        name = path.name
        if not path.is_dir():
            name = ENDINGS.sub('', name)
            name = path.stem if name in ('', path.name) else name
        name = os.fsencode(name).decode('utf-8', 'replace')
        names[path] = unicodedata.normalize('NFC', name)
    students = {}
    for path, name in names.items():
        base = COPY.sub('', name)
        if base in names.values():
            name = base
        students.setdefault(name, []).append(path)
    return [read(student, paths, assignment)
            for student, paths in sorted(students.items())]

"""Grade a folder of submissions: marks as CSV, feedback as HTML.

    python tools/course/grade.py SUBMISSIONS build/grades

SUBMISSIONS holds either a folder for each student, with the notebook in it,
or a notebook for each student, named like the student. The open question is
graded by hand, in SUBMISSIONS/points-by-hand.csv, which is made by the first
call and read by the next ones. docs/teaching.md says more.

Code of students runs on this machine. It is stopped when it takes too long or
too much memory; it is not locked in.
"""
import argparse
import csv
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple, Optional

import nbformat
import psutil
from assignments import (
    NAME,
    SOURCE,
    CourseError,
    environment,
    make_course,
    nbgrader,
)
from bs4 import BeautifulSoup
from nbgrader.api import Gradebook

BY_HAND = 'points-by-hand.csv'
# The cell that a person grades.
OPEN = 'open_question'
CELL_SECONDS = int(os.environ.get('CELL_SECONDS', 30))
# Loading MXNet, and a few cells that use up their time.
SUBMISSION_SECONDS = 300 + 6 * CELL_SECONDS
MEMORY = 6 * 2**30


class Submission(NamedTuple):
    """What a student handed in.

    `notebook` is None where there is nothing to grade; `remarks` say why, or
    what a teacher should know.
    """

    student: str
    notebook: Optional[Path]
    remarks: list


def grade_ids(notebook):
    """Names of the cells that nbgrader knows."""
    return {cell.metadata['nbgrader']['grade_id'] for cell in notebook.cells
            if 'grade_id' in cell.metadata.get('nbgrader', {})}


def inspect(student, path):
    """A submission, with remarks on what is not as it was handed out."""
    remarks = []
    if path.is_dir():
        found = sorted(item for item in path.rglob('*.ipynb')
                       if '.ipynb_checkpoints' not in item.parts)
        named = [item for item in found if item.name == f'{NAME}.ipynb']
        if not found:
            return Submission(student, None, ['there is no notebook'])
        if len(named or found) > 1:
            return Submission(student, None, [
                'several notebooks: ' + ', '.join(
                    str(item.relative_to(path)) for item in found)])
        path, = named or found
        if not named:
            remarks.append(f'the notebook was renamed to {path.name}')
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        known = grade_ids(notebook)
    except Exception as error:  # whatever can be wrong with a file
        reason = (str(error) or type(error).__name__).splitlines()[0][:100]
        return Submission(student, None, [
            f'{path.name} is not a notebook that can be read ({reason})'])
    expected = grade_ids(nbformat.read(SOURCE, as_version=4))
    if not known & expected:
        return Submission(student, None, [
            f'{path.name} has no cell of the assignment'])
    if expected - known:
        remarks.append('cells are missing: '
                       + ', '.join(sorted(expected - known)))
    return Submission(student, path, remarks)


def find_submissions(folder):
    """All submissions of a folder, by name of the student."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith('.') or path.name == BY_HAND:
            continue
        if path.is_dir() or path.suffix == '.ipynb':
            student = path.name if path.is_dir() else path.stem
            found.append(inspect(student, path))
        else:
            print(f'Not a submission: {path.name}')
    return found


def run_limited(command, seconds, log, memory=MEMORY, **options):
    """Run a command; when time is over, end it and all that it started.

    Parameters
    ----------
    command : list of str
    seconds, memory : int
        What it may take; the memory, in bytes, holds for each process.
    log : pathlib.Path
        Gets what the command says.
    **options
        As for `subprocess.Popen`.

    Returns
    -------
    int or None
        The return code, None when the time was over.
    """
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    with log.open('w', encoding='utf-8') as file:
        process = subprocess.Popen(
            command, preexec_fn=limit, stdin=subprocess.DEVNULL, stdout=file,
            stderr=subprocess.STDOUT, **options)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        started = [process, *psutil.Process(process.pid).children(True)]
        for one in started:
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue
        process.wait()
        return None


def autograde(course, key, submission, log):
    """Run the tests on a submission; what went wrong comes as remarks.

    Returns
    -------
    bool
        Whether there is something to give marks for.
    """
    _, notebook, remarks = submission
    folder = course / 'submitted' / key / NAME
    folder.mkdir(parents=True)
    shutil.copy(notebook, folder / f'{NAME}.ipynb')
    code = run_limited(
        [sys.executable, '-m', 'nbgrader', 'autograde', NAME, '--student',
         key], SUBMISSION_SECONDS, log, cwd=course, env=environment(course))
    graded = course / 'autograded' / key / NAME / f'{NAME}.ipynb'
    if code is None:
        remarks.append(f'not graded: stopped after {SUBMISSION_SECONDS} s, '
                       'for it could not be interrupted')
        return False
    if code or not graded.is_file():
        died = 'Kernel died' in log.read_text('utf-8')
        remarks.append('not graded: ' + (
            'a cell ended the kernel' if died else f'see {log}'))
        return False
    log.unlink()
    late = [cell.metadata.get('nbgrader', {}).get('grade_id', 'a cell')
            for cell in nbformat.read(graded, as_version=4).cells
            for output in cell.get('outputs', [])
            if output.get('ename') == 'CellTimeoutError']
    if late:
        remarks.append(f'stopped after {CELL_SECONDS} s: {", ".join(late)}')
    return True


def read_by_hand(folder):
    """Points and comments by student from the teacher's own table.

    Raises
    ------
    CourseError
        When the table has other columns or points that are no numbers.
    """
    path = folder / BY_HAND
    if not path.is_file():
        return {}
    with path.open(encoding='utf-8-sig', newline='') as file:
        rows = list(csv.DictReader(file))
    given = {}
    for number, row in enumerate(rows, 2):
        try:
            points = float(row['points']) if row['points'].strip() else None
            given[row['student']] = points, row['comment'] or ''
        except (KeyError, TypeError, ValueError, AttributeError):
            raise CourseError(
                f'{path}, line {number}: there should be a student, points '
                '(a number, or nothing) and a comment.') from None
    return given


def marks_of(course, key, by_hand):
    """Points of a student by task, None where a person has to give them."""
    marks = {}
    with Gradebook(f'sqlite:///{(course / "gradebook.db").resolve()}',
                   'faster-rcnn') as gradebook:
        submission = gradebook.find_submission_notebook(NAME, NAME, key)
        for grade in submission.grades:
            if grade.name == OPEN and by_hand and by_hand[0] is not None:
                if not 0 <= by_hand[0] <= grade.max_score:
                    raise CourseError(
                        f'{BY_HAND}: {by_hand[0]:g} points for a question of '
                        f'{grade.max_score:g}.')
                grade.manual_score = by_hand[0]
                comment = gradebook.find_comment(OPEN, NAME, NAME, key)
                comment.manual_comment = by_hand[1]
                gradebook.db.commit()
            task, points = grade.name.split('-')[0], grade.score
            if grade.manual_score is None and grade.auto_score is None:
                marks[task] = None
            else:
                marks[task] = marks.get(task, 0) + points
    return marks


def complete(page, student, read):
    """Feedback that runs nothing and asks the network for nothing.

    Parameters
    ----------
    page : str
        HTML as nbgrader made it.
    student : str
    read : bool
        Whether the open question has got its points.
    """
    soup = BeautifulSoup(page, 'html.parser')
    soup.html['lang'] = 'en'
    soup.title.string = f'{student}: {NAME}'
    # Columns of tables touch each other otherwise.
    style = soup.new_tag('style')
    style.string = 'td, th { padding: 0 .7em .2em 0; }'
    soup.head.append(style)
    # nbgrader calls all tests alike, and what nobody has read a zero.
    for link in soup.select('#toc a'):
        link.string = link['href'].lstrip('#')
        if link.string == OPEN and not read:
            link.next_sibling.replace_with(' (not read yet)')
    for tag in soup.select('script, iframe, object, embed, link'):
        tag.decompose()
    for tag in soup.select('[src]'):
        if not tag['src'].startswith('data:'):
            tag.decompose()
    return str(soup)


def write_table(path, rows, columns):
    # With a mark at its beginning, so that spreadsheets read it as UTF-8.
    with path.open('w', encoding='utf-8-sig', newline='') as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def points_by_task():
    """How many points there are, by task, in the order of the notebook."""
    points = {}
    for cell in nbformat.read(SOURCE, as_version=4).cells:
        of_cell = cell.metadata.get('nbgrader', {})
        if 'points' in of_cell:
            task = of_cell['grade_id'].split('-')[0]
            points[task] = points.get(task, 0) + of_cell['points']
    return points


def grade(folder, output):
    """Grade all submissions of a folder.

    Parameters
    ----------
    folder : pathlib.Path
        The submissions; points-by-hand.csv is added to it if it is missing.
    output : pathlib.Path
        Gets marks.csv and the folder feedback.

    Returns
    -------
    list of dict
        The rows of marks.csv.
    """
    by_hand = read_by_hand(folder)
    submissions = find_submissions(folder)
    if not submissions:
        raise CourseError(f'{folder} holds no submissions: folders with a '
                          'notebook in them, or notebooks.')
    shutil.rmtree(output, ignore_errors=True)
    feedback, course = output / 'feedback', output / 'course'
    feedback.mkdir(parents=True)
    make_course(course)
    tasks, rows, graded = points_by_task(), [], {}
    for number, submission in enumerate(submissions, 1):
        student, notebook, remarks = submission
        key, marks = f'{number:04}', {}
        if notebook and autograde(course, key, submission,
                                  output / f'{student}.log'):
            marks = marks_of(course, key, by_hand.get(student))
            graded[key] = student, None not in marks.values()
            if None in marks.values():
                remarks.append('open question to be read')
        given = [value for value in marks.values() if value is not None]
        rows.append({
            'student': student, **marks,
            'total': sum(given) if given else None,
            'of': sum(tasks.values()), 'remarks': '; '.join(remarks)})
        total = f'{sum(given):g} of {rows[-1]["of"]}' if given else 'no'
        print(f'{number} of {len(submissions)}, {student}: {total} points',
              *remarks, sep='; ', flush=True)
    if graded:
        nbgrader(course, 'generate_feedback', NAME)
    for key, (student, read) in graded.items():
        page = course / 'feedback' / key / NAME / f'{NAME}.html'
        (feedback / f'{student}.html').write_text(
            complete(page.read_text('utf-8'), student, read),
            encoding='utf-8')
    write_table(output / 'marks.csv', rows,
                ['student', *tasks, 'total', 'of', 'remarks'])
    if not (folder / BY_HAND).exists():
        write_table(folder / BY_HAND, [{'student': submission.student}
                                       for submission in submissions],
                    ['student', 'points', 'comment'])
    shutil.rmtree(course)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', type=Path)
    parser.add_argument('output', type=Path)
    args = parser.parse_args()
    if not args.folder.is_dir():
        sys.exit(f'{args.folder} is not a folder.')
    try:
        grade(args.folder, args.output)
    except CourseError as error:
        sys.exit(str(error))
    print(f'\nThe marks:         {args.output / "marks.csv"}\n'
          f'Feedback:          {args.output / "feedback"}\n'
          f'Open question:     read the answers in the feedback, write points '
          f'and comments into\n                   {args.folder / BY_HAND}, '
          'and grade again')


if __name__ == '__main__':
    main()

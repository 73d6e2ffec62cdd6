"""Grade a folder of submissions: marks as CSV, feedback as HTML.

    python tools/course/grade.py SUBMISSIONS build/grades

SUBMISSIONS holds for each student a folder, a notebook or an archive, named
like the student. The open question is graded by hand, in a table beside the
marks. docs/teaching.md says more.
"""
import argparse
import hashlib
import json
import os
import secrets
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import feedback
import marks
import sandbox
import similar
import submissions
from assignments import SOURCE, CourseError
from spreadsheets import prepare_by_hand, same_words, table, write_whole

CELL_SECONDS = int(os.environ.get('CELL_SECONDS', 30))
# Marks that these files made hold as long as they are the same.
MAKERS = [SOURCE, Path(marks.__file__), sandbox.STUDENT_SIDE]


def file_name(student, ending):
    """A name for a student's file; names of files are 255 bytes at most."""
    name = student
    if len(student.encode()) > 200:
        name = f'{student[:50]}-{hashlib.sha256(student.encode()).hexdigest()}'
    return name + ending


class Grades:
    """The folder of results, which is whole at any moment.

    Parameters
    ----------
    output : pathlib.Path
    found : list of Submission
    assignment : Assignment
    given : dict
        Points by hand.
    """

    def __init__(self, output, found, assignment, given):
        self.output, self._found, self._given = output, found, given
        self._assignment = assignment
        self._alike = similar.alike(found, assignment.open)
        self._results = {}
        for name in 'results', 'feedback':
            (output / name).mkdir(exist_ok=True)
        seed = output / 'results' / 'seed.json'
        if not seed.exists():
            write_whole(seed, json.dumps(secrets.randbits(64)).encode())
        # The same numbers for all, which nobody knows before.
        self.seed = json.loads(seed.read_bytes())
        makers = b''.join(path.read_bytes() for path in MAKERS)
        self._made_by = hashlib.sha256(makers).hexdigest()

    def fingerprint(self, one):
        of = [self._made_by, self.seed, CELL_SECONDS, one.cells, one.own]
        return hashlib.sha256(json.dumps(of).encode()).hexdigest()

    def to_do(self):
        """Submissions without a result of theirs as they are now."""
        waiting = []
        for one in self._found:
            path = self._file(one)
            result = None
            if path.exists():
                try:
                    result = json.loads(path.read_bytes())
                    self._results[one.student] = result
                except ValueError:
                    path.unlink()
            if one.found and (not result or result['fingerprint']
                              != self.fingerprint(one)):
                waiting.append(one)
        for one in self._found:
            self._write_page(one)
        self.write_marks()
        return waiting

    def done(self, one, result, keep=True):
        """Store the result of a student; return the row of marks."""
        result['fingerprint'] = self.fingerprint(one)
        self._results[one.student] = result
        if keep:
            write_whole(self._file(one), json.dumps(result).encode())
        self._write_page(one)
        self.write_marks()
        return self.row(one)

    def row(self, one):
        """What the table of marks says about a student."""
        assignment, points = self._assignment, {}
        result = self._results.get(one.student)
        remarks = list(one.remarks)
        if result is None and one.found:
            remarks.append('not graded yet')
        elif result and one.found:
            if result['fingerprint'] != self.fingerprint(one):
                remarks.append('changed, not graded again yet')
            remarks += result['remarks']
            for name, test in result['tests'].items():
                task = name.split('-')[0]
                points.setdefault(task, 0.)
                points[task] += (0 if test['problem']
                                 else assignment.points[name])
        self._open_points(one, points, remarks)
        if self._alike[one.student]:
            names = self._alike[one.student]
            more = f' and {len(names) - 3} more' if len(names) > 3 else ''
            remarks.append('nearly the same as ' + ', '.join(names[:3])
                           + more)
        total = [value for value in points.values() if value is not None]
        return {'student': one.student,
                **{task: points.get(task) for task in assignment.tasks},
                'total': sum(total) if total else None,
                'of': sum(assignment.tasks.values()),
                'remarks': '; '.join(remarks)}

    def _open_points(self, one, points, remarks):
        question = self._assignment.open
        given = self._given.get(one.student)
        answer = one.answers.get(question, '')
        if given and given.points is not None:
            points[question] = given.points
            if given.answer and not same_words(given.answer, answer):
                remarks.append('the answer has changed since it was read')
        elif answer:
            remarks.append('open question to be read')
        elif points:
            points[question] = 0.

    def rows(self):
        return [self.row(one) for one in self._found]

    def write_marks(self):
        write_whole(self.output / 'marks.csv', table(
            self.rows(), ['student', *self._assignment.tasks, 'total', 'of',
                          'remarks']))

    def _write_page(self, one):
        result = self._results.get(one.student)
        if one.found and result and result['tests']:
            page = feedback.page(
                one, self.row(one), result['tests'],
                self._given.get(one.student), self._assignment,
                bool(os.environ.get('SHOW_HIDDEN')))
            write_whole(self.output / 'feedback' / file_name(
                one.student, '.html'), page.encode())

    def _file(self, one):
        return self.output / 'results' / file_name(one.student, '.json')


def grade_one(one, assignment, start, seed):
    """Points and remarks of a student, from runs of the tests.

    Cells that the student added are run when the answers do not do without.
    """
    def total(tests):
        return sum(assignment.points[name] for name, test in tests.items()
                   if not test['problem'])
    tests, remarks = marks.run_tests(assignment, one.cells, start, seed,
                                     CELL_SECONDS)
    used = one.cells
    if one.own and total(tests) < sum(assignment.points.values()):
        again, other = marks.run_tests(assignment, one.own, start, seed,
                                       CELL_SECONDS)
        if total(again) > total(tests):
            tests, used = again, one.own
            remarks = ["graded with cells of the student's own", *other]
    lines = similar.forbidden_lines(used)
    if lines:
        remarks.append('to be looked at, may be forbidden: '
                       + ' | '.join(lines[:5]))
    return {'tests': tests, 'remarks': remarks}


def run(waiting, grades, assignment, kind):
    """Grade all that wait, as many at once as there are cores."""
    stop, running = threading.Event(), set()

    def start(number):
        if stop.is_set():
            raise sandbox.LostError('the grading was stopped')
        box = sandbox.Sandbox(kind, number)
        running.add(box)
        return box

    def work(number, one):
        return grade_one(one, assignment, lambda: start(number), grades.seed)
    cores = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(cores) as pool:
        futures = {pool.submit(work, number, one): one
                   for number, one in enumerate(waiting)}
        try:
            for number, future in enumerate(as_completed(futures), 1):
                one, keep = futures[future], True
                try:
                    result = future.result()
                except Exception as error:  # of one, and the others go on
                    keep = False
                    result = {'tests': {}, 'remarks': [
                        f'not graded: {type(error).__name__}: {error}']}
                row = grades.done(one, result, keep)
                print(f'{number} of {len(waiting)}, {one.student}: '
                      f'{row["total"] or 0:g} of {row["of"]} points',
                      *filter(None, [row['remarks']]), sep='; ', flush=True)
        except KeyboardInterrupt:
            stop.set()
            for future in futures:
                future.cancel()
            for box in list(running):
                box.close()
            raise


def grade(folder, output, allow_unprotected=False):
    """Grade all submissions of a folder that have changed.

    Parameters
    ----------
    folder, output : pathlib.Path
        The submissions, and where marks.csv, points-by-hand.csv and the
        folder feedback are.
    allow_unprotected : bool
        Whether to go on where no sandbox can be made.

    Returns
    -------
    list of dict
        The rows of marks.csv.
    """
    assignment = marks.Assignment()
    found = submissions.find(folder, assignment)
    if not found:
        raise CourseError(f'{folder} holds no submissions: folders with a '
                          'notebook in them, or notebooks.')
    given = prepare_by_hand(
        output, folder / 'points-by-hand.csv',
        {one.student: one.answers.get(assignment.open, '') for one in found},
        assignment.tasks[assignment.open])
    grades = Grades(output, found, assignment, given)
    waiting = grades.to_do()
    if len(waiting) < len(found):
        print(f'{len(found) - len(waiting)} of {len(found)} have been graded '
              'before, or cannot be.')
    if waiting:
        kind = sandbox.choose((SOURCE, folder, output), allow_unprotected)
        run(waiting, grades, assignment, kind)
    return grades.rows()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', type=Path)
    parser.add_argument('output', type=Path)
    args = parser.parse_args()
    if not args.folder.is_dir():
        sys.exit(f'{args.folder} is not a folder.')
    try:
        grade(args.folder, args.output, bool(os.environ.get('UNPROTECTED')))
    except CourseError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit('\nStopped. What has been graded is kept; call again to go '
                 'on.')
    print(f'\nThe marks:         {args.output / "marks.csv"}\n'
          f'Feedback:          {args.output / "feedback"}\n'
          'Open question:     read the answers, and write points and comments '
          f'beside them, in\n                   '
          f'{args.output / "points-by-hand.csv"}, and grade again')


if __name__ == '__main__':
    main()

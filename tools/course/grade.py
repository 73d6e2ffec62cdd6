"""Grade a folder of submissions: marks as CSV, feedback as HTML.

    python tools/course/grade.py SUBMISSIONS build/grades

SUBMISSIONS holds for each student a folder, a notebook or an archive, named
like the student. The open question is graded by hand, in a table beside the
marks. docs/teaching.md says more.
"""
import argparse
import collections
import hashlib
import json
import os
import secrets
import signal
import sys
import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import feedback
import marks
import sandbox
import similar
import submissions
from assignments import SOURCE, CourseError
from spreadsheets import Given, prepare_by_hand, same_words, table
from whole_files import write_whole

CELL_SECONDS = int(os.environ.get('CELL_SECONDS', 30))
# Marks that these files made hold as long as they are the same.
MAKERS = [SOURCE, Path(marks.__file__), Path(sandbox.__file__),
          sandbox.STUDENT_SIDE]


def digest(content):
    return hashlib.sha256(content).hexdigest()


def printable(text):
    """What students wrote without what a terminal would carry out."""
    return ''.join(letter if letter.isprintable() else '?' for letter in text)


class Grades:
    """The folder of results, which is whole at any moment."""

    def __init__(self, output, found, assignment, given):
        self._output, self._found, self._given = output, found, given
        self._assignment, self._results = assignment, {}
        self._alike = similar.alike(found, assignment.open)
        self._same = collections.Counter(one.student.casefold()
                                         for one in found)
        for name in 'results', 'feedback':
            (output / name).mkdir(exist_ok=True)
        seed = output / 'results' / '.seed'    # nobody is called so
        if not seed.exists():
            write_whole(seed, json.dumps(secrets.randbits(64)).encode())
        # The same numbers for all, which nobody knows before.
        self.seed = json.loads(seed.read_bytes())
        self._made_by = digest(b''.join(map(Path.read_bytes, MAKERS)))
        for one in found:
            try:
                result = json.loads(self._path(one, 'results').read_bytes())
                if set(result['tests']) == set(assignment.tests):
                    self._results[one.student] = result
            except (OSError, ValueError, KeyError, TypeError):
                continue    # there is none, or it is of no use any more
            self._write_page(one)
        self._write_marks()

    def waiting(self):
        """Submissions without a result of theirs as they are now."""
        return [one for one in self._found
                if one.found and not self._is_graded(one)]

    def keep(self, one, result):
        """Store the result of a student, unless the fault was ours."""
        result['fingerprint'] = self._fingerprint(one)
        self._results[one.student] = result
        # Before the file that says so: an interrupt may come in between.
        self._write_page(one)
        self._write_marks()
        if result['tests']:
            write_whole(self._path(one, 'results'),
                        json.dumps(result).encode())

    def row(self, one):
        """What the table of marks says about a student."""
        assignment, points = self._assignment, {}
        remarks, result = list(one.remarks), self._results.get(one.student)
        if one.found and not result:
            remarks.append('not graded yet')
        elif one.found:
            if not self._is_graded(one):
                remarks.append('changed, not graded again yet')
            remarks += result['remarks']
            for name, test in result['tests'].items():
                points.setdefault(marks.task_of(name), 0.)
                points[marks.task_of(name)] += (
                    0 if test['problem'] else assignment.points[name])
        self._add_points_by_hand(one, points, remarks)
        alike = self._alike[one.student]
        if alike:
            remarks.append(f'nearly the same as {submissions.listed(alike)}')
        return {'student': one.student,
                **{task: points.get(task) for task in assignment.tasks},
                'total': sum(points.values()) if points else None,
                'of': sum(assignment.tasks.values()),
                # No error's text is to pass for a remark of ours.
                'remarks': printable('; '.join(
                    remark.replace(';', ',') for remark in remarks))}

    def rows(self):
        return [self.row(one) for one in self._found]

    def _add_points_by_hand(self, one, points, remarks):
        question = self._assignment.open
        answer = one.answers.get(question, '')
        given = self._given.get(one.student, Given({}))
        others = [task for task in self._assignment.tasks
                  if task in given.points]
        points.update({task: given.points[task] for task in others})
        if others:
            remarks.append('points by hand: ' + ', '.join(others))
        if 'points' in given.points:
            points[question] = given.points['points']
            if not same_words(given.answer, answer):
                remarks.append('the answer has changed since it was read')
        elif answer:
            remarks.append('open question to be read')
        elif points:
            points[question] = 0.

    def _is_graded(self, one):
        result = self._results.get(one.student)
        return result and result['fingerprint'] == self._fingerprint(one)

    def _fingerprint(self, one):
        return digest(json.dumps([self._made_by, self.seed, CELL_SECONDS,
                                  one.cells, one.own]).encode())

    def _write_marks(self):
        write_whole(self._output / 'marks.csv', table(
            self.rows(), ['student', *self._assignment.tasks, 'total', 'of',
                          'remarks']))

    def _write_page(self, one):
        result = self._results[one.student]
        if one.found and result['tests']:
            page = feedback.page(
                one, self.row(one), result,
                self._given.get(one.student), self._assignment,
                bool(os.environ.get('SHOW_HIDDEN')))
            write_whole(self._path(one, 'feedback'), page.encode())

    def _path(self, one, kind):
        """A student's file; its name is taken once, and not too long."""
        name, ending = one.student, {'results': 'json', 'feedback': 'html'}
        if len(name.encode()) > 200 or self._same[name.casefold()] > 1:
            name = f'{name[:50]}-{digest(name.encode())[:16]}'
        return self._output / kind / f'{name}.{ending[kind]}'


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
    lines = similar.forbidden_lines(used, assignment.stubs.values())
    if lines:
        remarks.append('to be looked at, may be forbidden: '
                       + ' | '.join(lines[:5]))
    return {'tests': tests, 'remarks': remarks}


def ended(futures):
    """Futures, one by one when they end.

    A signal that comes right before a wait is seen after it: each is short.
    """
    while futures:
        done, futures = wait(futures, 1, FIRST_COMPLETED)
        yield from done


def run(waiting, grades, assignment, kind):
    """Grade all that wait, as many at once as there are cores."""
    stop = threading.Event()

    def work(number, one):
        try:
            result = not stop.is_set() and grade_one(
                one, assignment, lambda: sandbox.Sandbox(kind, number, stop),
                grades.seed)
        except Exception as error:  # of one, and the others go on
            result = {'tests': {}, 'remarks': [
                f'not graded: {type(error).__name__}: {error}']}
        # What was stopped on its way is no result.
        return None if stop.is_set() else result
    # No traceback at any moment: what is being written is written whole.
    before = signal.signal(signal.SIGINT, lambda *_: stop.set())
    cores = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(cores) as pool:
        try:
            futures = {pool.submit(work, *job): job[1]
                       for job in enumerate(waiting)}
            for number, future in enumerate(ended({*futures}), 1):
                one, result = futures[future], future.result()
                if result:
                    grades.keep(one, result)
                    row = grades.row(one)
                    print(printable(
                        f'{number} of {len(waiting)}, {one.student}: '
                        f'{row["total"] or 0:g} of {row["of"]} points; '
                        + row['remarks']).strip('; '), flush=True)
            if stop.is_set():
                raise KeyboardInterrupt
        finally:
            stop.set()
            signal.signal(signal.SIGINT, before)


def grade(folder, output, allow_unprotected=False):
    """Grade all submissions of a folder that have changed.

    Results go to the folder `output`. Where no sandbox can be made, it goes
    on if `allow_unprotected`. Returns the rows of marks.csv.
    """
    if folder.resolve() in (output.resolve(), *output.resolve().parents):
        raise CourseError(f'The results in {output} would be taken for '
                          'submissions: name another folder with GRADES=...')
    assignment = marks.Assignment()
    found = submissions.find(folder, assignment)
    if not found:
        raise CourseError(f'{folder} holds no submissions: folders with a '
                          'notebook in them, or notebooks.')
    given = prepare_by_hand(
        output, folder / 'points-by-hand.csv',
        {one.student: one.answers.get(assignment.open, '') for one in found},
        {'points': assignment.tasks[assignment.open],
         **{task: most for task, most in assignment.tasks.items()
            if task != assignment.open}})
    grades = Grades(output, found, assignment, given)
    waiting = grades.waiting()
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
    # Names in letters that this terminal may not have.
    sys.stdout.reconfigure(errors='backslashreplace')
    if not args.folder.is_dir():
        sys.exit(f'{args.folder} is not a folder.')
    try:
        grade(args.folder, args.output, bool(os.environ.get('UNPROTECTED')))
    except (CourseError, OSError) as error:
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

"""Marks of a student: the tests, which run here, and not where the code is.

The cells of tests in the teacher's copy call functions of a student that are
stand-ins: they send the arguments into the sandbox and get numbers back.
"""
import time
import types
import zlib
from itertools import product

import nbformat
import numpy
from assignments import SOURCE, for_students
from sandbox import LostError, at_most, pack, unpack
from submissions import readable


def task_of(name):
    """The task that a cell of tests, or of an answer, belongs to."""
    return name.split('-')[0]


class Assignment:
    """The teacher's copy: what is asked, the tests, and the right functions.

    Attributes
    ----------
    tasks, points : dict
        Points by task, in the order of the notebook, and by cell of tests.
    code, tests : dict
        Source of the cells of answers and of tests.
    stubs, ids : dict
        What students are handed out, by name of the cell; names by id.
    prose : set
        The text cells.
    open : str
        The task that is graded by hand.
    checks : str
        What students' code may call, as in the notebook.
    """

    def __init__(self):
        self.tasks, self.points, self.code, self.tests = {}, {}, {}, {}
        self.stubs, self.ids, self.prose = {}, {}, set()
        for cell, handed_out in zip(nbformat.read(SOURCE, 4).cells,
                                    for_students().cells):
            about = cell.metadata.get('nbgrader')
            if not about:
                self.prose.add(cell.source.strip())
                continue
            name = about.grade_id
            self.stubs[name], self.ids[cell.id] = handed_out.source, name
            if about.grade:
                self.tasks.setdefault(task_of(name), 0)
                self.tasks[task_of(name)] += about.points
            if about.grade and about.solution:
                self.open = name
            elif about.grade:
                self.points[name], self.tests[name] = about.points, cell.source
            elif about.solution:
                self.code[name] = cell.source
        # The second cell of the notebook, which uses a name of the first.
        self.checks = 'import warnings\n' + self.stubs['checks']
        self.common = {'numpy': numpy, 'np': numpy}
        exec(self.checks, self.common)
        right = dict(self.common)
        for code in self.code.values():
            exec(code, right)
        self.right = types.SimpleNamespace(
            **{name: right[name] for name in self.code})

    def about(self, name):
        """What a cell of tests tries, as its first comment says."""
        text = ' '.join(line.lstrip('# ')
                        for line in self.stubs[name].splitlines()
                        if line.startswith('#'))
        return text.replace('Hidden test: ', '').replace(
            'Write your code here.', '').strip(' .')


class FailedError(Exception):
    """A student's function raised an error; its text and traceback."""


class Session:
    """A student's code in a sandbox, and in a new one when that is lost.

    `cells` are names of tasks, or '', and sources; `start` makes a sandbox;
    `seconds` of computing are the limit for a cell.
    """

    def __init__(self, cells, start, seconds):
        self._cells, self._start, self.seconds = cells, start, seconds
        self._end = time.monotonic() + 10 * at_most(seconds)
        self._sandbox, self._errors, self.arrays = None, {}, 'mxnet'

    def ready(self):
        """Have a sandbox in which the cells have run, but for deadly ones."""
        while self._sandbox is None and time.monotonic() < self._end:
            self._sandbox = self._start()
            for number, (name, source) in enumerate(self._cells):
                if self._errors.get(number, '').startswith('stopped'):
                    continue
                try:
                    reply = self.request(self.seconds, what='cell',
                                         source=source, name=name)
                except LostError as error:
                    self._errors[number] = f'stopped, {error}'
                    self.close()
                    break
                if 'error' in reply:
                    self._errors[number] = ' '.join(
                        readable(reply['error'])[:200].split())
                if reply.get('arrays') in ('mxnet', 'numpy'):
                    self.arrays = reply['arrays']

    def call(self, name, arguments, seconds, arrays, helpers):
        """What a student's function returns; whether arguments changed."""
        reply = self.request(
            seconds, helpers, what='call', name=name, arrays=arrays,
            replaced=list(helpers), arguments=[
                pack(value) if isinstance(value, (numpy.ndarray, list))
                else float(value) if isinstance(value, float)
                else int(value) for value in arguments])
        if reply.get('late'):
            raise LostError('it takes too long')
        if 'error' in reply:
            raise FailedError(readable(reply['error'])[:300],
                              readable(reply.get('trace', ''))[:3000])
        value = reply.get('value')
        return None if value is None else unpack(value), reply.get('changed')

    def request(self, seconds, helpers=(), **request):
        left = self._end - time.monotonic()
        if left <= 0:
            raise LostError('the time for all tests is used up')
        return self._sandbox.request(min(seconds, left), helpers, **request)

    def close(self):
        if self._sandbox:
            self._sandbox.close()
            self._sandbox = None

    def remarks(self, results):
        """What a teacher should know about the run."""
        remarks = [f'{self._cells[number][0] or "own cell"}: {error}'
                   for number, error in [*self._errors.items()][:10]]
        stopped = {}
        for name, result in results.items():
            if result['lost']:
                stopped.setdefault(result['lost'], []).append(name)
        return remarks + [f'stopped, {reason}: {", ".join(names)}'
                          for reason, names in stopped.items()]


def run_test(assignment, name, session, arrays, helpers, seed):
    """Run a cell of tests; tell what went wrong, if anything did.

    `problem` is a sentence, `trace` is of the student's code, `calls` are the
    first and the last call of a function; `lost` says why another try makes
    no sense.
    """
    calls, changes = [], []
    result = {'problem': None, 'trace': '', 'lost': ''}

    def stand_in(function):
        def call(*arguments):
            calls.append((function, [numpy.asarray(value).tolist()
                                     for value in arguments]))
            value, changed = session.call(
                function, arguments, min(
                    session.seconds, end - time.monotonic()), arrays, helpers)
            if changed:
                changes.append(function)
            return value
        return call
    session.ready()
    end = time.monotonic() + at_most(session.seconds)
    try:
        exec(assignment.tests[name], {
            **assignment.common, **{function: stand_in(function)
                                    for function in assignment.code},
            'reference': assignment.right, 'changes': changes,
            'print': lambda *_: None,
            'draw': numpy.random.default_rng(
                [seed, zlib.crc32(name.encode())])})
    except AssertionError as error:
        result['problem'] = str(error)
    except FailedError as error:
        result['problem'], result['trace'] = error.args
    except LostError as error:
        session.close()
        result.update(problem=f'It was stopped: {error}.', lost=str(error))
    except Exception as error:  # a result that no test expects
        result['problem'] = f'What is returned is of no use: {error}'
    return {**result, 'calls': [calls[0], calls[-1]] if calls else []}


def run_tests(assignment, cells, start, seed, seconds):
    """All tests of a student, each with every kind of array if need be.

    Returns what `run_test` does by cell of tests, and remarks.
    """
    if not cells:
        blank = {'problem': 'The cell is as it was handed out.', 'trace': '',
                 'lost': '', 'calls': []}
        return dict.fromkeys(assignment.tests, blank), []
    session, results, lost = Session(
        [('', assignment.checks), *cells], start, seconds), {}, {}
    first = next(iter(assignment.code))
    right_first = {first: getattr(assignment.right, first)}
    try:
        session.ready()
        kinds = sorted(('mxnet', 'numpy'), key=session.arrays.__ne__)
        for name in assignment.tests:
            # Nobody pays for the first task again in another one: a function
            # that fails there is replaced, or else is if that helps.
            wrong = [test for test in results if task_of(test) == first
                     and results[test]['problem']]
            ways = [{}, right_first]
            if task_of(name) == first or not wrong:
                ways = [{}]
            elif f'{first}-tests' in wrong:
                ways = [right_first]
            for helpers, arrays in product(ways, kinds):
                # What was lost twice in a task would be lost again.
                before = lost.setdefault((task_of(name), *helpers), {})
                if name in before or len(before) > 1:
                    results.setdefault(name, next(iter(before.values())))
                    continue
                result = run_test(assignment, name, session, arrays, helpers,
                                  seed)
                if result['lost']:
                    before[name] = result
                if arrays == kinds[0] or not result['problem']:
                    results[name] = result
                if not result['problem']:
                    break
    finally:
        session.close()
    return results, session.remarks(results)

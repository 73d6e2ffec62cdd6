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
from assignments import SOURCE
from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions
from sandbox import START_SECONDS, LostError, pack, unpack
from submissions import readable
from traitlets.config.loader import PyFileConfigLoader


class Assignment:
    """The teacher's copy: what is asked, the tests, and the right functions.

    Attributes
    ----------
    tasks : dict
        Points by task, in the order of the notebook.
    stubs : dict
        What students are handed out, by name of the cell.
    ids : dict
        Names of the cells by their ids, for notebooks without metadata.
    prose : set
        The text cells.
    tests, code : dict
        Source of the cells of tests and of answers.
    """

    def __init__(self):
        raw = nbformat.read(SOURCE, 4)
        clean = nbformat.read(SOURCE, 4)
        config = PyFileConfigLoader('nbgrader_config.py', str(
            SOURCE.parents[2])).load_config()
        for kind in ClearSolutions, ClearHiddenTests:
            clean, _ = kind(config=config).preprocess(clean, {})
        self.tasks, self.stubs, self.ids = {}, {}, {}
        self.points, self.tests, self.source = {}, {}, {}
        self.code, self.open = {}, None
        self.prose = {cell.source.strip() for cell in raw.cells
                      if cell.cell_type == 'markdown'}
        for cell, handed_out in zip(raw.cells, clean.cells):
            about = cell.metadata.get('nbgrader')
            if not about:
                continue
            name = about['grade_id']
            self.stubs[name], self.ids[cell.id] = handed_out.source, name
            if about['solution'] and about['grade']:
                self.open, self.tasks[name] = name, about['points']
            elif about['solution']:
                self.code[name] = cell.source
            elif about['grade']:
                task = name.split('-')[0]
                self.source[name] = cell.source
                self.tests[name] = compile(cell.source, name, 'exec')
                self.points[name] = about['points']
                self.tasks[task] = self.tasks.get(task, 0) + about['points']
        self.common = {'numpy': numpy, 'np': numpy}
        checks = next(cell.source for cell in raw.cells
                      if cell.metadata.get('nbgrader', {}).get(
                          'grade_id') == 'checks')
        exec('import warnings\n' + checks, self.common)
        right = dict(self.common)
        for code in self.code.values():
            exec(code, right)
        self.right = types.SimpleNamespace(
            **{name: right[name] for name in self.code})

    def about(self, name):
        """What a cell of tests tries, as its first comment says."""
        lines = self.stubs[name].splitlines()
        text = ' '.join(line.lstrip('# ') for line in lines
                        if line.startswith('#'))
        return text.replace('Hidden test: ', '').replace(
            'Write your code here.', '').strip()

    def hidden(self, name):
        return not name.endswith('-tests')


def written(text, most):
    """Text that a student's process sent, such that it can be written."""
    return readable(str(text))[:most]


class FailedError(Exception):
    """A student's function raised an error; its text and traceback."""


class Session:
    """A student's code in a sandbox, and in a new one when that is lost.

    Parameters
    ----------
    cells : list of (str, str)
        Source of the cells, each with the name of its task, or ''.
    start : callable
        Makes a sandbox.
    seconds : float
        Limit for a cell; six of them, and what MXNet takes to load, are the
        limit for all.
    """

    def __init__(self, cells, start, seconds):
        self._cells, self._start, self.seconds = cells, start, seconds
        self._end = time.monotonic() + START_SECONDS + 6 * seconds
        self._sandbox, self._errors = None, {}
        self.arrays = 'mxnet'

    def ready(self):
        """Have a sandbox in which the cells have run, but for deadly ones."""
        while self._sandbox is None:
            self._sandbox = self._start()
            for number, (name, source) in enumerate(self._cells):
                if self._errors.get(number, '').startswith('stopped'):
                    continue
                try:
                    reply = self.request(self.seconds, what='cell',
                                         source=source, name=name)
                except LostError as error:
                    self._errors[number] = f'stopped, {error}'
                    break
                if 'error' in reply:
                    self._errors[number] = ' '.join(
                        written(reply['error'], 200).split())
                if reply.get('arrays') in ('mxnet', 'numpy'):
                    self.arrays = reply['arrays']

    def remarks(self, results):
        """What a teacher should know about the run."""
        remarks = [f'{self._cells[number][0] or "own cell"}: {error}'
                   for number, error in self._errors.items()]
        stopped = {}
        for name, result in results.items():
            if result['lost']:
                stopped.setdefault(result['problem'], []).append(name)
        return remarks + [f'{problem} {", ".join(names)}'
                          for problem, names in stopped.items()]

    def request(self, seconds, **request):
        left = self._end - time.monotonic()
        if left < 0:
            raise LostError('the time for all tests is used up')
        try:
            return self._sandbox.request(min(seconds, left), **request)
        except LostError:
            self.close()
            raise

    def close(self):
        if self._sandbox:
            self._sandbox.close()
            self._sandbox = None

    def function(self, name, arrays, helpers, end, calls):
        """A stand-in for a student's function."""
        def call(*arguments):
            calls.append((name, [numpy.asarray(value).tolist()
                                 for value in arguments]))
            reply = self.request(
                end - time.monotonic(), helpers=helpers, what='call',
                name=name, arrays=arrays, arguments=[
                    pack(value) if isinstance(value, (numpy.ndarray, list))
                    else float(value) if isinstance(value, float)
                    else int(value) for value in arguments])
            if reply.get('late'):
                raise LostError('it takes too long')
            if 'error' in reply:
                raise FailedError(written(reply['error'], 300),
                                  written(reply.get('trace'), 3000))
            for number, value in dict(reply.get('changed') or {}).items():
                # What was changed there is changed here, for tests of it.
                arguments[int(number)][...] = unpack(value)
            value = reply.get('value')
            return None if value is None else unpack(value)
        return call


def run_test(assignment, name, session, arrays, helpers, seed):
    """Run a cell of tests; tell what went wrong, if anything did.

    Returns
    -------
    dict
        `problem` is a sentence, `trace` is of the student's code, `calls`
        are the first and the last call of a function; `lost` says that
        another try makes no sense.
    """
    calls, result = [], {'problem': None, 'trace': '', 'lost': False}
    try:
        session.ready()
        end = time.monotonic() + session.seconds
        if helpers:
            for helper in helpers:
                session.request(5, what='stand_in', name=helper)
        names = {function: session.function(function, arrays, helpers, end,
                                            calls)
                 for function in assignment.code}
        exec(assignment.tests[name], {
            **assignment.common, **names, 'reference': assignment.right,
            'print': lambda *_: None,
            'draw': numpy.random.default_rng(
                [seed, zlib.crc32(name.encode())])})
    except AssertionError as error:
        result['problem'] = str(error)
    except FailedError as error:
        result['problem'], result['trace'] = error.args
    except LostError as error:
        result.update(problem=f'stopped, {error}:', lost=True)
    except Exception as error:  # a result that no test expects
        result['problem'] = f'What is returned is of no use: {error}'
    return {**result, 'calls': [calls[0], calls[-1]] if calls else []}


def run_tests(assignment, cells, start, seed, cell_seconds):
    """All tests of a student, each with every kind of array if need be.

    Returns
    -------
    dict
        By cell of tests: as `run_test`.
    list of str
        Remarks.
    """
    if not cells:
        blank = {'problem': 'The cell is as it was handed out.', 'trace': '',
                 'lost': False, 'calls': []}
        return dict.fromkeys(assignment.tests, blank), []
    session, results = Session(cells, start, cell_seconds), {}
    first = next(iter(assignment.code))
    try:
        session.ready()
        kinds = sorted(('mxnet', 'numpy'), key=session.arrays.__ne__)
        for own, arrays, name in product((True, False), kinds,
                                         assignment.tests):
            # Nobody pays for the first task again in another one: a function
            # that fails there is replaced, and others if that helps.
            of_first = name.startswith(f'{first}-')
            if of_first != own and (
                    of_first or results[f'{first}-tests']['problem']):
                continue
            before = results.get(name)
            if before and (not before['problem'] or before['lost'] == [own]):
                continue
            lost = [test for other, test in results.items()
                    if test['lost'] == [own]
                    and other.split('-')[0] == name.split('-')[0]]
            result = lost[0] if len(lost) > 1 else run_test(
                assignment, name, session, arrays,
                {} if own else {first: getattr(assignment.right, first)},
                seed)
            result['lost'] = result['lost'] and [own]
            if arrays == kinds[0] or not result['problem']:
                results[name] = result
    finally:
        session.close()
    return results, session.remarks(results)

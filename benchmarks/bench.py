"""Measure the cost of a training step, and what surrounds the backbone.

    python benchmarks/bench.py run      measure, write build/bench.json
    python benchmarks/bench.py run --only rows    the rest of it is kept
    python benchmarks/bench.py check    fail if it misses a goal

Workloads that are compared take turns, on an otherwise idle machine. Figures
are medians; a ratio is one of medians.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from importlib import metadata
from typing import NamedTuple, Optional

import chapter
import data_sets
import growth
from tqdm import tqdm
from worker import HERE, OURS, ROOT, Worker, python_seconds

from d2l_ext.runtime.system import processor

BUILD = ROOT / 'build'
RESULT, GLUONCV = BUILD / 'bench.json', BUILD / 'gluoncv'
DETECTOR = ROOT / 'tools' / 'detectors' / 'photographs'
PICTURES, PHOTOGRAPHS = 1300, 64
# Measurements of a peak of memory: they vary by a batch.
PEAKS = 5
# MXNet does not work with a newer NumPy.
REQUIREMENTS = ('gluoncv==0.10.5', 'mxnet==1.9.1', 'numpy==1.23.5')


class Row(NamedTuple):
    """Two workloads, and the goal for the ratio of their times.

    `ours` and `other` are pairs of workload and worker. With `at_least`, the
    goal is a lower bound of other / ours, otherwise an upper bound of
    ours / other; None means no goal. A short workload is run `repetitions`
    times; where a goal is close, the two take several `turns` in each round.
    """
    title: str
    ours: tuple
    other: tuple
    goal: Optional[float]
    at_least: bool = False
    repetitions: int = 1
    turns: int = 1


ROWS = [
    Row('RPN training step, against the backbone alone',
        ('RPN step', 'ours'), ('backbone', 'ours'), 1.08, turns=3),
    Row('Faster R-CNN training step, against the backbone alone',
        ('Faster R-CNN step', 'ours'), ('backbone', 'ours'), 1.2, turns=3),
    Row('label_anchors, 32 images x 320 anchors x 4 objects, against loops',
        ('labels', 'ours'), ('plain labels', 'ours'), 30, True, 3),
    Row('the same, against loops over lists of floats',
        ('labels', 'ours'), ('list labels', 'ours'), None, True, 10),
    Row('predict_rpn, 32 images, against loops over lists of floats',
        ('proposals', 'ours'), ('plain proposals', 'ours'), 10, True, 3),
    Row("a step of each stage, against loops, imperative, MXNet's threads",
        ('both steps', 'ours'), ('both steps', 'plain'), 2.3, True),
    Row('inference with detections, against it in training form',
        ('inference', 'ours'), ('inference in training form', 'ours'), None,
        True, 2, 3),
    Row('the same where the processor has bfloat16',
        ('inference in bfloat16', 'ours'),
        ('inference in training form', 'ours'), 1.3, True, 2, 3),
    Row("the same, against the backbone's part of it alone",
        ('inference in bfloat16', 'ours'), ('forward', 'ours'), None, True,
        2, 3),
    Row('import d2l_ext, against import mxnet and d2l',
        ('d2l_ext', 'import'), ('d2l', 'import'), 1.1, turns=5),
    Row('targets of 32 images, against GluonCV',
        ('labels', 'ours'), ('labels', 'theirs'), 1, True, 10),
    Row('proposals of 32 images, against GluonCV',
        ('proposals', 'ours'), ('proposals', 'theirs'), 1, True, 10, 3),
    Row('training step of the best recipe, against GluonCV',
        ('training step', 'ours'), ('training step', 'theirs'), 1, True, 3,
        3),
]


def make_gluoncv():
    """Make an environment for GluonCV, once; returns its Python."""
    python = GLUONCV / 'bin' / 'python'
    if not (GLUONCV / 'ready').exists():
        subprocess.run([sys.executable, '-m', 'venv', '--clear', GLUONCV],
                       check=True)
        subprocess.run([python, '-m', 'pip', 'install', '--quiet',
                        '--disable-pip-version-check', *REQUIREMENTS],
                       check=True)
        (GLUONCV / 'ready').touch()
    return python


def import_seconds(module, repetitions):
    """Seconds that a fresh interpreter takes to import a module."""
    code = {'d2l_ext': 'import d2l_ext',
            'd2l': 'import mxnet; import d2l.mxnet'}[module]
    return {'seconds': statistics.mean(
        python_seconds('-c', code) for _ in range(repetitions))}


def measure_rows(repetitions):
    """Seconds of both workloads of each row."""
    threads = num_threads()
    # MXNet's default: half of the cores.
    plain_threads = str(max(1, threads // 2))
    settings = json.dumps({'side': 256, 'batch_size': 8})
    workers = {
        'ours': Worker(OURS),
        'plain': Worker([*OURS, 'plain'],
                        OMP_NUM_THREADS=plain_threads),
        'theirs': Worker([make_gluoncv(), HERE / 'theirs.py', settings],
                         OMP_NUM_THREADS=str(threads)),
        'import': import_seconds}
    seconds = {row.title: ([], []) for row in ROWS}
    turns = [row for row in ROWS for _ in range(row.turns)]
    for _ in tqdm(range(repetitions), 'rows'):
        for row in turns:
            for (workload, worker), taken in zip((row.ours, row.other),
                                                 seconds[row.title]):
                taken.append(workers[worker](
                    workload, row.repetitions)['seconds'])
    for name in ('ours', 'plain', 'theirs'):
        workers[name].close()
    return seconds


def measure_wait(repetitions):
    """Shares of a training step that it waits for data."""
    ours = Worker(OURS)
    shares = [ours('data')['share'] for _ in range(repetitions)]
    ours.close()
    return shares


def measure_detection(repetitions):
    """Seconds for some photographs: to read and detect, and as a command."""
    with tempfile.TemporaryDirectory() as folder:
        data_sets.make_photographs(folder, PHOTOGRAPHS)
        ours = Worker(OURS)
        alone = [ours('photographs', folder=folder,
                      detector=str(DETECTOR))['seconds']
                 for _ in range(repetitions)]
        ours.close()
        command = [python_seconds(
            ROOT / 'tools' / 'detect.py', folder, '--detector', DETECTOR,
            '--output', f'{folder}/found') for _ in range(repetitions)]
    return {'alone': alone, 'make detect': command}


def measure_memory(_):
    """Peaks of memory, in bytes."""
    def peak(*what):
        return growth.reading(*what)['peak']

    return {
        'bare': peak('bare'), 'decoded': peak('decoded', PICTURES),
        # The same number of batches from each: the peak, several batches
        # made at the same time, gets likelier with it.
        'loader': {n: statistics.median(
            peak('loader', n, 10 * PICTURES // n) for _ in range(PEAKS))
            for n in (PICTURES, 10 * PICTURES)}}


def measure_curves(repetitions):
    return {curve.title: growth.measure_curve(curve, repetitions)
            for curve in tqdm(growth.CURVES, 'curves')}


PARTS = {'rows': measure_rows, 'wait': measure_wait,
         'chapter': chapter.measure, 'detection': measure_detection,
         'memory': measure_memory, 'curves': measure_curves,
         'data sets': lambda _: growth.measure_data_sets()}


def num_threads():
    return len(os.sched_getaffinity(0))


def machine():
    versions = {name: metadata.version(name) for name in (
        'mxnet', 'numpy', 'd2l')}
    return {'processor': processor(), 'threads': num_threads(),
            'system': platform.platform(terse=True),
            'Python': platform.python_version(), **versions,
            'against': REQUIREMENTS[0]}


def ratio(row, seconds):
    ours, other = map(statistics.median, seconds)
    return other / ours if row.at_least else ours / other


def quartiles(values):
    return statistics.quantiles(values, n=4)[::2]


def verdicts(result):
    """Title, ratio, goal and whether it is met, row by row."""
    for row in ROWS:
        value = ratio(row, result['rows'][row.title])
        if row.goal is None:
            yield row.title, f'{value:.2f}', '', True
            continue
        met = value >= row.goal if row.at_least else value <= row.goal
        sign = '≥' if row.at_least else '≤'
        yield row.title, f'{value:.2f}', f'{sign} {row.goal:g}', met
    yield from other_verdicts(result)


def other_verdicts(result):
    """The same of what is not compared in turns."""
    _, seconds, floor = zip(*chapter.shares(result['chapter']))
    value = sum(seconds) / sum(floor)
    yield ("the chapter from first to last cell, against its backbone's "
           'passes alone', f'{value:.2f}', '≤ 1.25', value <= 1.25)
    rate, with_copies = (PHOTOGRAPHS / statistics.median(taken)
                         for taken in result['detection'].values())
    yield ('photographs a second: decoded, and their objects found',
           f'{rate:.1f}', '≥ 20', rate >= 20)
    yield ('the same by `make detect`, with its start and annotated copies',
           f'{with_copies:.1f}', '', True)
    wait = statistics.median(result['wait'])
    yield ('waiting for data, share of a training step', f'{wait:.2%}',
           '≤ 2 %', wait <= .02)
    memory = result['memory']
    loader = [memory['loader'][str(n)] - memory['bare']
              for n in (PICTURES, 10 * PICTURES)]
    share = loader[0] / (memory['decoded'] - memory['bare'])
    yield (f'memory for {PICTURES:,} pictures, share of decoded ones',
           f'{share:.2f}', '≤ 0.2', share <= .2)
    more = loader[1] / loader[0]
    yield ('memory for ten times as many pictures', f'{more:.2f}',
           '≤ 1.1', more <= 1.1)


def run(parts, repetitions):
    """Measure some parts; the others are kept."""
    BUILD.mkdir(exist_ok=True)
    found = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for part in parts:
        print(f'Measuring: {part}')
        found[part] = PARTS[part](repetitions)
        # After each part: an interrupted run keeps what it has measured.
        RESULT.write_text(json.dumps({**found, 'machine': machine()},
                                     indent=1))


def measured():
    """The content of build/bench.json, which has to be complete."""
    result = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    missing = [part for part in PARTS if part not in result]
    if missing:
        sys.exit(f'{RESULT} has nothing of: {", ".join(missing)}. Run '
                 '`bench.py run`, if need be with `--only`.')
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('what', choices=('run', 'check'))
    parser.add_argument('--repetitions', type=int, default=3)
    parser.add_argument('--only', nargs='+', choices=PARTS, default=PARTS,
                        help='the other parts of the last run are kept')
    args = parser.parse_args()
    if args.what == 'run':
        run(args.only, args.repetitions)
    missed = 0
    for title, value, goal, met in verdicts(measured()):
        print(f'{title:71} {value:>7} {goal:>7} {"" if met else " missed"}')
        missed += not met
    if args.what == 'check' and missed:
        sys.exit(f'{missed} goals are missed.')


if __name__ == '__main__':
    main()

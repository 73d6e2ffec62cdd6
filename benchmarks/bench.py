"""Measure the cost of a training step, and what surrounds the backbone.

    python benchmarks/bench.py run      measure, write build/bench.json
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
import time
from importlib import metadata
from pathlib import Path
from typing import NamedTuple, Optional

from tqdm import tqdm
from worker import Worker

from d2l_ext.runtime.system import processor

ROOT = Path(__file__).parent.parent
HERE, BUILD = ROOT / 'benchmarks', ROOT / 'build'
RESULT, GLUONCV = BUILD / 'bench.json', BUILD / 'gluoncv'
OURS = sys.executable, HERE / 'ours.py'
PICTURES = 1300
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

STEPS = ('backbone', 'RPN step', 'Faster R-CNN step')


class Curve(NamedTuple):
    """How the time of a step grows with one quantity.

    `argument` turns a value into the workloads' `option`.
    """
    title: str
    option: str
    values: tuple
    fixed: dict
    argument: callable = lambda value: value


CURVES = [
    Curve('images in a batch', 'batch_size', (4, 8, 16, 32, 64), {}),
    # 64 cells; three ratios for the first size, one for each other size.
    Curve('anchors of an image', 'sizes', (192, 320, 640, 1280, 2560),
          {'batch_size': 8},
          lambda n: [.2 + .6 * i / 40 for i in range(n // 64 - 2)]),
    Curve('objects of an image', 'num_objects', (1, 4, 16, 64),
          {'batch_size': 8}),
    Curve('side of an image', 'side', (128, 192, 256, 384, 512),
          {'batch_size': 8}),
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
    start = time.perf_counter()
    for _ in range(repetitions):
        subprocess.run([sys.executable, '-c', code], check=True)
    return {'seconds': (time.perf_counter() - start) / repetitions}


def peak_memory(*what):
    command = [sys.executable, HERE / 'memory.py', *map(str, what)]
    return int(subprocess.run(command, check=True, capture_output=True,
                              text=True).stdout)


def measure(repetitions, curves=None):
    """The content of build/bench.json; curves that are given are kept."""
    threads = len(os.sched_getaffinity(0))
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
    shares = []
    turns = [row for row in ROWS for _ in range(row.turns)]
    for _ in tqdm(range(repetitions), 'rows'):
        for row in turns:
            for (workload, worker), taken in zip((row.ours, row.other),
                                                 seconds[row.title]):
                taken.append(workers[worker](
                    workload, row.repetitions)['seconds'])
        shares.append(workers['ours']('data')['share'])
    for name in ('ours', 'plain', 'theirs'):
        workers[name].close()
    curves = curves or {curve.title: measure_curve(curve, repetitions)
                        for curve in tqdm(CURVES, 'curves')}
    return {'machine': machine(threads), 'rows': seconds,
            'data wait': shares, 'curves': curves, 'memory': {
                'bare': peak_memory('bare'),
                'decoded': peak_memory('decoded', PICTURES),
                # The same number of batches from each: the peak, several
                # batches made at the same time, gets likelier with it.
                'loader': {n: statistics.median(
                    peak_memory('loader', n, 10 * PICTURES // n)
                    for _ in range(PEAKS))
                    for n in (PICTURES, 10 * PICTURES)}}}


def measure_curve(curve, repetitions):
    """Seconds by workload and value."""
    taken = {name: {} for name in STEPS}
    for value in curve.values:
        # One process each: together they would fill the memory.
        ours = Worker(OURS)
        options = {**curve.fixed, curve.option: curve.argument(value)}
        shape = {key: options[key] for key in ('batch_size', 'side')
                 if key in options}
        for _ in range(repetitions):
            for name in STEPS:
                answer = ours(name, 1, **(
                    shape if name == 'backbone' else options))
                taken[name].setdefault(str(value), []).append(
                    answer['seconds'])
        ours.close()
    return taken


def machine(threads):
    versions = {name: metadata.version(name) for name in (
        'mxnet', 'numpy', 'd2l')}
    return {'processor': processor(), 'threads': threads,
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
    wait = statistics.median(result['data wait'])
    yield ('waiting for data, share of a training step', f'{wait:.2%}',
           '≤ 2 %', wait <= .02)
    memory = result['memory']
    loader = [memory['loader'][str(n)] - memory['bare']
              for n in (PICTURES, 10 * PICTURES)]
    share = loader[0] / (memory['decoded'] - memory['bare'])
    yield (f'memory for {PICTURES:,} pictures, share of decoded ones',
           f'{share:.2f}', '≤ 0.2', share <= .2)
    growth = loader[1] / loader[0]
    yield ('memory for ten times as many pictures', f'{growth:.2f}',
           '≤ 1.1', growth <= 1.1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('what', choices=('run', 'check'))
    parser.add_argument('--repetitions', type=int, default=3)
    parser.add_argument('--keep-curves', action='store_true',
                        help='those of the last run: half of the time')
    args = parser.parse_args()
    if args.what == 'run':
        BUILD.mkdir(exist_ok=True)
        if args.keep_curves and not RESULT.exists():
            parser.error(f'{RESULT} does not exist: run without '
                         '--keep-curves first.')
        curves = (json.loads(RESULT.read_text())['curves']
                  if args.keep_curves else None)
        RESULT.write_text(json.dumps(measure(args.repetitions, curves),
                                     indent=1))
    result = json.loads(RESULT.read_text())
    missed = 0
    for title, value, goal, met in verdicts(result):
        print(f'{title:68} {value:>7} {goal:>7} {"" if met else " missed"}')
        missed += not met
    if args.what == 'check' and missed:
        sys.exit(f'{missed} goals are missed.')


if __name__ == '__main__':
    main()

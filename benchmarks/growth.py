"""How seconds and memory grow with one quantity."""
import json
import os
import subprocess
import sys
import tempfile
from typing import NamedTuple

import data_sets
from worker import HERE, OURS, ROOT, Worker, python_seconds

STEPS = ('backbone', 'RPN step', 'Faster R-CNN step')
# Pictures of a data set, and, of fewer, pictures in each format.
PICTURES, OF_EACH_FORMAT = (100, 1000, 10_000, 100_000), (100, 1000, 10_000)
CLASSES = (1, 5, 20, 80, 200)
# To read with each number of classes.
OF_CLASSES = 1000


class Curve(NamedTuple):
    """How the time of some workloads grows with one quantity.

    `argument` turns a value into the workloads' `option`.
    """
    title: str
    option: str
    values: tuple
    fixed: dict
    argument: callable = lambda value: value
    workloads: tuple = STEPS


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
    Curve('classes', 'num_classes', CLASSES, {'batch_size': 8},
          workloads=('Faster R-CNN step', 'inference', 'evaluation')),
]


def measure_curve(curve, repetitions):
    """Seconds by workload and value."""
    taken = {name: {} for name in curve.workloads}
    for value in curve.values:
        # One process each: together they would fill the memory.
        ours = Worker(OURS)
        options = {**curve.fixed, curve.option: curve.argument(value)}
        shape = {key: options[key] for key in ('batch_size', 'side')
                 if key in options}
        for _ in range(repetitions):
            for name in curve.workloads:
                answer = ours(name, 1, **(
                    shape if name == 'backbone' else options))
                taken[name].setdefault(str(value), []).append(
                    answer['seconds'])
        ours.close()
    return taken


def reading(*what, **environment):
    """Seconds and peak of memory of a process that reads a data set."""
    return json.loads(subprocess.run(
        [sys.executable, HERE / 'reading.py', *map(str, what)], check=True,
        capture_output=True, text=True,
        env={**os.environ, **environment}).stdout)


def measure_data_set(num_pictures, num_classes=2,
                     kind="Pascal VOC's lists", check=True):
    """What it takes to read a data set until training could begin."""
    num_val = num_pictures // 5
    with tempfile.TemporaryDirectory() as folder:
        data_sets.make(folder, kind, {'train': num_pictures - num_val,
                                      'val': num_val}, num_classes)
        row = reading('start', D2L_VOC_DIR=folder)
        return {**row, 'checking': python_seconds(
            ROOT / 'tools' / 'check_data.py', folder) if check else None}


def measure_data_sets():
    """Curves of start-up and of checking, and peaks of memory."""
    pictures = {n: measure_data_set(n) for n in PICTURES}
    classes = {n: measure_data_set(OF_CLASSES, n) for n in CLASSES}
    formats = {kind: {n: [measure_data_set(n, kind=kind, check=False)[
        'seconds']] for n in OF_EACH_FORMAT} for kind in data_sets.FORMATS}
    return {'peaks': {n: row['peak'] for n, row in pictures.items()},
            'curves': {'pictures of a data set': start_and_check(pictures),
                       'pictures of each format': formats,
                       'classes of a data set': start_and_check(classes)}}


def start_and_check(rows):
    return {name: {n: [row[key]] for n, row in rows.items()}
            for name, key in (('start', 'seconds'),
                              ('make check-data', 'checking'))}

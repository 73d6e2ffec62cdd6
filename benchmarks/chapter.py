"""The chapter, against the passes through its backbone alone."""
import json
import re
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

from worker import OURS, ROOT, Worker

from d2l_ext.data.batches import load_datasets

NOTEBOOK = ROOT / 'notebooks' / 'faster-rcnn.ipynb'
BATCH_SIZE, EPOCHS, SIDE = 32, 3, 256


class Part(NamedTuple):
    """A cell, known by a piece of its code, and its passes.

    `steps` are forward and backward passes of a batch in training, `forwards`
    forward passes in evaluation form; an incomplete batch is part of one.
    """
    title: str
    code: str
    steps: float
    forwards: float


def parts(num_train, num_val):
    """The cells of the chapter that call its backbone."""
    steps = EPOCHS * (num_train // BATCH_SIZE)
    forwards = EPOCHS * (num_val // BATCH_SIZE)
    once = num_val / BATCH_SIZE
    return [
        Part('training the first stage', 'rpn_history = d2l.', steps,
             forwards),
        Part('training the second stage', 'rcnn_history = d2l.', steps,
             forwards),
        Part('proposals of one batch', 'd2l.visualize_rpn_preds(', 0, 1),
        Part('proposals of all pictures', 'truths += ', 0, once),
        Part('detections, and their evaluation', 'detections += ', 0, once),
        # Four times 8 pictures.
        Part('what each part costs', 'milliseconds(backbone', 0, 1)]


def run_notebook():
    """Seconds of each cell by its number, and of the whole run.

    The cells as `make run` runs them, in the same folder; number 0 is all
    that comes before the first cell.
    """
    command = [sys.executable, ROOT / 'tools' / 'run_notebook.py', NOTEBOOK,
               ROOT / 'build' / 'bench.ipynb']
    begun, number, seconds = time.perf_counter(), 0, {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True
                          ) as process:
        for line in process.stdout:
            found = re.match(r'\[.*\] cell (\d+) of', line)
            if found:
                now = time.perf_counter()
                seconds[number] = now - begun
                begun, number = now, int(found[1])
    seconds[number] = time.perf_counter() - begun
    if process.returncode:
        sys.exit(f'{NOTEBOOK}: failed.')
    return seconds


def measure_passes(repetitions):
    """Seconds of each of some passes of a batch of the chapter's."""
    worker = Worker(OURS)
    shape = {'batch_size': BATCH_SIZE, 'side': SIDE}
    taken = {'step': [], 'forward': []}
    for _ in range(repetitions):
        for name, workload in (('step', 'backbone'),
                               ('forward', 'forward in evaluation form')):
            taken[name].append(worker(workload, **shape)['seconds'])
    worker.close()
    return taken


def cell_number(part):
    """The number of a part's cell, counted from 1."""
    cells = json.loads(NOTEBOOK.read_text('utf-8'))['cells']
    number, = (number for number, cell in enumerate(cells, 1)
               if cell['cell_type'] == 'code'
               and part.code in ''.join(cell['source']))
    return number


def measure(repetitions):
    """Seconds of each part with its passes, of all else, and of a pass."""
    before = measure_passes(repetitions)
    cells = run_notebook()
    after = measure_passes(repetitions)
    rows = [[part.title, cells.pop(cell_number(part)), part.steps,
             part.forwards]
            for part in parts(*map(len, load_datasets(SIDE, SIDE,
                                                      quiet=True)))]
    rows += [['start of the kernel', cells.pop(0), 0, 0],
             [f'the other {len(cells)} cells', sum(cells.values()), 0, 0]]
    return {'rows': rows, 'passes': {
        name: before[name] + after[name] for name in before}}


def shares(result):
    """Title, seconds, and seconds of the backbone's passes, row by row."""
    step, forward = map(statistics.median, result['passes'].values())
    for title, seconds, steps, forwards in result['rows']:
        yield title, seconds, steps * step + forwards * forward

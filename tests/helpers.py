"""Inputs and helpers that several tests share."""
import json
import subprocess
import sys
from pathlib import Path

import numpy
from mxnet import np

from d2l_ext.drawn.dataset import make_drawn_set

ROOT = Path(__file__).parent.parent


def random_boxes(rng, n, shape=()):
    """Corner boxes in the unit square, (4, *shape, n), with some area."""
    corners = rng.uniform(0, 1, (2, 2, *shape, n))
    low, high = corners.min(axis=0), corners.max(axis=0)
    return np.array(numpy.concatenate([low, numpy.maximum(high, low + .01)]),
                    dtype='float32')


def random_truth(rng, batch_size, num_rows, num_classes=2):
    """Ground truth (B, m, 5), each image with a random number of objects."""
    boxes = random_boxes(rng, num_rows, (batch_size,)).asnumpy()
    truth = numpy.full((batch_size, num_rows, 5), -1., 'float32')
    for rows, image in zip(truth, boxes.transpose(1, 2, 0)):
        count = rng.integers(0, num_rows + 1)
        rows[:count, 0] = rng.integers(0, num_classes, count)
        rows[:count, 1:] = image[:count]
    return np.array(truth)


def small_set(folder, num_train=8, num_val=4):
    """A drawn devkit with a few pictures."""
    return make_drawn_set(folder, num_train, num_val)


def run_tool(name, *arguments, **options):
    """Status, output and complaints of a tool that is called in the shell."""
    done = subprocess.run([sys.executable, ROOT / 'tools' / name, *arguments],
                          capture_output=True, text=True, check=False,
                          **options)
    return done.returncode, done.stdout, done.stderr


def read_notebook(name):
    """A notebook of the project, as the dictionary in its JSON."""
    return json.loads((ROOT / 'notebooks' / name).read_text('utf-8'))


def code_cells(notebook):
    return [c for c in notebook['cells'] if c['cell_type'] == 'code']


def markdown_cells(notebook):
    return [c for c in notebook['cells'] if c['cell_type'] == 'markdown']


def text(cell):
    """Source of a cell."""
    return ''.join(cell['source'])


def tags(cell):
    return cell['metadata'].get('tags', [])


def settle(page):
    """Wait until a page has answered to a new size of the window."""
    frames = ('new Promise(done => requestAnimationFrame('
              '() => requestAnimationFrame(done)))')
    page.evaluate(frames)
    # Whatever slides in or out has done so.
    page.evaluate('document.getAnimations().forEach(part => part.finish())')
    # What watches the sizes of others hears of that in the next frame.
    page.evaluate(frames)

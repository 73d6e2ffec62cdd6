"""Print what reading a data set takes: seconds, and the peak of memory.

    python benchmarks/reading.py bare             only the imports
    python benchmarks/reading.py start            without decoding pictures
    python benchmarks/reading.py loader 1300 10   ten epochs, decoded as needed
    python benchmarks/reading.py decoded 1300     all pictures as float32

`start` reads the data set that D2L_VOC_DIR names.
"""
import json
import sys
import tempfile
import time
from pathlib import Path

import d2l_ext as d2l  # isort: skip
import data_sets
from mxnet import np, npx

from d2l_ext.data.batches import load_datasets

SIDE = 256


def read(what, *numbers):
    if what == 'start':
        load_datasets(SIDE, SIDE, quiet=True)
    elif what != 'bare':
        num_pictures, *epochs = map(int, numbers)
        with tempfile.TemporaryDirectory() as folder:
            data_sets.make(folder, "Pascal VOC's lists",
                           {'train': num_pictures})
            dataset = d2l.VOCDetection(Path(folder), 'train', SIDE, SIDE)
            loader = d2l.load_batches(dataset, 32, train=True)
            if what == 'decoded':
                kept = [X for X, _ in loader]
                np.concatenate(kept[:1]).wait_to_read()
            else:
                for _ in range(epochs[0]):
                    for X, _ in loader:
                        X.wait_to_read()


def peak():
    """In bytes; of this process alone, not of the one that started it."""
    lines = Path('/proc/self/status').read_text().splitlines()
    line, = (line for line in lines if line.startswith('VmHWM'))
    return int(line.split()[1]) * 1024


if __name__ == '__main__':
    npx.set_np()
    start = time.perf_counter()
    read(*sys.argv[1:])
    print(json.dumps({'seconds': time.perf_counter() - start,
                      'peak': peak()}))

"""What the workers of a training run in tests; prints its results as JSON.

    python tests/distributed/train_worker.py RESULT [--option value ...]

Like `test_replicas`, a small model on random pictures, of which each worker
has its share.
"""
import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import d2l_ext as d2l  # isort: skip
import numpy

sys.path.append(str(Path(__file__).parents[1]))   # for `helpers`
import test_replicas
from mxnet import np, npx


class Shares:
    """A worker's part of each batch; `at` batch, `event` happens to it."""

    def __init__(self, batches, rank, num_workers, classes, event, at):
        self.dataset = SimpleNamespace(classes=classes)
        self._batches, self._part = batches, slice(rank, None, num_workers)
        self._event, self._at, self._given = event, at, 0

    def __len__(self):
        return len(self._batches)

    def __iter__(self):
        for X, Y in self._batches:
            self._given += 1
            if self._given == self._at:
                happen(self._event)
            yield X[self._part], Y[self._part]


def happen(event):
    if event in ('KILL', 'STOP', 'INT'):
        os.kill(os.getpid(), getattr(signal, f'SIG{event}'))
    if event == 'error':
        raise ValueError('a file that only this worker could not read')
    if event == 'wait':
        print('waiting', flush=True)
        time.sleep(600)


def parameters(values):
    """Parameters on the first device, for numpy.savez."""
    return [value[0] for value in values]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('result', type=Path)
    parser.add_argument('--stage', default='rpn')
    parser.add_argument('--epochs', type=int, default=1)
    parser.add_argument('--checkpoint')
    parser.add_argument('--event', default='')
    parser.add_argument('--at', type=int, default=0)
    parser.add_argument('--rank', type=int, help='whom the event happens to')
    parser.add_argument('--draw', action='store_true')
    parser.add_argument('--kvstore', default='dist_sync')
    args = parser.parse_args()
    npx.set_np()
    rank, num_workers = d2l.worker_of(args.kvstore)
    if not args.draw:
        # Workers draw other background than one process would: use all.
        d2l.anchors.sample = lambda candidate, quota: candidate
    mine = args.event if args.rank in (None, rank) else ''
    classes = ['cow'] if mine == 'classes' else ['cat', 'dog']
    data = Shares(test_replicas.batches(), rank, num_workers, classes, mine,
                  args.at)
    epochs, _, values = test_replicas.train(
        args.stage, test_replicas.cpu(), data=data, path=args.checkpoint,
        num_epochs=args.epochs, seed=1 + (mine == 'parameters'),
        resume=bool(args.checkpoint), kvstore=args.kvstore)
    about = {'rank': rank, 'epochs': [epoch[:-1] for epoch in epochs],
             'drawn': float(np.random.uniform())}
    with d2l.replacing(Path(f'{args.result}-{rank}.json')) as partial:
        partial.write_text(json.dumps(about))
    numpy.savez(f'{args.result}-{rank}.npz', *parameters(values))


if __name__ == '__main__':
    try:
        main()
    except (d2l.ChapterError, KeyboardInterrupt) as error:
        sys.exit(str(error))

"""Train, kill the training again and again, and compare the results.

    python tests/runtime/kill_training.py FOLDER --epochs 40 --kill-after 5 60

Trains both steps of the chapter on part of the embedded set. A first run is
left alone; then runs are killed (SIGKILL) after a random number of seconds
from the first checkpoint on, and started again until they are done, and their
parameters must be those of the first one, bit for bit. Results stay in FOLDER:
a later call with another `--seed` kills another run.
"""
import argparse
import hashlib
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, 'D2L_TEST_MODE': '1', 'MPLBACKEND': 'agg',
               'PYTHONPATH': str(ROOT)}


def train(folder, epochs, side):
    """The training, in the process that is killed."""
    import d2l_ext as d2l  # isort: skip
    from mxnet import npx

    npx.set_np()
    npx.random.seed(1)
    recipe = d2l.Recipe(side=side, batch_size=8, num_stages=2, steps=(
        d2l.Step('rpn', epochs, .3, .3), d2l.Step('rcnn', epochs, .1, .1)))
    train_iter, test_iter = d2l.load_data_voc_detection(8, side, side)
    detector = d2l.make_detector(recipe, train_iter.dataset.classes)
    print('training begins', flush=True)
    histories = d2l.train_recipe(recipe, detector, train_iter, test_iter,
                                 checkpoints=folder)
    digest = hashlib.sha1()
    for model in detector[:3]:
        for parameter in model.collect_params().values():
            digest.update(parameter.data().asnumpy().tobytes())
    # Two runs take different times.
    told = [[entry[:-1] for entry in history] for history in histories]
    with d2l.replacing(folder / 'result.json') as partial:
        partial.write_text(json.dumps([digest.hexdigest(), told]))


def start(folder, epochs, side):
    """Start a training; wait until data are loaded and a checkpoint is there.

    Without a checkpoint the next run would only start again.
    """
    process = subprocess.Popen(
        [sys.executable, __file__, str(folder), '--epochs', str(epochs),
         '--side', str(side), '--train'], env=ENVIRONMENT, text=True,
        stdout=subprocess.PIPE)
    for line in process.stdout:
        if line.startswith('training begins'):
            break
    while process.poll() is None and not any(folder.glob('*.npz')):
        time.sleep(.01)
    return process


def run(folder, epochs, side, kill_after=None, lot=random,
        max_kills=math.inf):
    """Train to the end; return the result, kills, seconds.

    Seconds are those of all processes from the first checkpoint on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kills, seconds = 0, 0
    while not (folder / 'result.json').exists():
        process = start(folder, epochs, side)
        begin = time.time()
        spared = kill_after is None or kills == max_kills
        try:
            process.communicate(
                timeout=None if spared else lot.uniform(*kill_after))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            kills += 1
        seconds += time.time() - begin
        if process.returncode not in (0, -signal.SIGKILL):
            sys.exit('The training failed.')
    result = json.loads((folder / 'result.json').read_text())
    return result, kills, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', type=Path)
    parser.add_argument('--epochs', type=int, default=40)
    parser.add_argument('--side', type=int, default=128, help='pixels')
    parser.add_argument('--kill-after', type=float, nargs=2, default=(5, 60),
                        metavar=('FROM', 'TO'), help='seconds')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--train', action='store_true',
                        help='only train, as the processes to kill do')
    args = parser.parse_args()
    if args.train:
        train(args.folder, args.epochs, args.side)
        return
    expected, _, seconds = run(args.folder / 'undisturbed', args.epochs,
                               args.side)
    print(f'undisturbed: {seconds:.0f} s after the first checkpoint',
          flush=True)
    result, kills, seconds = run(
        args.folder / f'killed-{args.seed}', args.epochs, args.side,
        args.kill_after, random.Random(args.seed))
    print(f'killed {kills} times: {seconds:.0f} s')
    if result != expected:
        sys.exit('The runs end differently.')
    print('Both end with the same parameters, bit for bit.')


if __name__ == '__main__':
    main()

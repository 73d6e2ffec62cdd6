"""Train a recipe on the data set that is found, and store it.

    python tools/train_detector.py FOLDER [--recipe NAME] [--seed 1]

D2L_VOC_DIR names a data set of your own, D2L_CLASSES what to find on it; see
docs/own-data.md. It computes on all GPUs that MXNet can use, or on the CPU;
--device names others. Started by tools/launch.py, or with the variables that
docs/scale.md names, it is one of the workers that train together.
"""
import argparse
import math
import os
import shutil
import sys
from collections import Counter
from pathlib import Path

import d2l_ext as d2l  # isort: skip
from mxnet import npx

from d2l_ext.data.batches import load_datasets
from d2l_ext.data.folders import test_mode
from d2l_ext.detector.efficientnet import imagenet_file
from d2l_ext.drawn.dataset import is_drawn
from d2l_ext.errors import PretrainedError, some_of

RECIPES = {'best': d2l.BEST, 'chapter': d2l.CHAPTER,
           'photographs': d2l.PHOTOGRAPHS}
# Of a small data set there are few batches an epoch: more epochs then.
MIN_STEPS = 300


def recipe_for(root):
    """Name of the recipe that suits a data set, and why, in a few words."""
    if is_drawn(root):
        return 'best', 'from random weights, as the pictures are drawn'
    try:
        imagenet_file()
    except PretrainedError as error:
        return 'best', f'from random weights. {error}'
    return 'photographs', ('from parameters that were trained on ImageNet, '
                           'as the pictures are not the drawn ones')


def plan(recipe, train):
    """The recipe, with batches and epochs that suit a small data set."""
    batch_size = min(recipe.batch_size, len(train))
    per_epoch = len(train) // batch_size
    least = 1 if test_mode() else math.ceil(MIN_STEPS / per_epoch)
    return recipe._replace(batch_size=batch_size, steps=tuple(
        step._replace(num_epochs=max(step.num_epochs, least))
        for step in recipe.steps))


def describe_plan(recipe, train, val):
    """One sentence that says what will be learnt from what."""
    epochs = ' and '.join(str(step.num_epochs) for step in recipe.steps)
    return (f'on {describe(train)}, for {epochs} epochs of '
            f'{len(train) // recipe.batch_size:,} batches, and validate '
            f'on {len(val):,} pictures.')


def describe(dataset):
    """How many pictures there are, and what is on them."""
    counts = Counter(item.name for objects in dataset.objects
                     for item in objects if not item.difficult)
    shown = some_of(f'{counts[name]:,} {name}' for name in dataset.classes)
    return f'{len(dataset):,} pictures with {shown}'


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', type=Path)
    parser.add_argument('--recipe', choices=RECIPES,
                        help='default: what suits the data set')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--device', default='',
                        help='cpu, gpu(1), or several: gpu(0),gpu(1)')
    args = parser.parse_args()
    sys.stdout.reconfigure(errors='backslashreplace')
    npx.set_np()
    kvstore = 'dist_sync' if 'DMLC_ROLE' in os.environ else 'device'
    rank, num_workers = d2l.worker_of(kvstore)
    devices = d2l.devices_named(args.device)
    if num_workers > 1:   # each takes one of this host's
        devices = [devices[rank % len(devices)]]
    print('Training on', ', '.join(map(str, devices)))
    name, why = recipe_for(d2l.voc_dir()[0])
    if args.recipe:
        name, why = args.recipe, 'as asked for'
    recipe = RECIPES[name]
    train, val = load_datasets(recipe.side, recipe.side, quiet=rank > 0)
    recipe = plan(recipe, train)
    if rank == 0:
        print(f'Recipe "{name}", {why}')
        print('Training', describe_plan(recipe, train, val), flush=True)
    unfinished = args.folder / f'unfinished-seed-{args.seed}'
    detector = train_on(train, val, recipe, args.seed, devices, kvstore,
                        unfinished)
    if rank > 0:
        return
    note = describe_result(detector, train, val)
    d2l.save_detector(detector._replace(note=note), recipe, args.folder)
    shutil.rmtree(unfinished)
    print(f'The detector is in {args.folder}.')


def train_on(train, val, recipe, seed, devices, kvstore, unfinished):
    """A detector of this seed; interrupted, the next call goes on."""
    rank, num_workers = d2l.worker_of(kvstore)
    train_iter = d2l.load_batches(
        train, recipe.batch_size, True, 'discard', rank, num_workers,
        recipe.window, recipe.colors)
    test_iter = d2l.load_batches(val, recipe.batch_size, rank=rank,
                                 num_workers=num_workers)
    npx.random.seed(seed)
    detector = d2l.make_detector(recipe, train.classes, devices)
    d2l.train_recipe(recipe, detector, train_iter, test_iter, devices,
                     unfinished, kvstore)
    return detector


def describe_result(detector, train, val):
    """What it was trained on, and its mAP; prints the figure of each class."""
    detections, _ = d2l.detect_batches(detector, val)
    scores = d2l.evaluate_detection(detections, val)
    for name, score in scores.items():
        print(f'{name if name == "mAP" else name + " AP"}@0.5: {score:.3f}')
    return (f'trained on {describe(train)}; its mAP@0.5 is '
            f'{scores["mAP"]:.3f} on {len(val):,} others')


if __name__ == '__main__':
    try:
        main()
    except (d2l.ChapterError, KeyboardInterrupt) as error:
        sys.exit(str(error))

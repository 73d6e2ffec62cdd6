"""Train a recipe on the data set that is found, and store it.

    python tools/train_detector.py FOLDER [--recipe best] [--seed 1]

It computes on all GPUs that MXNet can use, or on the CPU; --device names
others. Started by tools/launch.py, or with the variables that docs/scale.md
names, it is one of the workers that train together.
"""
import argparse
import os
import shutil
import sys
from pathlib import Path

import d2l_ext as d2l  # isort: skip
from mxnet import npx

RECIPES = {'best': d2l.BEST, 'chapter': d2l.CHAPTER}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', type=Path)
    parser.add_argument('--recipe', choices=RECIPES, default='best')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--device', default='',
                        help='cpu, gpu(1), or several: gpu(0),gpu(1)')
    args = parser.parse_args()
    npx.set_np()
    recipe = RECIPES[args.recipe]
    kvstore = 'dist_sync' if 'DMLC_ROLE' in os.environ else 'device'
    rank, num_workers = d2l.worker_of(kvstore)
    devices = d2l.devices_named(args.device)
    if num_workers > 1:   # each takes one of this host's
        devices = [devices[rank % len(devices)]]
    print('Training on', ', '.join(map(str, devices)))
    train_iter, test_iter = d2l.load_data_voc_detection(
        recipe.batch_size, recipe.side, recipe.side, kvstore=kvstore)
    npx.random.seed(args.seed)
    detector = d2l.make_detector(recipe, test_iter.dataset.classes, devices)
    # Interrupted, the next call goes on.
    unfinished = args.folder / f'unfinished-seed-{args.seed}'
    d2l.train_recipe(recipe, detector, train_iter, test_iter, devices,
                     unfinished, kvstore)
    if rank > 0:
        return
    detections, _ = d2l.detect_batches(detector, test_iter.dataset)
    for name, score in d2l.evaluate_detection(
            detections, test_iter.dataset).items():
        print(f'{name if name == "mAP" else name + " AP"}@0.5: {score:.3f}')
    d2l.save_detector(detector, recipe, args.folder)
    shutil.rmtree(unfinished)
    print(f'The detector is in {args.folder}.')


if __name__ == '__main__':
    try:
        main()
    except (d2l.ChapterError, KeyboardInterrupt) as error:
        sys.exit(str(error))

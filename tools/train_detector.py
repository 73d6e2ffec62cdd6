"""Train the best recipe on the data set that is found, and store it.

    python tools/train_detector.py FOLDER [--seed 1]
"""
import argparse
import shutil
import sys
from pathlib import Path

import d2l_ext as d2l  # isort: skip
from mxnet import npx


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', type=Path)
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()
    npx.set_np()
    recipe = d2l.BEST
    train_iter, test_iter = d2l.load_data_voc_detection(
        recipe.batch_size, recipe.side, recipe.side)
    npx.random.seed(args.seed)
    detector = d2l.make_detector(recipe, test_iter.dataset.classes)
    # Interrupted, the next call goes on.
    unfinished = args.folder / f'unfinished-seed-{args.seed}'
    d2l.train_recipe(recipe, detector, train_iter, test_iter,
                     checkpoints=unfinished)
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

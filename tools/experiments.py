"""Run experiments of the solutions and store their results.

    python tools/experiments.py list
    python tools/experiments.py missing          all without a result
    python tools/experiments.py tuned --seed 2   one, again
    python tools/experiments.py imagenet --keep tools/detectors/photographs

Each run writes one file docs/results/NAME-SEED.json, from which
tools/results.py makes the page docs/results.md.
"""
import argparse
import hashlib
import json
import math
import os
import platform
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple, Tuple
from unittest import mock

# Threads and instructions change the last bits of sums, and so the training.
# With one thread and no instructions newer than AVX2, results depend neither
# on the number of cores nor on the kind of processor; and two experiments take
# less time side by side than one after the other.
if __name__ == '__main__':
    os.environ.update(OMP_NUM_THREADS='1', DNNL_MAX_CPU_ISA='AVX2')

import d2l_ext as d2l  # isort: skip
import mxnet as mx
from mxnet import lr_scheduler, npx
from train_detector import describe_result

from d2l_ext import BEST, CHAPTER, PHOTOGRAPHS, TUNED, Recipe, Step
from d2l_ext.data.layouts import find_layout
from d2l_ext.data.splits import choose_classes
from d2l_ext.runtime.system import processor

ROOT = Path(__file__).parent.parent
RESULTS, STEPS = ROOT / 'docs' / 'results', ROOT / 'build' / 'steps'
NAMED = os.environ.get('D2L_VOC_DIR', '')
FOLDS = 5
SEEDS = (1, 2, 3)
PROPOSALS = (10, 30, 100, 300)
NMS_THRESHOLDS = (.1, .3, .5, .7)


class Experiment(NamedTuple):
    """A recipe, its data and its seeds.

    `data` is 'embedded', 'photographs', or 'folds': then four fifths of the
    photographs to train on are trained on, and the others are 'val'; the
    seed tells which. `measured_on` is the list of the pictures that the
    result is about: what helps to choose something is measured on 'val',
    what has been chosen on 'test', or on the photographs' own 'val'.
    `more` requests further figures of the trained model: with other
    thresholds ('thresholds') or on photographs ('photographs').
    `training` names a change of the training loop.
    """
    recipe: Recipe
    data: str = 'embedded'
    seeds: Tuple[int, ...] = (1,)
    measured_on: str = 'val'
    more: str = ''
    training: str = 'as it is'


def constant_rate(num_steps, base_lr, warmup_steps):
    """The schedule of `train_detection` without its fall."""
    return lr_scheduler.CosineScheduler(num_steps, base_lr, final_lr=base_lr,
                                        warmup_steps=warmup_steps)


# What is something else in d2l_ext.training.
CHANGES = {
    'as it is': {},
    'without clipping': {'MAX_GRADIENT': math.inf},
    'momentum 0': {'MOMENTUM': 0.},
    'constant rate': {'lr_scheduler': SimpleNamespace(
        CosineScheduler=constant_rate)},
}


# Exercise 1: only the rate of the backbone in step 2 differs.
TUNING = {f'rate-{rate}': CHAPTER._replace(
    steps=(CHAPTER.steps[0], Step('rcnn', 3, rate, .1)))
    for rate in (.01, .03, .1, .3)}
# Smaller pictures than those of BEST: a dozen trainings in half an hour.
SMALL = BEST._replace(side=160, steps=(Step('joint', 3, .4, .4),))
ABLATIONS = {
    'ablation-max-pooling': SMALL._replace(pooling='max'),
    'ablation-inner-max': SMALL._replace(pooling='inner-max'),
    'ablation-grid-2': SMALL._replace(pooled_size=2),
    'ablation-grid-7': SMALL._replace(pooled_size=7),
    'ablation-stride-32': SMALL._replace(num_stages=4),
    'ablation-lambda-0.3': SMALL._replace(lambd=.3),
    'ablation-lambda-3': SMALL._replace(lambd=3),
    'ablation-anchors': SMALL._replace(sizes=(.5, .35, .25)),
    'ablation-class-specific': SMALL._replace(class_specific=True),
    'ablation-ground-truth': SMALL._replace(add_truth=True),
}
# The recipe for photographs is chosen on folds, not on those to validate: all
# but FEW and the rates, which come from earlier trials.
FEW = BEST._replace(
    steps=(Step('joint', 12, .01, .4),), backbone='efficientnet-lite0',
    num_stages=5, imagenet=True, num_fixed=1)
LONG = FEW._replace(steps=(Step('joint', 32, .01, .4),), num_fixed=3,
                    fixed_depthwise=True)
WINDOWS = LONG._replace(window=(.6, 1.4), colors=.3)
CONTEXT = WINDOWS._replace(num_stages=6, num_hidden=128)
CHOICES = {
    'choice-few-epochs': FEW,
    'choice-windows': WINDOWS,
    'choice-context': CONTEXT._replace(steps=(Step('joint', 20, .01, .4),)),
}
# Exercise 5 of the section on region proposal networks.
FIRST_STEP = {
    'first-step': 'as it is', 'first-step-no-clipping': 'without clipping',
    'first-step-no-momentum': 'momentum 0',
    'first-step-constant-rate': 'constant rate'}
EXPERIMENTS = {
    **{name: Experiment(recipe) for name, recipe in TUNING.items()},
    **{name: Experiment(CHAPTER._replace(steps=CHAPTER.steps[:1]),
                        seeds=SEEDS, training=training)
       for name, training in FIRST_STEP.items()},
    'chapter': Experiment(CHAPTER, seeds=(*SEEDS, 4, 5), measured_on='test'),
    'tuned': Experiment(TUNED, seeds=SEEDS, measured_on='test'),
    'best': Experiment(BEST, seeds=SEEDS, measured_on='test',
                       more='photographs'),
    'ablation-base': Experiment(SMALL, seeds=SEEDS, more='thresholds'),
    # The text compares kinds of pooling with each other: one run won't do.
    **{name: Experiment(recipe, seeds=(
        (1,) if recipe.pooling == SMALL.pooling else SEEDS))
       for name, recipe in ABLATIONS.items()},
    'photographs': Experiment(
        BEST._replace(steps=(Step('joint', 12, .4, .4),)), 'photographs',
        SEEDS),
    **{name: Experiment(recipe, 'folds', (1, 2))
       for name, recipe in CHOICES.items()},
    'choice-fixed': Experiment(LONG, 'folds'),
    'choice-long-context': Experiment(CONTEXT, 'folds'),
    'imagenet': Experiment(PHOTOGRAPHS, 'photographs', SEEDS),
}


def run(name, seed, keep=None):
    """Train and evaluate; returns the content of the result file.

    The detector is stored in the folder `keep`, in half precision.
    """
    recipe, data, _, measured_on, more, training = EXPERIMENTS[name]
    train, dataset = datasets(data, seed, recipe.side, measured_on)
    train_iter = d2l.load_batches(
        train, recipe.batch_size, True, 'discard', window=recipe.window,
        colors=recipe.colors)
    test_iter = d2l.load_batches(dataset, recipe.batch_size,
                                 last_batch='discard')
    npx.random.seed(seed)
    device = d2l.try_gpu()
    print('on', device, flush=True)
    detector = d2l.make_detector(recipe, dataset.classes, device)
    truths = [y for _, Y in d2l.load_batches(dataset, 32) for y in Y]
    steps = []
    for number in range(1, len(recipe.steps) + 1):
        # With a new seed, a step does not depend on how the one before was
        # obtained: experiments with the same first steps can share them.
        npx.random.seed(1000 * number + seed)
        with mock.patch.dict('d2l_ext.training.__dict__', CHANGES[training]):
            about = train_step(
                recipe._replace(steps=recipe.steps[:number]), training, seed,
                detector, train_iter, test_iter)
        detections, proposals = d2l.detect_batches(detector, dataset)
        steps.append({
            **about,
            'recall': d2l.proposal_recall(proposals, truths,
                                          num_proposals=100),
            'strict recall': d2l.proposal_recall(proposals, truths, .7, 10)})
    if keep:
        store(detector, recipe, keep, train, dataset)
    findings = d2l.analyse_errors(detections, dataset)
    return {
        'experiment': name, 'seed': seed, 'recipe': recipe._asdict(),
        'pictures': [len(train_iter.dataset), len(dataset)],
        'measured_on': measured_on,
        'classes': d2l.evaluate_detection(detections, dataset),
        'coco': d2l.evaluate_detection(detections, dataset,
                                       d2l.COCO_THRESHOLDS)['mAP'],
        'voc07': d2l.evaluate_detection(detections, dataset,
                                        num_recalls=11)['mAP'],
        'steps': steps,
        'thresholds': (thresholds(detector, dataset)
                       if more == 'thresholds' else None),
        'photographs': (transfer(detector) if more == 'photographs'
                        and NAMED else None),
        'errors': {kind: sum(item.kind == kind for item in findings)
                   for kind in ('correct', *d2l.ERROR_KINDS)},
        'machine': {'processor': processor(), 'mxnet': mx.__version__,
                    'python': platform.python_version()}}


def store(detector, recipe, folder, train, dataset):
    """Store a detector in half precision, and how good it is then."""
    round_parameters(detector)
    note = describe_result(detector, train, dataset)
    d2l.save_detector(detector._replace(note=note), recipe, folder, 'float16')


def round_parameters(detector):
    """Round to what 16 bits hold: the figures are then those of the file."""
    for model in detector[:3]:
        for parameter in model.collect_params().values():
            value = parameter.list_data()[0]
            parameter.set_data(value.astype('float16').astype('float32'))


def train_step(recipe, training, seed, detector, train_iter, test_iter):
    """Train the last step of a recipe, unless it is already stored."""
    key = json.dumps([recipe, training, seed, str(train_iter.dataset.root),
                      len(train_iter.dataset)])
    folder = STEPS / hashlib.sha1(key.encode()).hexdigest()[:12]
    about = folder / 'about.json'
    if about.exists():
        d2l.load_parameters(detector, folder / 'detector.params',
                            d2l.try_gpu())
        return json.loads(about.read_text())
    step, start = recipe.steps[-1], time.perf_counter()
    history, = d2l.train_recipe(recipe._replace(steps=(step,)), detector,
                                train_iter, test_iter, d2l.try_gpu())
    seconds = time.perf_counter() - start
    d2l.save_detector(detector, recipe, folder)
    content = {'stage': step.stage, 'seconds': round(seconds, 1),
               'losses': [round(epoch.loss, 4) for epoch in history]}
    about.write_text(json.dumps(content))
    return content


def datasets(data, seed, side, measured_on):
    """The pictures to train on and those that the result is about."""
    choose_data(data)
    layout = find_layout(d2l.voc_dir()[0])
    classes = choose_classes(layout)
    if data == 'folds':
        layout = fold(layout, seed)
    return [d2l.VOCDetection(layout, split, side, side, classes)
            for split in ('train', measured_on)]


def fold(layout, number):
    """A layout of the pictures to train on: every fifth is kept."""
    names = sorted(layout.lists['train'], key=lambda name: hashlib.sha1(
        name.encode()).digest())
    kept = set(names[number % FOLDS::FOLDS])
    return layout._replace(class_lists={}, lists={
        'train': sorted(set(names) - kept), 'val': sorted(kept)})


def choose_data(data):
    """Point the loader to the photographs, or to the embedded set."""
    if data != 'embedded' and not NAMED:
        sys.exit('Set D2L_VOC_DIR to a folder of photographs in VOC layout '
                 'with cats and dogs.')
    os.environ['D2L_VOC_DIR'] = '' if data == 'embedded' else NAMED


def transfer(detector):
    """mAP on photographs of a detector that was trained on drawings."""
    choose_data('photographs')
    root, _ = d2l.voc_dir()
    dataset = d2l.VOCDetection(root, 'val', *detector.size,
                               detector.classes)
    detections, _ = d2l.detect_batches(detector, dataset)
    return d2l.evaluate_detection(detections, dataset)['mAP']


def thresholds(detector, dataset):
    """mAP with other thresholds of the same trained model."""
    def mean_ap(**options):
        detections, _ = d2l.detect_batches(detector, dataset, **options)
        return d2l.evaluate_detection(detections, dataset)['mAP']

    return {'proposals': {n: mean_ap(max_proposals=n) for n in PROPOSALS},
            'nms': {t: mean_ap(nms_threshold=t) for t in NMS_THRESHOLDS}}


def path_of(name, seed):
    return RESULTS / f'{name}-{seed}.json'


def save(result):
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = path_of(result['experiment'], result['seed'])
    with d2l.replacing(path) as partial:
        partial.write_text(json.dumps(rounded(result), indent=1) + '\n')


def rounded(value):
    """Round floats to four digits, as the fifth is noise; nan becomes null."""
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    return value


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('name', choices=['list', 'missing', *EXPERIMENTS])
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--keep', type=Path, metavar='FOLDER',
                        help='store the detector, in half precision')
    args = parser.parse_args()
    npx.set_np()
    if args.name == 'list':
        for name, experiment in EXPERIMENTS.items():
            print(name, 'with seeds', *experiment.seeds)
        return
    runs = [(args.name, args.seed)]
    if args.name == 'missing':
        runs = [(name, seed) for name, experiment in EXPERIMENTS.items()
                for seed in experiment.seeds
                if not path_of(name, seed).exists()
                and (experiment.data == 'embedded' or NAMED)]
    for name, seed in runs:
        print(name, 'seed', seed, flush=True)
        result = run(name, seed, args.keep)
        save(result)
        print(json.dumps(result['classes']), flush=True)


if __name__ == '__main__':
    main()

"""Make docs/results.md and its figure from the files in docs/results.

    python tools/results.py
"""
import json
import statistics

import matplotlib

matplotlib.use('agg')
from experiments import FIRST_STEP, RESULTS, TUNING
from matplotlib import pyplot as plt

PAGE, FIGURE = RESULTS.parent / 'results.md', RESULTS / 'ablations.png'
BASE = 'ablation-base'
# The change of each row, and the beginning of its sentence.
ABLATIONS = {
    'ablation-max-pooling': (
        'RoI pooling instead of RoIAlign',
        'Taking the maximum of whole cells, and one cell too many,'),
    'ablation-inner-max': (
        'RoI pooling without the last cell',
        'Taking the maximum of whole cells'),
    'ablation-grid-2': ('2 x 2 windows', 'A coarser grid of windows'),
    'ablation-grid-7': ('7 x 7 windows', 'A finer grid of windows'),
    'ablation-stride-32': (
        'features of stride 32', 'Taking all four stages of the backbone'),
    'ablation-lambda-0.3': (
        'lambda 0.3', 'Giving the boxes less weight than the classes'),
    'ablation-lambda-3': (
        'lambda 3', 'Giving the boxes more weight than the classes'),
    'ablation-anchors': (
        'anchor sizes 0.5, 0.35, 0.25',
        'Matching the anchors to the sizes of the animals'),
    'ablation-class-specific': (
        'offsets for each class', 'Predicting a box for each class'),
    'ablation-ground-truth': (
        'ground truth added to the proposals',
        'Adding the ground truth to the proposals'),
}
TITLES = {
    'chapter': 'the chapter',
    'tuned': 'the chapter, tuned',
    'best': 'the best recipe',
    'photographs': 'the best recipe on photographs, 12 epochs',
    'imagenet': 'from ImageNet, on photographs',
}
# What each row of the choice for photographs changes.
CHOICES = {
    'choice-few-epochs': '12 epochs; the stem is fixed',
    'choice-fixed': '32 epochs; two groups and all depthwise kernels are '
                    'fixed, too',
    'choice-windows': 'as above, with random windows and colours',
    'choice-context': 'as above with the sixth group, 20 epochs',
    'choice-long-context': 'the same for 32 epochs',
}


def results_of(name):
    """All runs of an experiment that have a result, by seed."""
    return [json.loads(path.read_text()) for path in sorted(
        RESULTS.glob(f'{name}-[0-9].json'))]


def mean_ap(run):
    return run['classes']['mAP']


def summary(runs, key):
    """Mean and standard deviation over the seeds that have a value."""
    values = [key(run) for run in runs if key(run) is not None]
    if not values:
        return 'not measured'
    spread = f' ± {statistics.stdev(values):.3f}' if values[1:] else ''
    return f'{statistics.mean(values):.3f}{spread}'


def table(header, rows):
    lines = [header, ['---'] * len(header), *rows]
    return '\n'.join(f'| {" | ".join(map(str, line))} |' for line in lines)


def rates(run):
    return '; '.join(
        f'{step[0]} {step[1]} × ({step[2]:g}, {step[3]:g})'  # noqa: RUF001
        for step in run['recipe']['steps'])


def main_table():
    rows = []
    for name, title in TITLES.items():
        runs = results_of(name)
        rows.append([
            title, len(runs), runs[0]['measured_on'], summary(runs, mean_ap),
            *(summary(runs, lambda run, c=c: run['classes'][c])
              for c in ('cat', 'dog')),
            summary(runs, lambda run: run['coco']),
            summary(runs, lambda run: run['voc07']),
            summary(runs, lambda run: run['steps'][-1]['recall']),
            f'`{name}`'])
    return table(['Recipe', 'Seeds', 'List', 'mAP@0.5', 'cat', 'dog',
                  'AP@[.5:.95]', 'mAP, 11 points', 'Recall@100',
                  'Experiment'], rows)


def tuning_table():
    rows = []
    for name in TUNING:
        run, = results_of(name)
        rows.append([run['recipe']['steps'][1][2], f'{mean_ap(run):.3f}',
                     f'{run["steps"][-1]["losses"][-1]:.3f}',
                     f'{run["steps"][-1]["recall"]:.3f}', f'`{name}`'])
    return table(['Rate of the backbone', 'mAP@0.5', 'Training loss',
                  'Recall@100', 'Experiment'], rows)


def first_step_table():
    rows = []
    for name, training in FIRST_STEP.items():
        steps = [run['steps'][0] for run in results_of(name)]
        rows.append([
            training, len(steps),
            summary(steps, lambda step: step['losses'][-1]),
            *(summary(steps, lambda step, key=key: step[key])
              for key in ('recall', 'strict recall')), f'`{name}`'])
    return table(['Training', 'Seeds', 'Training loss', 'Recall@100',
                  'Recall@10, IoU 0.7', 'Experiment'], rows)


def choices_table():
    rows = []
    for name, title in CHOICES.items():
        runs = results_of(name)
        folds = [f'{mean_ap(run):.3f}' for run in runs]
        rows.append([
            title, *folds, *['not measured'] * (2 - len(folds)),
            summary(runs, mean_ap) if runs[1:] else '',
            summary(runs, lambda run: run['coco']) if runs[1:] else '',
            f'`{name}`'])
    return table(['Recipe', 'Fold 1', 'Fold 2', 'mAP@0.5', 'AP@[.5:.95]',
                  'Experiment'], rows)


def sentence(subject, difference, noise):
    if abs(difference) <= noise:
        return (f'{subject} makes no difference that a single run could show '
                f'({difference:+.3f}).')
    better = 'raises' if difference > 0 else 'lowers'
    return f'{subject} {better} the mAP by {abs(difference):.3f}.'


def ablations():
    """Rows (title, seeds, mAP, difference, sentence, name), and the noise.
    """
    base = [mean_ap(run) for run in results_of(BASE)]
    # Two standard deviations of a difference between two runs.
    noise = 2 * 2**.5 * statistics.stdev(base)
    rows = []
    for name, (title, subject) in ABLATIONS.items():
        values = [mean_ap(run) for run in results_of(name)]
        value = statistics.mean(values)
        difference = value - statistics.mean(base)
        rows.append([title, len(values), value, difference,
                     sentence(subject, difference, noise), f'`{name}`'])
    return rows, noise, statistics.mean(base)


def ablation_table(rows, base):
    lines = [[title, seeds, f'{value:.3f}', f'{difference:+.3f}', text, name]
             for title, seeds, value, difference, text, name in rows]
    return table(['Change', 'Seeds', 'mAP@0.5', 'Difference', 'What it says',
                  'Experiment'],
                 [['none', len(results_of(BASE)), f'{base:.3f}', '', '',
                   f'`{BASE}`'], *lines])


def draw_ablations(rows, noise):
    figure, ax = plt.subplots(figsize=(7, 3.4), layout='constrained')
    titles = [row[0] for row in rows][::-1]
    differences = [row[3] for row in rows][::-1]
    ax.axvspan(-noise, noise, color='#dddddd', label='noise of one run')
    ax.barh(titles, differences, color=[
        '#009e73' if d > 0 else '#d55e00' for d in differences], height=.6)
    ax.axvline(0, color='black', linewidth=.8)
    ax.set_xlabel('change of mAP@0.5')
    ax.legend(loc='best', frameon=False)
    figure.savefig(FIGURE, dpi=110, metadata={'Software': None})
    plt.close(figure)


def test_time_table(run, key, header):
    values = run['thresholds'][key]
    return table([header, *values], [
        ['mAP@0.5', *(f'{value:.3f}' for value in values.values())]])


def error_table():
    kinds = list(results_of('best')[0]['errors'])
    return table(['Recipe', *kinds], [
        [title, *(
            f'{statistics.mean(r["errors"][kind] for r in runs):.0f}'
            for kind in kinds)]
        for name, title in TITLES.items() for runs in [results_of(name)]])


def page():
    machine = results_of('best')[0]['machine']
    return f"""\
# Results

<!-- Made by tools/results.py from docs/results/*.json: do not edit. -->

`make results` runs the experiments that have no file in `docs/results` yet,
and makes this page from these files. To run an experiment again, delete its
file, or call `make experiment NAME=best SEED=1` with a name from the last
column. Figures are means over seeds 1, 2, ..., with their standard deviation
if there are several. Each was measured on one core of an
{machine['processor']}, without a GPU, with MXNet {machine['mxnet']} and
Python {machine['python']}.

Rates and recipes were chosen on the list `val`. What was chosen is measured
on the list `test`, on which nothing was chosen. Runs that helped to choose,
and those on photographs, are of `val`, and from before anchors on difficult
objects were ignored (D19 in the README).

{recipes_section()}
## Tuning

Only the rate of the backbone in step 2 differs; seed 1, list `val`. Recall is
that of the proposals after step 2.

{tuning_table()}

## Training the first stage

The first step of the chapter, with one change of the training loop at a time;
list `val`.

{first_step_table()}

{choices_section()}
{ablations_section()}
## Mistakes

Detections with a probability of at least 0.5, by kind, and missed objects, on
the lists of the first table; means over the seeds.

{error_table()}
"""


def recipes_section():
    best, photographs = results_of('best'), results_of('photographs')
    return f"""\
## Recipes

Embedded set: {best[0]['pictures'][0]} pictures for training, and
{best[0]['pictures'][1]} in each of the two other lists. Photographs:
{photographs[0]['pictures'][0]} for training, and
{photographs[0]['pictures'][1]} others. They show cats and dogs, and come from
Pascal VOC2012, COCO and the Oxford-IIIT Pet set. The last recipe starts from
parameters that were trained on ImageNet, all others from random ones.

{main_table()}

* The chapter: {rates(results_of('chapter')[0])}.
* Tuned: {rates(results_of('tuned')[0])}; nothing else differs.
* Best: {rates(best[0])}, batches of {best[0]['recipe']['batch_size']},
  features of stride 16, RoIAlign to 4 x 4 windows, a hidden layer of 256
  units, {best[0]['recipe']['num_rois']} proposals an image in training.
* From ImageNet: {rates(results_of('imagenet')[0])}, as described in
  [Fine-Tuning on Photographs](../notebooks/fine-tuning.ipynb).

(A step is given as stage, epochs, and the rates of backbone and output.)

Trained on the drawings and tested on the photographs, the best recipe has a
mAP@0.5 of {summary(best, lambda run: run['photographs'])}.
"""


def choices_section():
    kept, held = results_of('choice-context')[0]['pictures']
    final = results_of('imagenet')[0]
    others, epochs = final['pictures'][1], final['recipe']['steps'][0][1]
    return f"""\
## Photographs

Where ImageNet's parameters are the start, what to fix and how to train was
chosen on pictures to train on: these were divided into five parts, and a
recipe was trained on four of them ({kept} pictures) and measured on the fifth
({held} pictures). In the second column another part is left out than in the
first, and the random numbers are others.

{choices_table()}

The last row, with about as many steps on all pictures ({epochs} epochs), is
the recipe `PHOTOGRAPHS`, of which the first table has figures on the other
{others} photographs. The rates and the first row come from earlier
trials, which were measured on these; everything else was chosen on the folds.
"""


def ablations_section():
    rows, noise, base = ablations()
    draw_ablations(rows, noise)
    base_run = results_of(BASE)[0]
    return f"""\
## Ablations

The best recipe with pictures of {base_run['recipe']['side']} pixels and
{base_run['recipe']['steps'][0][1]} epochs, and one change at a time, on the
list `val`. A difference of less than {noise:.3f} may be chance: this is two
standard deviations of the difference between two runs, estimated from
{len(results_of(BASE))} seeds.

{ablation_table(rows, base)}

![Bars of the change of mAP for each ablation, with a band for the noise](\
results/ablations.png)

The trained model (no change, seed 1) with other settings at test time: how
many proposals of an image the second stage uses, and the IoU above which the
worse of two detections of a class is dropped.

{test_time_table(base_run, 'proposals', 'Proposals')}

{test_time_table(base_run, 'nms', 'IoU of NMS')}
"""


if __name__ == '__main__':
    PAGE.write_text(page(), encoding='utf-8')
    print(f'{PAGE} and {FIGURE} are up to date.')

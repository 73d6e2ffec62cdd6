"""Experiments, and the page that is made from their results."""
import json
import math
import re
import subprocess
import sys

import experiments
import pytest
import results
from helpers import ROOT, markdown_cells, read_notebook, small_set, text
from mxnet import npx
from mxnet.gluon import nn

from d2l_ext import (
    CHAPTER,
    Recipe,
    Step,
    load_detector,
    make_detector,
    training,
)
from d2l_ext.data.layouts import find_layout
from d2l_ext.errors import DatasetWarning

TINY = Recipe(side=64, batch_size=8, steps=(Step('rpn', 1, .1, .1),
                                            Step('rcnn', 1, .1, .1)))


def on_disk(name, seed):
    return json.loads(experiments.path_of(name, seed).read_text('utf-8'))


@pytest.mark.parametrize('name', experiments.EXPERIMENTS)
def test_results_are_of_the_recipes_as_they_are(name):
    """If you change a recipe, measure it again."""
    experiment = experiments.EXPERIMENTS[name]
    for seed in experiment.seeds:
        result = on_disk(name, seed)
        # What a stored recipe does not say was not there to be chosen.
        stored = Recipe(**result['recipe'])
        assert json.dumps(stored) == json.dumps(experiment.recipe)
        assert (result['experiment'], result['seed']) == (name, seed)
        assert result['measured_on'] == experiment.measured_on
        assert len(result['steps']) == len(experiment.recipe.steps)
        assert (result['thresholds'] is not None) == (
            experiment.more == 'thresholds')


def test_the_page_is_that_of_the_results(tmp_path, monkeypatch):
    monkeypatch.setattr(results, 'FIGURE', tmp_path / 'ablations.png')
    assert results.page() == results.PAGE.read_text('utf-8')
    assert (tmp_path / 'ablations.png').stat().st_size > 5000
    targets = re.findall(r'\]\(\\?\s*([^)]+)\)', results.page())
    assert targets
    for target in targets:
        assert (results.PAGE.parent / target).is_file()


def test_the_section_has_the_figures_of_the_choice():
    content = '\n'.join(map(text, markdown_cells(
        read_notebook('fine-tuning.ipynb'))))
    shown = re.findall(r'^\| .+ \| (0\.\d{3}) \| (0\.\d{3}) \|$', content,
                       re.MULTILINE)
    figures = {name: tuple(f'{results.mean_ap(run):.3f}' for run in
                           results.results_of(name))
               for name in results.CHOICES}
    assert shown == [both for both in figures.values() if both[1:]]
    for alone in figures.values():
        assert alone[0] in content


def test_targets_are_met():
    """The means over several seeds that the notebooks promise."""
    for name, least in (('tuned', .45), ('best', .9), ('photographs', .27),
                        ('imagenet', .8)):
        runs = results.results_of(name)
        assert len(runs) > 1
        assert sum(map(results.mean_ap, runs)) / len(runs) >= least


def test_a_value_that_was_not_measured_is_left_out():
    """Not every machine has the photographs."""
    runs = [{'photographs': value} for value in (None, .25, .75)]

    def shown(*which):
        return results.summary([runs[i] for i in which],
                               lambda run: run['photographs'])

    assert shown(0, 1, 2) == shown(1, 2) == '0.500 ± 0.354'
    assert shown(0, 1) == '0.250'
    assert shown(0) == 'not measured'


def test_the_readme_states_the_means():
    readme = (ROOT / 'README.md').read_text('utf-8')
    for name in ('tuned', 'best', 'photographs'):
        runs = results.results_of(name)
        assert results.summary(runs, results.mean_ap) in readme


def test_only_step_2_differs_in_the_tuning():
    for experiment in experiments.TUNING.values():
        first, second = experiment.steps
        assert experiment._replace(steps=CHAPTER.steps) == CHAPTER
        assert first == CHAPTER.steps[0]
        assert second._replace(backbone_lr=.01) == CHAPTER.steps[1]


@pytest.mark.parametrize(('difference', 'words'), [
    (.2, 'raises the mAP by 0.200'), (-.2, 'lowers the mAP by 0.200'),
    (-.05, r'no difference .* \(-0.050\)')])
def test_a_difference_within_the_noise_is_none(difference, words):
    assert re.search(words, results.sentence('This', difference, .1))


def test_mean_and_spread():
    assert results.summary([1., 2., 3.], float) == '2.000 ± 1.000'
    assert results.summary([.25], float) == '0.250'


def test_results_are_rounded_and_valid_json():
    value = {'a': (.123456, float('nan')), 'b': [{'c': 1}, None]}
    assert experiments.rounded(value) == {
        'a': [.1235, None], 'b': [{'c': 1}, None]}


def test_an_experiment_is_run_once_and_can_be_repeated(
        tmp_path, monkeypatch):
    """The result is the same with and without a stored first step."""
    monkeypatch.setenv('D2L_VOC_DIR', '')
    monkeypatch.setattr(experiments, 'STEPS', tmp_path / 'steps')
    monkeypatch.setattr(experiments, 'RESULTS', tmp_path / 'results')
    first = TINY._replace(steps=TINY.steps[:1])
    for name, recipe in (('first', first), ('both', TINY)):
        monkeypatch.setitem(experiments.EXPERIMENTS, name,
                            experiments.Experiment(recipe))
    experiments.run('first', 1)
    folders = set((tmp_path / 'steps').iterdir())
    shared = experiments.run('both', 1)
    assert folders < set((tmp_path / 'steps').iterdir())
    monkeypatch.setattr(experiments, 'STEPS', tmp_path / 'other')
    alone = experiments.run('both', 1)
    for result in (shared, alone):
        for step in result['steps']:
            del step['seconds']
    assert shared == alone
    other = experiments.run('first', 2)
    assert other['steps'][0]['losses'] != alone['steps'][0]['losses']
    experiments.save(alone)
    assert on_disk('both', 1)['classes'].keys() == {'cat', 'dog', 'mAP'}


@pytest.mark.parametrize(('change', 'expected'), [
    ('as it is', (.9, .25 * .01, 5)), ('without clipping', (.9, .25 * .01,
                                                            math.inf)),
    ('momentum 0', (0, .25 * .1, 5)), ('constant rate', (.9, .01, 5))])
def test_a_change_of_the_training_holds_for_one_run(
        monkeypatch, change, expected):
    """Momentum, the last but one rate of eight, and the bound of gradients."""
    before, seen = dict(vars(training)), []
    model = nn.Dense(1)
    model.initialize()

    def train_step(recipe, name, *_):
        optimizer = training._trainer(model, .1, 8).optimizer
        seen.extend([name, (optimizer.momentum, optimizer.lr_scheduler(7),
                            training.MAX_GRADIENT)])
        raise InterruptedError

    monkeypatch.setenv('D2L_VOC_DIR', '')
    monkeypatch.setattr(experiments, 'train_step', train_step)
    monkeypatch.setitem(experiments.EXPERIMENTS, 'tiny',
                        experiments.Experiment(TINY, training=change))
    with pytest.raises(InterruptedError):
        experiments.run('tiny', 1)
    assert seen == [change, pytest.approx(expected)]
    assert vars(training) == before


def test_the_detector_of_a_run_can_be_kept(tmp_path, monkeypatch):
    """In half precision, with the figure that it then has."""
    monkeypatch.setenv('D2L_VOC_DIR', '')
    monkeypatch.setattr(experiments, 'STEPS', tmp_path / 'steps')
    monkeypatch.setitem(experiments.EXPERIMENTS, 'tiny',
                        experiments.Experiment(TINY))
    result = experiments.run('tiny', 1, tmp_path / 'kept')
    values = npx.load(str(tmp_path / 'kept' / 'detector.params')).values()
    assert {str(value.dtype) for value in values} == {'float16'}
    with pytest.warns(DatasetWarning, match='test mode'):
        detector = load_detector(tmp_path / 'kept')
    assert detector.note.endswith(
        f'its mAP@0.5 is {result["classes"]["mAP"]:.3f} on 32 others')


def test_photographs_have_to_be_named(monkeypatch):
    monkeypatch.setattr(experiments, 'NAMED', '')
    with pytest.raises(SystemExit, match='Set D2L_VOC_DIR'):
        experiments.choose_data('photographs')


def test_photographs_may_be_named_by_the_folder_above(tmp_path, monkeypatch):
    """As for the notebooks: a training must not end with a wrong folder."""
    small_set(tmp_path / 'set').rename(tmp_path / 'VOC2012')
    monkeypatch.setenv('D2L_VOC_DIR', '')
    monkeypatch.setattr(experiments, 'NAMED', str(tmp_path))
    detector = make_detector(TINY, ['cat', 'dog'])
    assert 0 <= experiments.transfer(detector) <= 1


def test_folds_share_the_pictures_to_train_on(tmp_path):
    layout = find_layout(small_set(tmp_path, 20, 4))
    held = []
    for number in range(experiments.FOLDS):
        lists = experiments.fold(layout, number).lists
        assert set(lists['train']) | set(lists['val']) == set(
            layout.lists['train'])
        assert not set(lists['train']) & set(lists['val'])
        held += lists['val']
    assert sorted(held) == sorted(layout.lists['train'])


def test_folds_keep_the_classes_of_the_whole(tmp_path, monkeypatch):
    """Other things on the pictures are nothing to be found."""
    root = small_set(tmp_path, 20, 4)
    for file in (root / 'Annotations').iterdir():
        file.write_text(file.read_text('utf-8').replace(
            '</annotation>', '<object><name>person</name><bndbox><xmin>1'
            '</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>'
            '</object></annotation>'), encoding='utf-8')
    monkeypatch.setenv('D2L_VOC_DIR', '')
    monkeypatch.setattr(experiments, 'NAMED', str(root))
    whole, _ = experiments.datasets('photographs', 1, 64, 'val')
    for dataset in experiments.datasets('folds', 1, 64, 'val'):
        assert dataset.classes == whole.classes == ['cat', 'dog']
        assert 0 < len(dataset) < len(whole)


def test_experiments_are_listed():
    listing = subprocess.run(
        [sys.executable, ROOT / 'tools' / 'experiments.py', 'list'],
        capture_output=True, text=True, check=True).stdout
    assert 'best with seeds 1 2 3' in listing
    assert len(listing.splitlines()) == len(experiments.EXPERIMENTS)

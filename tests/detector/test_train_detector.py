"""`make detector`, and the recipe for photographs."""
import json
import os
import signal
import sys

import detect
import numpy
import pytest
import train_detector
from helpers import random_truth, small_set
from mxnet import np, npx
from numpy.testing import assert_array_equal

from d2l_ext import PHOTOGRAPHS, Step, make_detector, train_recipe
from d2l_ext.data.folders import voc_dir
from d2l_ext.detector import efficientnet
from d2l_ext.drawn.dataset import is_drawn
from d2l_ext.errors import DatasetWarning, PretrainedError

TINY = PHOTOGRAPHS._replace(steps=(Step('joint', 2, .01, .1),), side=64,
                            batch_size=2, num_hidden=8, num_rois=8)


def test_the_recipe_suits_the_data(tmp_path, monkeypatch):
    drawn = small_set(tmp_path)
    assert train_detector.recipe_for(drawn)[0] == 'best'
    assert is_drawn(voc_dir()[0])
    name, why = train_detector.recipe_for(tmp_path)
    assert name == 'photographs'
    assert 'ImageNet' in why
    monkeypatch.setattr(efficientnet, 'PACKAGE', 'no_such_package')
    name, why = train_detector.recipe_for(tmp_path)
    assert name == 'best'
    assert 'pip install no-such-package' in why


class Batches:
    """Four batches; at one of them the process gets an interrupt."""

    def __init__(self, stop_at=None):
        rng = numpy.random.default_rng(0)
        self._given, self._stop_at = 0, stop_at
        self._batches = [
            (np.array(rng.normal(size=(2, 3, 64, 64)), dtype='float32'),
             random_truth(rng, 2, 3)) for _ in range(4)]

    def __len__(self):
        return 4

    def __iter__(self):
        for batch in self._batches:
            self._given += 1
            if self._given == self._stop_at:
                os.kill(os.getpid(), signal.SIGINT)
            yield batch


def trained(folder, stop_at=None):
    """What of the backbone is fixed; its parameters before and after, and
    those of the others."""
    npx.random.seed(1)
    detector = make_detector(TINY, ['cat', 'dog'])

    def values(*models):
        return [p.data().asnumpy().copy() for model in models
                for p in model.collect_params().values()]

    fixed = [p.grad_req == 'null'
             for p in detector.backbone.collect_params().values()]
    before, batches = values(detector.backbone), Batches(stop_at)
    train_recipe(TINY, detector, batches, batches, checkpoints=folder)
    return fixed, before, values(detector.backbone), values(*detector[1:3])


def test_a_training_from_imagenet_goes_on(tmp_path):
    """Bit for bit, and what is fixed stays as it was."""
    fixed, before, backbone, heads = trained(tmp_path / 'whole')
    assert 0 < sum(fixed) < len(fixed)
    for stays, old, new in zip(fixed, before, backbone):
        assert (old == new).all() == stays
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / 'stopped', stop_at=3)
    _, _, *resumed = trained(tmp_path / 'stopped')
    for ours, theirs in zip(resumed, (backbone, heads)):
        for a, b in zip(ours, theirs):
            assert_array_equal(a, b)


def test_imagenet_has_to_be_installed(monkeypatch):
    monkeypatch.setattr(efficientnet, 'PACKAGE', 'no_such_package')
    with pytest.raises(PretrainedError, match='not installed'):
        make_detector(TINY, ['cat'])


def test_from_training_to_detection(tmp_path, monkeypatch, capsys):
    """With a note of what it was trained on."""
    drawn = small_set(tmp_path)
    root = drawn.rename(tmp_path / 'pictures')
    monkeypatch.setenv('D2L_VOC_DIR', str(root))
    monkeypatch.setitem(train_detector.RECIPES, 'photographs', TINY)
    folder = tmp_path / 'model'
    monkeypatch.setattr(sys, 'argv', ['train', str(folder)])
    train_detector.main()
    said = capsys.readouterr().out
    assert 'Recipe "photographs", from parameters that were trained' in said
    note = json.loads((folder / 'detector.json').read_text())['note']
    assert note.startswith('trained on 8 pictures with ')
    assert note.endswith(' on 4 others')
    assert sorted(p.name for p in folder.iterdir()) == [
        'detector.json', 'detector.params']
    monkeypatch.setattr(sys, 'argv', [
        'detect', str(root / 'JPEGImages'), '--detector', str(folder),
        '--output', str(tmp_path / 'out'), '--score', '0'])
    with pytest.warns(DatasetWarning, match='test mode'):
        detect.main()
    assert f'The detector was {note}.' in capsys.readouterr().out

"""Figures of an evaluation show what they are given."""
import numpy
from helpers import small_set
from matplotlib import pyplot as plt

from d2l_ext.data.voc import VOCDetection
from d2l_ext.detector.error_analysis import Finding
from d2l_ext.plots.evaluation import plot_precision_recall, show_findings


def test_a_curve_for_each_class():
    curves = {'cat': numpy.linspace(1, 0, 101), 'dog': numpy.ones(101),
              'ox': numpy.full(101, numpy.nan)}
    plot_precision_recall(curves)
    axes, = plt.gcf().axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        'cat, AP 0.50', 'dog, AP 1.00', 'ox, no object']
    recall, precision = axes.lines[0].get_data()
    assert (recall[0], recall[-1]) == (0, 1)
    assert (precision == curves['cat']).all()


def test_findings_over_the_ground_truth(tmp_path):
    dataset = VOCDetection(small_set(tmp_path), 'train', 64, 64)
    findings = [Finding('confusion', 2, 'cat', .93, (1, 2, 30, 40)),
                Finding('missed', 0, 'dog', 0., (5, 5, 20, 25))]
    show_findings(findings, dataset)
    axes = plt.gcf().axes
    assert [ax.get_title() for ax in axes] == ['confusion', 'missed']
    for ax, item in zip(axes, findings):
        assert len(ax.patches) == len(dataset.objects[item.image]) + 1
        corner = ax.patches[-1].get_xy()
        assert tuple(corner) == item.box[:2]
        assert ax.images[0].get_array().shape[1::-1] == (
            dataset.image_size(item.image))
    assert [ax.texts[-1].get_text() for ax in axes] == ['cat 0.93', 'dog']
    assert axes[1].patches[-1].get_linestyle() == '--'


def test_nothing_to_show():
    show_findings([], None)
    assert not plt.get_fignums()

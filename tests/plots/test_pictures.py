"""Pictures show the boxes that they are given, with labels to read."""
import itertools

import numpy
import pytest
from matplotlib import colors
from matplotlib import pyplot as plt
from matplotlib.transforms import Bbox
from mxnet import np
from PIL import Image

from d2l_ext.plots import pictures as plotting

X = np.zeros((2, 3, 32, 48))
TRUTH = np.array([[[0, .1, .1, .5, .5], [1, .5, .5, 1, 1]],
                  [[1, 0, 0, .5, 1], [-1, -1, -1, -1, -1]]])
BOXES = np.array([[.25, .25, .75, .75], [0, 0, .5, .5], [.5, 0, 1, 1]]).T


def drawn():
    """Number of boxes, and labels, of each picture."""
    return [(len(ax.patches), [text.get_text() for text in ax.texts])
            for ax in plt.gcf().axes if ax.images]


def test_ground_truth():
    plotting.show_ground_truth(X, TRUTH, ['cat', 'dog'])
    assert drawn() == [(2, ['cat', 'dog']), (1, ['dog'])]
    box = plt.gcf().axes[0].patches[1]
    assert (*box.get_xy(), box.get_width(), box.get_height()) == (
        24, 16, 24, 16)


def test_proposals_over_the_ground_truth():
    preds = [[np.array([.9, .8, .7]), BOXES]] * 2
    plotting.visualize_rpn_preds(X, TRUTH, preds, num_proposals=2)
    assert drawn() == [(4, ['0.90', '0.80']), (3, ['0.90', '0.80'])]


def test_detections_over_the_ground_truth():
    detections = [[np.array([1, 0, 0]), np.array([.9, .6, .2]), BOXES],
                  [np.zeros(0), np.zeros(0), np.zeros((4, 0))]]
    plotting.visualize_rcnn_preds(X, TRUTH, detections, ['cat', 'dog'])
    assert drawn() == [(4, ['dog 0.90', 'cat 0.60']), (1, [])]


def test_pictures_in_their_own_sizes():
    """Boxes are in units of the sides, so they fit any size."""
    pictures = [Image.new('RGB', size) for size in ((200, 100), (60, 80))]
    plotting.show_ground_truth(pictures, TRUTH, ['cat', 'dog'])
    assert drawn() == [(2, ['cat', 'dog']), (1, ['dog'])]
    for ax, picture, (x, y, width, height) in zip(
            plt.gcf().axes, pictures,
            ((100, 50, 100, 50), (0, 0, 30, 80))):
        assert ax.images[0].get_array().shape[1::-1] == picture.size
        box = ax.patches[-1]
        assert (*box.get_xy(), box.get_width(), box.get_height()) == (
            x, y, width, height)


@pytest.mark.parametrize('color', [*plotting.COLORS, plotting.TRUTH, '#000',
                                   *plotting.shades(6)])
def test_labels_have_the_contrast_that_wcag_asks_for(color):
    def luminance(name):
        return sum(share * (value / 12.92 if value <= .04045 else
                            ((value + .055) / 1.055) ** 2.4)
                   for share, value in zip((.2126, .7152, .0722),
                                           colors.to_rgb(name)))
    dark, light = sorted(map(luminance, (color, plotting.ink(color))))
    assert (light + .05) / (dark + .05) >= 4.5


def test_shades_tell_ranks_apart():
    reds = [colors.to_rgb(color)[0] for color in plotting.shades(5)]
    assert reds == sorted(reds, reverse=True)
    assert numpy.diff(reds).max() < -.05


CROWD = [[[0, 0, 90, 60], [2, 3, 92, 58], [1, 1, 80, 70], [3, 2, 88, 64]],
         [[150, 0, 190, 9], [140, 85, 199, 99], [150, 80, 199, 99]],
         [[-40, -40, 250, 150], [-40, -40, 240, 140]]]


@pytest.mark.parametrize('boxes', CROWD)
def test_labels_cover_neither_each_other_nor_what_is_beside(boxes):
    _, axes = plt.subplots(figsize=(4, 2.4), layout='constrained')
    axes.imshow(numpy.zeros((100, 200)))
    labels = [f'dog, difficult {i}' for i in range(len(boxes))]
    plotting.show_boxes(axes, boxes, labels)
    axes.figure.draw_without_rendering()
    places = [text.get_window_extent() for text in axes.texts]
    assert [text.get_text() for text in axes.texts] == labels
    for place in places:
        assert axes.bbox.padded(1).containsx(place.x0)
        assert axes.bbox.padded(1).containsx(place.x1)
        assert axes.bbox.padded(1).containsy(place.y0)
        assert axes.bbox.padded(1).containsy(place.y1)
    for one, other in itertools.combinations(places, 2):
        assert Bbox.intersection(one, other) is None

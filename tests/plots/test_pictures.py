"""Pictures show the boxes that they are given."""
from matplotlib import pyplot as plt
from mxnet import np

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

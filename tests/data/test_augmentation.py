"""Windows and colours change, and boxes stay on what they show."""
import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from d2l_ext.data.augmentation import (
    GRAY,
    Change,
    change_image,
    cut_window,
    draw_changes,
)

PLAIN = (1., 1., 1.)


def picture_with_a_box(rng):
    """A white box, of whole pixels, on gray."""
    width, height = rng.integers(20, 60, 2)
    x1, y1 = rng.integers(0, [width - 4, height - 4])
    x2, y2 = rng.integers([x1 + 2, y1 + 2], [width, height])
    pixels = numpy.full((height, width, 3), GRAY, 'uint8')
    pixels[y1:y2, x1:x2] = 255
    label = numpy.full((3, 5), -1, 'float32')
    label[1] = [1, x1 / width, y1 / height, x2 / width, y2 / height]
    return Image.fromarray(pixels), label


@pytest.mark.parametrize('sides', [(.3, 1), (1, 1), (1, 2), (.5, 1.5)])
def test_boxes_follow_the_pixels(rng, sides):
    kept = 0
    for change in draw_changes(rng.uniform(size=(7, 200)), sides, 0.):
        image, label = change_image(*picture_with_a_box(rng), change)
        white = numpy.argwhere((numpy.asarray(image) == 255).all(axis=2))
        size = numpy.array([image.width, image.height] * 2)
        assert (label[[0, 2]] == -1).all()
        if not len(white):
            assert (label == -1).all()
            continue
        low, high = white.min(axis=0)[::-1], white.max(axis=0)[::-1] + 1
        assert label[1, 0] in (1, -3)
        kept += label[1, 0] == 1
        assert_allclose(label[1, 1:] * size, [*low, *high], atol=1e-3)
    assert kept > 60


def test_windows_have_the_sides_that_are_asked_for(rng):
    for sides in ((.5, 1.), (1., 2.)):
        windows = numpy.array([change.window for change in draw_changes(
            rng.uniform(size=(7, 500)), sides, 0.)])
        corners, size = windows[:, :2], windows[:, 2:]
        assert size.min() >= sides[0]
        assert size.max() <= sides[1]
        assert size.min() < sides[0] + .05
        assert size.max() > sides[1] - .05
        low, high = (0, 1) if sides[1] == 1 else (-1, 2)
        assert corners.min() >= low - 1e-9
        assert (corners + size).max() <= high + 1e-9


def test_what_is_cut_is_difficult_and_what_is_gone_is_padding():
    label = numpy.array([
        [0, .1, .1, .3, .3], [1, .4, .4, .8, .8], [1, .45, .1, .9, .3],
        [0, .6, .6, .9, .9], [-2, .1, .1, .2, .2], [-1] * 5], 'float32')
    assert_allclose(cut_window(label, (0, 0, .5, .5)), [
        [0, .2, .2, .6, .6],
        [-3, .8, .8, 1, 1],    # its centre is outside
        [-3, .9, .2, 1, .6],
        [-1] * 5,              # outside
        [-2, .2, .2, .4, .4],  # difficult before
        [-1] * 5], atol=1e-6)
    assert label[1, 0] == 1   # a copy was changed


def test_colors_are_multiplied(rng):
    pixels = rng.integers(0, 256, (6, 9, 3), 'uint8')
    image, _ = change_image(Image.fromarray(pixels), numpy.full((1, 5), -1.),
                            Change((0, 0, 1, 1), (.5, 1., 1.5)))
    assert_array_equal(numpy.asarray(image), numpy.clip(numpy.rint(
        pixels * [.5, 1, 1.5]), 0, 255))


def test_by_default_nothing_changes(rng):
    image, label = picture_with_a_box(rng)
    change, = draw_changes(rng.uniform(size=(7, 1)), (1, 1), 0)
    same, boxes = change_image(image, label, change)
    assert_array_equal(numpy.asarray(same), numpy.asarray(image))
    assert_allclose(boxes, label, atol=1e-6)

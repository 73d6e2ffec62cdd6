"""The picture that the sections take as their example: a cat and a dog."""
from __future__ import annotations

from typing import List, Tuple

import numpy
from PIL import Image

from ..drawn.animals import draw_cat, draw_dog
from ..drawn.scenes import draw_scene
from .annotations import VOCObject

__all__ = ['draw_example']

WIDTH, HEIGHT = 728, 561
OBJECTS = (VOCObject('cat', (400, 112, 655, 493), False),
           VOCObject('dog', (60, 45, 378, 516), False))


def draw_example() -> Tuple[Image.Image, List[VOCObject]]:
    """Draw a picture of 728 x 561 pixels with a cat and a dog.

    Returns
    -------
    image : PIL.Image.Image
        Always the same.
    objects : list of VOCObject
        The cat at pixels (400, 112, 655, 493), the dog at (60, 45, 378,
        516): the reference example of `label_anchors`.
    """
    image = draw_scene(numpy.random.default_rng(42), WIDTH // 2, HEIGHT // 2)
    image = image.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    for draw, seed, item in zip((draw_cat, draw_dog), (16, 5), OBJECTS):
        x1, y1, x2, y2 = item.box
        animal = draw(numpy.random.default_rng(seed), 1000, sitting=True)
        animal = animal.resize((x2 - x1, y2 - y1), Image.Resampling.LANCZOS)
        image.paste(animal, (x1, y1), animal)
    return image, list(OBJECTS)

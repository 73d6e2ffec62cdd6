"""The embedded data set: drawn cats and dogs in the layout of Pascal VOC."""
from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import List, NamedTuple, Tuple, Union
from xml.etree import ElementTree

import numpy as np
from filelock import FileLock
from PIL import Image
from tqdm import tqdm

from .animals import draw_cat, draw_dog
from .scenes import draw_scene

__all__ = ['DrawnObject', 'draw_picture', 'is_drawn', 'make_drawn_set']

CLASSES = ('cat', 'dog')
NUM_TRAIN, NUM_VAL, NUM_TEST = 800, 300, 300
_SEED = 2020
_NAME = 'drawn-cats-dogs'
# Increase it when a picture changes, so that an older set is not used.
_VERSION = 1
_SIZES = [(256, 256), (320, 240), (240, 320), (384, 256), (256, 384),
          (400, 300), (300, 400), (352, 288), (400, 240)]
# An animal is difficult if less than the first share of it is visible, and is
# drawn elsewhere if less than the second share would be.
_DIFFICULT, _HIDDEN = .5, .2
# The visible part of an animal has at least this share of the picture's sides.
_SMALLEST = .12


class DrawnObject(NamedTuple):
    """One animal of a picture, as an annotation describes it.

    `box` is (xmin, ymin, xmax, ymax), the visible pixels, counted as in
    Pascal VOC: from 1, both ends included.
    """
    name: str
    box: Tuple[int, int, int, int]
    truncated: bool
    difficult: bool


def _place(rng, width, height):
    """Place an animal on a canvas; returns its name, the canvas, its area."""
    name = CLASSES[rng.integers(2)]
    longest = rng.uniform(.22, .68) * min(width, height)
    draw = draw_cat if name == 'cat' else draw_dog
    # Drawn at twice the size, then reduced: smooth edges.
    animal = draw(rng, int(2 * longest) + 32, sitting=rng.random() < .35)
    animal = animal.rotate(rng.normal(0, 14), Image.Resampling.BILINEAR,
                           expand=True)
    animal = animal.crop(animal.getbbox())
    scale = longest / max(animal.size)
    animal = animal.resize([max(1, round(scale * s)) for s in animal.size],
                           Image.Resampling.BOX)
    w, h = animal.size
    edge = .3   # up to this share of the animal may be outside the picture
    x = int(rng.uniform(-edge * w, width - (1 - edge) * w))
    y = int(rng.uniform(-edge * h, height - (1 - edge) * h))
    area = np.count_nonzero(np.asarray(animal.getchannel('A')) > 127)
    canvas = Image.new('RGBA', (width, height))
    canvas.paste(animal, (x, y))
    return name, canvas, area


def draw_picture(rng: np.random.Generator
                 ) -> Tuple[Image.Image, List[DrawnObject]]:
    """Draw one picture with one to four cats and dogs.

    Parameters
    ----------
    rng
        Source of everything random.

    Returns
    -------
    image : PIL.Image.Image
        RGB, of one of nine sizes between 240 and 400 pixels a side.
    objects : list of DrawnObject
        The animals in it. Width and height of a box are between 12 and 70 %
        of the picture's.
    """
    width, height = _SIZES[rng.integers(len(_SIZES))]
    image = draw_scene(rng, width, height)
    placed = []   # (name, mask of the visible part, area of the whole)
    for _ in range(rng.choice(4, p=[.40, .33, .17, .10]) + 1):
        for _ in range(20):
            name, canvas, area = _place(rng, width, height)
            mask = np.asarray(canvas.getchannel('A')) > 127
            shows = [(other, seen & ~mask, whole)
                     for other, seen, whole in placed]
            shows.append((name, mask, area))
            if all(_is_visible(seen, whole) for _, seen, whole in shows):
                placed = shows
                image.paste(canvas, (0, 0), canvas)
                break
    return image, [_describe(*animal) for animal in placed]


def _bounds(seen):
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    return (int(columns[0]) + 1, int(rows[0]) + 1,
            int(columns[-1]) + 1, int(rows[-1]) + 1)


def _is_visible(seen, whole):
    if np.count_nonzero(seen) < _HIDDEN * whole:
        return False
    height, width = seen.shape
    xmin, ymin, xmax, ymax = _bounds(seen)
    return (xmax - xmin + 1 >= _SMALLEST * width
            and ymax - ymin + 1 >= _SMALLEST * height)


def _describe(name, seen, whole):
    height, width = seen.shape
    box = _bounds(seen)
    return DrawnObject(
        name, box,
        truncated=box[0] == 1 or box[1] == 1 or box[2] == width
        or box[3] == height,
        difficult=np.count_nonzero(seen) < _DIFFICULT * whole)


def _annotation(filename, size, objects):
    root = ElementTree.Element('annotation')

    def add(parent, tag, text=None):
        child = ElementTree.SubElement(parent, tag)
        child.text = text if text is None else str(text)
        return child

    add(root, 'folder', 'VOC2012')
    add(root, 'filename', filename)
    add(add(root, 'source'), 'database', 'Drawn cats and dogs')
    node = add(root, 'size')
    for tag, value in zip(('width', 'height', 'depth'), (*size, 3)):
        add(node, tag, value)
    add(root, 'segmented', 0)
    for item in objects:
        node = add(root, 'object')
        add(node, 'name', item.name)
        add(node, 'pose', 'Unspecified')
        add(node, 'truncated', int(item.truncated))
        add(node, 'difficult', int(item.difficult))
        box = add(node, 'bndbox')
        for tag, value in zip(('xmin', 'ymin', 'xmax', 'ymax'), item.box):
            add(box, tag, value)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding='unicode') + '\n'


def _write_picture(root, number):
    # A generator of its own makes each picture independent of the others.
    image, objects = draw_picture(np.random.default_rng((_SEED, number)))
    name = f'{number:06d}'
    image.save(root / 'JPEGImages' / f'{name}.jpg', quality=92)
    (root / 'Annotations' / f'{name}.xml').write_text(
        _annotation(f'{name}.jpg', image.size, objects), encoding='utf-8')
    return name, objects


def _write_lists(root, split, pictures):
    folder = root / 'ImageSets' / 'Main'
    (folder / f'{split}.txt').write_text(
        ''.join(f'{name}\n' for name, _ in pictures))
    for class_name in CLASSES:
        rows = []
        for name, objects in pictures:
            difficult = [o.difficult for o in objects
                         if o.name == class_name]
            # VOC's three flags: absent, all difficult, present.
            flag = -1 if not difficult else 0 if all(difficult) else 1
            rows.append(f'{name} {flag:2d}\n')
        (folder / f'{class_name}_{split}.txt').write_text(''.join(rows))


def make_drawn_set(folder: os.PathLike, num_train: int = NUM_TRAIN,
                   num_val: int = NUM_VAL, num_test: int = 0) -> Path:
    """Draw the embedded data set, unless it exists.

    A picture depends only on its number, so everybody gets the same set. The
    set is moved to its place when it is complete, so an interrupted call
    leaves no partial set, and two processes that ask for it at the same time
    get one.

    Parameters
    ----------
    folder
        Folder of this project's data sets.
    num_train, num_val, num_test
        Number of pictures. Rates and recipes are chosen on those of `val`;
        those of `test` are kept for final figures.

    Returns
    -------
    pathlib.Path
        The root of a VOC devkit, with `JPEGImages`, `Annotations` and
        `ImageSets/Main`.
    """
    folder = Path(folder)
    sizes = {'train': num_train, 'val': num_val, 'test': num_test}
    sizes = {split: size for split, size in sizes.items() if size}
    root = folder / '-'.join(
        [f'{_NAME}-v{_VERSION}', *map(str, sizes.values())])
    if root.exists():
        return root
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f'{root.name}.lock'):
        if root.exists():
            return root
        partial = folder / f'{root.name}.partial'
        shutil.rmtree(partial, ignore_errors=True)
        for sub in ('JPEGImages', 'Annotations', 'ImageSets/Main'):
            (partial / sub).mkdir(parents=True)
        numbers = range(sum(sizes.values()))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            pictures = list(tqdm(
                pool.map(lambda i: _write_picture(partial, i), numbers),
                'Drawing cats and dogs', len(numbers), leave=False))
        for split, size in sizes.items():
            _write_lists(partial, split, pictures[:size])
            del pictures[:size]
        os.replace(partial, root)
    return root


def is_drawn(root: Union[str, os.PathLike]) -> bool:
    """Whether a folder is one that `make_drawn_set` made."""
    return Path(root).name.startswith(f'{_NAME}-v')

"""Data sets of any size and format, and photographs: all of drawn pictures.
"""
import itertools
import json
import os
from pathlib import Path

import numpy
from PIL import Image

from d2l_ext.data.folders import data_dir
from d2l_ext.drawn.dataset import NUM_TEST, make_drawn_set

# Folders of the pictures and of their XML files, if there are any.
FORMATS = {"Pascal VOC's lists": ('JPEGImages', 'Annotations'),
           'XML beside pictures': ('', ''),
           'folders of splits': ('{split}', '{split}'),
           'JSON of COCO': ('{split}', None)}
# Of the two objects of each picture: left, top, width, height.
BOXES = (10, 20, 100, 100), (60, 80, 130, 120)
OBJECT = """\
 <object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax>
 <ymax>{}</ymax></bndbox></object>
"""
# Side lengths of most of Pascal VOC's photographs. With grain of this
# standard deviation a file has as many bytes as one of them, about 90,000.
PHOTOGRAPH, GRAIN = (500, 375), 14


def make(folder, kind, sizes, num_classes=2):
    """Make a data set, of `FORMATS`, in an empty folder.

    `sizes` has the number of pictures by split. Picture i shows an object of
    class i and one of the next class, and so round again.
    """
    folder = Path(folder)
    for_pictures, for_xml = FORMATS[kind]
    classes = [f'class-{number}' for number in range(num_classes)]
    shown = list(zip(classes, classes[1:] + classes[:1]))
    for split, size in sizes.items():
        names = [f'{split}-{number:06}' for number in range(size)]
        here = folder / for_pictures.format(split=split)
        link(here, names, drawn_pictures(split))
        if for_xml is None:
            content = coco(names, shown, classes)
            (here / '_annotations.coco.json').write_text(json.dumps(content))
        else:
            link(folder / for_xml.format(split=split), names,
                 xml_files(folder / '.xml', shown))
        if for_pictures == 'JPEGImages':
            write_lists(folder / 'ImageSets/Main', split, names, shown)


def drawn_pictures(split):
    root = make_drawn_set(data_dir(), num_test=NUM_TEST).resolve()
    names = (root / f'ImageSets/Main/{split}.txt').read_text().split()
    return [f'{root}/JPEGImages/{name}.jpg' for name in names]


def link(folder, names, targets):
    """Links, for a hundred thousand files would fill the disk."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, target in zip(names, itertools.cycle(targets)):
        os.symlink(target, f'{folder}/{name}{Path(target).suffix}')


def xml_files(folder, shown):
    """One for each pair of classes, in a folder that no reader looks into."""
    folder.mkdir(exist_ok=True)
    paths = []
    for number, pair in enumerate(shown):
        objects = ''.join(
            OBJECT.format(name, x + 1, y + 1, x + width, y + height)
            for name, (x, y, width, height) in zip(pair, BOXES))
        paths.append(folder / f'{number}.xml')
        paths[-1].write_text(f'<annotation>\n{objects}</annotation>\n')
    return paths


def write_lists(folder, split, names, shown):
    folder.mkdir(parents=True, exist_ok=True)
    for kind, _ in shown:
        rows = (f'{name} {1 if kind in pair else -1}\n'
                for name, pair in zip(names, itertools.cycle(shown)))
        (folder / f'{kind}_{split}.txt').write_text(''.join(rows))


def coco(names, shown, classes):
    images, annotations = [], []
    for name, pair in zip(names, itertools.cycle(shown)):
        images.append({'id': len(images), 'file_name': f'{name}.jpg'})
        annotations += [
            {'id': len(annotations) + i, 'image_id': images[-1]['id'],
             'category_id': classes.index(kind), 'bbox': box}
            for i, (kind, box) in enumerate(zip(pair, BOXES))]
    categories = [{'id': number, 'name': name}
                  for number, name in enumerate(classes)]
    return {'images': images, 'annotations': annotations,
            'categories': categories}


def make_photographs(folder, number):
    """What costs as much to decode as photographs do."""
    rng = numpy.random.default_rng(1)
    for path in map(Path, drawn_pictures('val')[:number]):
        pixels = numpy.asarray(Image.open(path).resize(PHOTOGRAPH))
        grain = rng.normal(0, GRAIN, pixels.shape)
        picture = (pixels + grain).clip(0, 255).astype('uint8')
        Image.fromarray(picture).save(Path(folder, path.name), quality=90)

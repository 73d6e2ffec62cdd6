"""Report everything that is wrong with a data set, and what it is good for.

    python tools/check_data.py [FOLDER]

FOLDER may have any layout of docs/own-data.md; without it, the data set is
checked that the chapter reads. Ends with status 1 if there is a problem.
Pictures are not decoded unless their end is missing: ten thousand of them
take a few seconds.
"""
import argparse
import hashlib
import os
import sys
import warnings
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tqdm import tqdm
from train_detector import RECIPES, describe_plan, plan, recipe_for

import d2l_ext as d2l
from d2l_ext.data.batches import load_datasets
from d2l_ext.data.folders import find_root
from d2l_ext.data.layouts import (
    find_layout,
    list_files,
    listed,
    split_named,
)
from d2l_ext.data.splits import choose_classes, choose_split, look_alikes
from d2l_ext.errors import some_of

# A class with fewer objects to learn from is pointed out.
FEW_OBJECTS = 20
# Smaller sides than this, in pixels of the network's input, are pointed out:
# half a cell of the features that the detector looks at.
TINY = 8


def problems_of_lists(layout):
    """What is wrong with the lists, and the rows of each by its file."""
    problems, lists = list(layout.broken), {}
    for path in list_files(layout.root):
        try:
            rows = listed(path, layout.root, layout.sources)
        except d2l.DatasetError:
            continue   # among the broken ones
        counts = Counter(name for name, _ in rows)
        twice = [name for name, count in counts.items() if count > 1]
        if twice:
            problems.append(f'{path}: {len(twice)} names are there more than '
                            f'once: {some_of(twice)}.')
        if '_' in path.stem and all(flag != '1' for _, flag in rows):
            problems.append(f'{path}: no picture has the flag 1.')
        lists[path] = rows
    return problems, lists


def problems_of_flags(lists, pictures):
    """Where the list of a class says something else than the annotations.

    Lists tell which pictures are read, annotations what is on them: with a
    wrong flag a picture counts as background, or is not read.
    """
    for path, rows in lists.items():
        kind, _, split = path.stem.rpartition('_')
        # Other lists, such as train.txt, are not about a class.
        if not kind or not split_named(split):
            continue
        flagged = {name for name, flag in rows if flag == '1'}
        for name in sorted(pictures.keys() & {name for name, _ in rows}):
            seen = [item for item in pictures[name].objects
                    if item.name == kind]
            if name in flagged and not seen:
                yield (f'{path}: {name} has the flag 1, but shows no {kind} '
                       'that can be used.')
            if name not in flagged and not all(
                    item.difficult for item in seen):
                yield (f'{path}: {name} shows a {kind}, but does not have '
                       'the flag 1.')


def problems_of_splits(layout, classes, pictures):
    """Pictures, by name or by content, to train on and to validate on."""
    try:
        train, val = (set(choose_split(layout, split, classes).names)
                      for split in ('train', 'val'))
    except d2l.DatasetError:
        return   # `forecast` tells it
    for name in sorted(train & val):
        yield f'{name}: is both to train and to validate on.'
    sizes = defaultdict(list)
    for name in sorted((train | val) & pictures.keys()):
        sizes[os.path.getsize(pictures[name].path)].append(name)
    for names in sizes.values():
        if not (train.intersection(names) and val.intersection(names)):
            continue
        same = defaultdict(list)
        for name in names:
            content = Path(pictures[name].path).read_bytes()
            same[hashlib.sha1(content).digest()].append(name)
        for group in same.values():
            both = (sorted(train.intersection(group) - val)
                    and sorted(val.intersection(group) - train))
            if both:
                yield (f'{some_of(group)}: the same picture, both to train '
                       'and to validate on.')


def remarks(layout, classes, lists, pictures):
    """What is no fault, but good to know."""
    annotated = {item.name for p in pictures.values() for item in p.objects}
    for name, others in look_alikes(classes, sorted(annotated)).items():
        if others:
            yield (f'{name!r} and {" and ".join(map(repr, others))} are '
                   'both annotated: are they two classes?')
    if layout.unannotated:
        yield (f'{len(layout.unannotated)} pictures without an annotation '
               'are not read, '
               f'{layout.unannotated[0]} for instance.')
    named = {name for rows in lists.values() for name, _ in rows}
    if named:
        rest = sorted(layout.sources.keys() - named)
        if rest:
            yield (f'{len(rest)} annotated pictures are in no list, '
                   f'{rest[0]} for instance.')
    kinds = {kind for kind, _ in layout.class_lists}
    for kind in sorted(set(classes) & kinds):
        for split in ('train', 'val'):
            if (kind, split) not in layout.class_lists:
                yield f'there is no list {kind}_{split}.txt.'
    without = sorted(annotated - kinds)
    if kinds and without:
        yield (f'there are no lists of {some_of(without)}: without '
               'CLASSES="..." only classes with lists are looked for.')


def remarks_on_objects(train, val, side):
    """Classes that are rare, and objects that are too small to be seen."""
    for dataset, least in ((train, FEW_OBJECTS), (val, 1)):
        counts = objects_of(dataset)
        for name in dataset.classes:
            if counts[name] < least:
                found = f'only {counts[name]}' if counts[name] else 'none'
                yield (f'{found} of {name} '
                       + ('to learn from.' if dataset is train else
                          'to validate on.'))
    counts, tiny = objects_of(train), Counter()
    for index, objects in enumerate(train.objects):
        width, height = train.image_size(index)
        for item in objects:
            x1, y1, x2, y2 = item.box
            tiny[item.name] += side * min((x2 - x1) / width,
                                          (y2 - y1) / height) < TINY
    for name, count in sorted((+tiny).items()):
        yield (f'{count} of {counts[name]} {name} measure less '
               f'than {TINY} pixels once a picture has {side} x {side}: '
               'hardly any will be found.')


def objects_of(dataset):
    """Objects by class, without the difficult ones."""
    return Counter(item.name for objects in dataset.objects
                   for item in objects if not item.difficult)


def forecast():
    """What `make detector` would do, and what is to be said of its data.

    The data sets are those that it would train on: read by the same code.
    """
    try:
        recipe = RECIPES[recipe_for(d2l.voc_dir()[0])[0]]
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            train, val = load_datasets(recipe.side, recipe.side, quiet=True)
    except d2l.DatasetError as error:
        return False, [], f'`make detector` would stop. {error}'
    notes = list(remarks_on_objects(train, val, recipe.side))
    if val.note:
        notes.insert(0, f'{val.note}.')
    return True, notes, ('`make detector` would train '
                         + describe_plan(plan(recipe, train), train, val))


def inspect_all(layout):
    """Pictures by name, those that can be used, and all problems."""
    names = sorted(layout.sources)
    with ProcessPoolExecutor() as pool:
        inspected = list(tqdm(
            pool.map(d2l.inspect_picture,
                     [layout.sources[name] for name in names], chunksize=64),
            'Checking', len(names), leave=False))
    return ({name: picture for name, (picture, _) in zip(names, inspected)
             if picture},
            [p.what for _, found in inspected for p in found])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', nargs='?', default='')
    folder = parser.parse_args().folder
    # Names may have any bytes.
    sys.stdout.reconfigure(errors='backslashreplace')
    try:
        if folder:
            os.environ['D2L_VOC_DIR'] = str(find_root(folder))
        layout = find_layout(d2l.voc_dir()[0])
    except d2l.DatasetError as error:
        sys.exit(str(error))
    problems, lists = problems_of_lists(layout)
    pictures, found = inspect_all(layout)
    problems += [*found, *problems_of_flags(lists, pictures)]
    try:
        classes = choose_classes(layout)
    except d2l.DatasetError:
        classes = []   # `forecast` tells it
    problems += problems_of_splits(layout, classes, pictures)
    trains, notes, sentence = forecast()
    objects = Counter(item.name for picture in pictures.values()
                      for item in picture.objects)
    print(*problems, sep='\n', end='\n' if problems else '')
    for note in [*remarks(layout, classes, lists, pictures), *notes]:
        print('Note:', note)
    print(f'{layout.root} ({layout.kind}): {len(pictures):,} of '
          f'{len(layout.sources):,} pictures can be used, with '
          + (some_of(f'{n:,} {name}' for name, n
                     in sorted(objects.items())) or 'no object')
          + f'. {len(problems) or "No"} problem'
          + ('s.' if len(problems) != 1 else '.'))
    print(sentence)
    sys.exit(bool(problems) or not trains)


if __name__ == '__main__':
    main()

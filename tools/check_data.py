"""Report everything that is wrong with a data set in VOC layout.

    python tools/check_data.py FOLDER

Ends with status 1 if there is a problem. Pictures are not decoded unless
their end is missing: ten thousand of them take a few seconds.
"""
import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from tqdm import tqdm

import d2l_ext as d2l
from d2l_ext.data.annotations import read_flags
from d2l_ext.data.folders import check_folders, find_root

SPLITS = ('train', 'val', 'trainval', 'test')


def problems_of_lists(root):
    """What is wrong with the lists, and the rows of each by its file."""
    problems, lists = [], {}
    for path in sorted((root / 'ImageSets' / 'Main').glob('*.txt')):
        try:
            rows = read_flags(path)
        except d2l.DatasetError as error:
            problems.append(str(error))
            continue
        counts = Counter(name for name, _ in rows)
        twice = [name for name, count in counts.items() if count > 1]
        if twice:
            problems.append(f'{path}: {len(twice)} names are there more than '
                            f'once: {", ".join(twice)}.')
        if '_' in path.stem and all(flag != '1' for _, flag in rows):
            problems.append(f'{path}: no picture has the flag 1.')
        lists[path] = rows
    if not problems and not lists:
        problems.append(f'{root / "ImageSets" / "Main"}: there is no list.')
    return problems, lists


def problems_of_flags(lists, pictures):
    """Where the list of a class says something else than the annotations.

    Lists tell which pictures are read, annotations what is on them: with a
    wrong flag a picture counts as background, or is not read.
    """
    pictures = {picture.name: picture for picture in pictures}
    for path, rows in lists.items():
        kind, _, split = path.stem.rpartition('_')
        # Other lists, such as train.txt, are not about a class.
        if not kind or split not in SPLITS:
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', type=Path)
    folder = parser.parse_args().folder
    try:
        root = find_root(folder)
        check_folders(root)
    except d2l.DatasetError as error:
        sys.exit(str(error))
    problems, lists = problems_of_lists(root)
    annotated = {str(path.relative_to(root / 'Annotations').with_suffix(''))
                 for path in (root / 'Annotations').rglob('*.xml')}
    names = sorted(annotated | {name for rows in lists.values()
                                for name, flag in rows if flag == '1'})
    with ProcessPoolExecutor() as pool:
        inspected = list(tqdm(
            pool.map(partial(d2l.inspect_picture, root), names,
                     chunksize=64), 'Checking', len(names), leave=False))
    problems += [p.what for _, found in inspected for p in found]
    pictures = [picture for picture, _ in inspected if picture]
    problems += problems_of_flags(lists, pictures)
    objects = Counter(item.name for picture in pictures
                      for item in picture.objects)
    print(*problems, sep='\n', end='\n' if problems else '')
    print(f'{root}: {len(pictures):,} of {len(names):,} pictures can be used, '
          'with ' + (', '.join(f'{n:,} {name}' for name, n
                                in sorted(objects.items())) or 'no object')
          + f'. {len(problems) or "No"} problem'
          + ('s.' if len(problems) != 1 else '.'))
    sys.exit(bool(problems))


if __name__ == '__main__':
    main()

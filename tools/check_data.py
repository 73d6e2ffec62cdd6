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
from d2l_ext.annotations import read_list
from d2l_ext.voc import check_folders, find_root


def problems_of_lists(root):
    """What is wrong with the lists, and all names in them."""
    problems, names = [], set()
    lists = sorted((root / 'ImageSets' / 'Main').glob('*.txt'))
    if not lists:
        problems.append(f'{root / "ImageSets" / "Main"}: there is no list.')
    for path in lists:
        try:
            listed = read_list(path)
        except d2l.DatasetError as error:
            problems.append(str(error))
            continue
        twice = [name for name, n in Counter(listed).items() if n > 1]
        if twice:
            problems.append(f'{path}: {len(twice)} names are there more than '
                            f'once, {twice[0]} for instance.')
        if not listed and '_' in path.stem:
            problems.append(f'{path}: no picture has the flag 1.')
        names.update(listed)
    return problems, names


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', type=Path)
    folder = parser.parse_args().folder
    try:
        root = find_root(folder)
        check_folders(root)
    except d2l.DatasetError as error:
        sys.exit(str(error))
    problems, listed = problems_of_lists(root)
    annotated = {str(path.relative_to(root / 'Annotations').with_suffix(''))
                 for path in (root / 'Annotations').rglob('*.xml')}
    names = sorted(listed | annotated)
    with ProcessPoolExecutor() as pool:
        inspected = list(tqdm(
            pool.map(partial(d2l.inspect_picture, root), names,
                     chunksize=64), 'Checking', len(names), leave=False))
    objects, usable = Counter(), 0
    for picture, found in inspected:
        problems += [problem.what for problem in found]
        usable += picture is not None
        objects.update(item.name for item in (
            picture.objects if picture else ()))
    print(*problems, sep='\n', end='\n' if problems else '')
    print(f'{root}: {usable:,} of {len(names):,} pictures can be used, with '
          + (', '.join(f'{n:,} {name}' for name, n in sorted(objects.items()))
             or 'no object')
          + f'. {len(problems) or "No"} problem'
          + ('s.' if len(problems) != 1 else '.'))
    sys.exit(bool(problems))


if __name__ == '__main__':
    main()

"""Compare the notebooks of a complete run with the committed ones.

    python tools/verify.py

Ends with status 1, and names the cells, if build/*.ipynb show anything else
than notebooks/*.ipynb, but for cells with the tag `machine`: they name it, or
show what its clock says. Pictures are compared to the pixel if the same
matplotlib drew both, as they say themselves; another one draws other pixels of
the same numbers, so that their number alone is compared, and a line says so.
"""
import base64
import collections
import io
import re
import sys
from pathlib import Path

import nbformat
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent


def shown(cell):
    """What a cell shows, in its order; texts printed in pieces are joined."""
    found = []
    for output in cell.get('outputs', ()):
        if output.output_type == 'stream':
            if found and found[-1][0] == output.name:
                found[-1][1] += output.text
            else:
                found.append([output.name, output.text])
            continue
        if output.output_type == 'error':
            found.append(['error', output.evalue])
        for kind, value in sorted(output.get('data', {}).items()):
            found.append([kind, value])
    return found


def pixels(png):
    image = opened(png).convert('RGBA')
    return image.size, image.tobytes()


def opened(png):
    return Image.open(io.BytesIO(base64.b64decode(png)))


def drawn_by(png):
    """The version of matplotlib that a picture names, or none."""
    named = re.match(r'Matplotlib version ?(\d[\w.+]*)',
                     opened(png).info.get('Software', ''))
    return named and named[1]


def same(kind, old, new, versions):
    """Whether outputs of a kind are the same, as far as can be told."""
    if len(old) != len(new) or kind != 'image/png':
        return old == new
    found = True
    for pair in zip(old, new):
        drawers = tuple(drawn_by(png) for png in pair)
        if all(drawers) and len(set(drawers)) > 1:
            versions[drawers] += 1
        else:
            found &= pixels(pair[0]) == pixels(pair[1])
    return found


def differences(committed, run, versions):
    """Numbers and kinds of what differs, cell by cell.

    `versions` counts the pictures that can't be compared by the versions of
    matplotlib that drew the committed one and the other.
    """
    if [cell.source for cell in committed.cells] != [
            cell.source for cell in run.cells]:
        yield 'the cells themselves'
        return
    for number, (old, new) in enumerate(zip(committed.cells, run.cells)):
        if 'machine' in old.metadata.get('tags', []):
            continue
        old, new = shown(old), shown(new)
        kinds = {kind for kind, _ in old + new}
        for kind in sorted(kinds):
            if not same(kind, *([v for k, v in cell if k == kind]
                                for cell in (old, new)), versions):
                yield f'cell {number}: {kind}'


def main():
    failed, versions = False, collections.Counter()
    for path in sorted((ROOT / 'notebooks').glob('*.ipynb')):
        run = ROOT / 'build' / path.name
        if not run.exists():
            found = ['it was not run']
        else:
            found = list(differences(nbformat.read(path, 4),
                                     nbformat.read(run, 4), versions))
        print(f'{path.name}: {", ".join(found) or "the same"}')
        failed |= bool(found)
    for (book, here), number in versions.items():
        print(f'{number} pictures were not compared: matplotlib {book} drew '
              f'those of the book, {here} those of this run')
    if failed:
        sys.exit(1)


if __name__ == '__main__':
    main()

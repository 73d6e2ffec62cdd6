"""Compare the notebooks of a complete run with the committed ones.

    python tools/verify.py

Ends with status 1, and names the cells, if build/*.ipynb show anything else
than notebooks/*.ipynb, but for cells with the tag `machine`: they name it, or
show what its clock says. Pictures are compared to the pixel: another version
of matplotlib draws others.
"""
import base64
import io
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
            found.append([kind, pixels(value) if kind == 'image/png' else
                          value])
    return found


def pixels(png):
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert('RGBA')
    return image.size, image.tobytes()


def differences(committed, run):
    """Numbers and kinds of what differs, cell by cell."""
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
            if [v for k, v in old if k == kind] != [
                    v for k, v in new if k == kind]:
                yield f'cell {number}: {kind}'


def main():
    failed = False
    for path in sorted((ROOT / 'notebooks').glob('*.ipynb')):
        run = ROOT / 'build' / path.name
        if not run.exists():
            found = ['it was not run']
        else:
            found = list(differences(nbformat.read(path, 4),
                                     nbformat.read(run, 4)))
        print(f'{path.name}: {", ".join(found) or "the same"}')
        failed |= bool(found)
    sys.exit(failed)


if __name__ == '__main__':
    main()

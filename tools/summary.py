"""Print the figures that an executed notebook ends with, and where it is.

    python tools/summary.py build/faster-rcnn.ipynb
"""
import sys
from pathlib import Path

import nbformat

# Cells whose printed output is a result carry this tag.
TAG = 'result'


def main():
    path = Path(sys.argv[1])
    notebook = nbformat.read(path, as_version=4)
    print()
    for cell in notebook.cells:
        if TAG in cell.metadata.get('tags', []):
            for output in cell.outputs:
                print(output.get('text', ''), end='')
    print(f'\nThe executed notebook: {path}'
          f'\nThe same as a page:    {path.with_suffix(".html")}')


if __name__ == '__main__':
    main()

"""Print the results of an executed notebook and where to find it.

    python tools/summary.py build/faster-rcnn.ipynb
"""
import sys
from pathlib import Path

import nbformat

# The tag of cells whose printed output is a result.
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

"""Save the last figure of the chapter as the picture in the README.

    python tools/readme_picture.py
"""
import base64
from pathlib import Path

import nbformat

ROOT = Path(__file__).parent.parent


def last_figure() -> bytes:
    """The last figure of the chapter, as PNG."""
    notebook = nbformat.read(ROOT / 'notebooks' / 'faster-rcnn.ipynb',
                             as_version=4)
    figures = [output.data['image/png'] for cell in notebook.cells
               if cell.cell_type == 'code' for output in cell.outputs
               if 'image/png' in output.get('data', {})]
    return base64.b64decode(figures[-1])


if __name__ == '__main__':
    (ROOT / 'img' / 'detections.png').write_bytes(last_figure())

"""Make the picture in the README of figures that the notebooks show.

    python tools/readme_picture.py

Above are four pictures with what the chapter's own training finds, below the
same four with what the best recipe of the solutions finds.
"""
import base64
import io
from pathlib import Path

import nbformat
from PIL import Image

ROOT = Path(__file__).parent.parent
# The notebook, and the beginning of the figure's caption.
FIGURES = (('faster-rcnn', 'Detections of which the model'),
           ('faster-rcnn-solutions', 'Detections of the best recipe on'))


def figure(notebook, caption):
    """A figure of a notebook: eight pictures, in two rows."""
    for cell in nbformat.read(ROOT / 'notebooks' / f'{notebook}.ipynb',
                              as_version=4).cells:
        about = cell.metadata.get('mystnb', {}).get('figure', {})
        if about.get('caption', '').startswith(caption):
            png, = (output.data['image/png'] for output in cell.outputs
                    if 'image/png' in output.get('data', {}))
            return Image.open(io.BytesIO(base64.b64decode(png)))
    raise LookupError(f'{notebook}: no figure has the caption {caption!r}')


def readme_picture():
    """The first rows of both figures, one above the other."""
    above, below = (figure(*where).convert('RGB') for where in FIGURES)
    half = above.height // 2
    picture = Image.new('RGB', (above.width, 2 * half))
    picture.paste(above.crop((0, 0, above.width, half)), (0, 0))
    picture.paste(below.crop((0, 0, below.width, half)), (0, half))
    return picture.quantize(256, dither=Image.Dither.NONE)


if __name__ == '__main__':
    readme_picture().save(ROOT / 'img' / 'detections.png', optimize=True)

"""Figures that move, for slides: what draws them, as parts of one file."""
import base64
import json
from pathlib import Path

import yaml

DOCS = Path(__file__).parents[2] / 'docs'
FOLDER = DOCS / '_static' / 'figures'
MARKUP = '<div class="moving-figure" data-figure="{}"></div>'


def known():
    """Captions of the figures by name, and the scripts that draw them."""
    return yaml.safe_load((DOCS / 'figures.yml').read_text('utf-8'))


def scripts(deck):
    """What draws the figures of a deck, with their pictures; '' for none."""
    if not any('figure' in entry for entry in deck['cells'].values()):
        return ''
    pictures = {path.name: 'data:image/jpeg;base64,' + base64.b64encode(
        path.read_bytes()).decode() for path in FOLDER.glob('*.jpg')}
    # After the first one, which makes the name that they share.
    first, *others = ((FOLDER / f'{name}.js').read_text('utf-8')
                      for name in known()['scripts'])
    return '\n'.join(['', first, f'figures.pictures = {json.dumps(pictures)};',
                      *others])


def style():
    return (FOLDER / 'figures.css').read_text('utf-8')

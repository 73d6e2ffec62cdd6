"""Make a deck of slides of each section, one HTML file that needs nothing.

    python tools/course/slides.py build/slides

What is on a slide comes from the committed notebooks: the metadata
`slideshow.slide_type` of a cell says slide, subslide, fragment, notes or skip
(in JupyterLab: the property inspector). What only a projector or a speaker
needs is in docs/slides/SECTION.yml; docs/teaching.md explains the two. COURSE,
LECTURER and DATE in the environment are shown on the first slide.
"""
import argparse
import base64
import html
import json
import os
import re
import sys
import textwrap
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import nbformat
import yaml
from jinja2 import FileSystemLoader
from nbconvert import SlidesExporter
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from pygments.formatters import HtmlFormatter

ROOT = Path(__file__).parents[2]
DECKS = ROOT / 'docs' / 'slides'
# The package carries reveal.js and its licence; nothing else of it is used.
REVEAL = Path(metadata.distribution('sphinx-revealjs').locate_file(
    'sphinx_revealjs/_static/revealjs'))
MATHJAX = Path(find_spec('sphinx-mathjax-offline').origin).parent / (
    'static/mathjax/tex-svg.js')
SECTIONS = ['detection-data', 'anchors', 'rpn', 'faster-rcnn', 'fine-tuning']
SLIDE_TYPES = {'slide', 'subslide', 'fragment', '-', 'notes', 'skip'}
FIELDS = {'text', 'minutes', 'notes', 'from', 'to', 'code', 'output', 'alt',
          'layout', 'figure', 'moving'}
# Minutes for a slide that the deck does not mention.
MINUTES = 1
# What the first slide says about the lesson, if the shell says it.
OCCASION = ('COURSE', 'LECTURER', 'DATE')
# Figures that move.
FIGURES = ROOT / 'docs' / '_static' / 'figures'
FIGURE = '<div class="moving-figure" data-figure="{}"></div>'


class DeckError(ValueError):
    """A notebook and its deck do not go together."""


def moving_figures():
    """Captions of the figures that move, and the scripts that draw them."""
    return yaml.safe_load((ROOT / 'docs' / 'figures.yml').read_text('utf-8'))


def figure_scripts(deck):
    """What draws the figures of a deck that move, with their pictures."""
    if not any('moving' in entry for entry in deck['cells'].values()):
        return ''
    pictures = {path.name: 'data:image/jpeg;base64,' + base64.b64encode(
        path.read_bytes()).decode() for path in FIGURES.glob('*.jpg')}
    # After the first one, which makes the name that they share.
    first, *others = ((FIGURES / f'{name}.js').read_text('utf-8')
                      for name in moving_figures()['scripts'])
    return '\n'.join(['', first, f'figures.pictures = {json.dumps(pictures)};',
                      *others])


def slide_type(cell):
    """What the metadata of a cell says, "-" (goes on) unless it does."""
    return cell.metadata.get('slideshow', {}).get('slide_type', '-')


def read_deck(name):
    """The deck of a section, checked against its notebook.

    Parameters
    ----------
    name : str
        A section: "anchors".

    Returns
    -------
    notebook : NotebookNode
    deck : dict
        As in docs/slides/NAME.yml.

    Raises
    ------
    DeckError
        When a cell has an unknown slide type, or the deck speaks of a cell
        that the notebook does not show, or in a field that nobody reads.
    """
    path = DECKS / f'{name}.yml'
    deck = yaml.safe_load(path.read_text('utf-8'))
    notebook = nbformat.read(ROOT / 'notebooks' / f'{name}.ipynb', 4)
    shown, figures = set(), moving_figures()['captions']
    for cell in notebook.cells:
        if slide_type(cell) not in SLIDE_TYPES:
            raise DeckError(f'{name}.ipynb, cell {cell.id}: there is no slide '
                            f'type "{slide_type(cell)}".')
        if slide_type(cell) not in ('notes', 'skip'):
            shown.add(cell.id)
    for key, entry in deck['cells'].items():
        if key not in shown:
            raise DeckError(f'{path}: the notebook shows no cell {key} on a '
                            'slide.')
        if set(entry) - FIELDS:
            raise DeckError(f'{path}, cell {key}: unknown '
                            f'{sorted(set(entry) - FIELDS)}, use '
                            f'{sorted(FIELDS)}.')
        if entry.get('moving') not in {None, *figures}:
            raise DeckError(f'{path}, cell {key}: docs/figures.yml has no '
                            f'figure "{entry["moving"]}".')
    return notebook, deck


def excerpt(source, start, end):
    """The lines from the first that holds `start` to one that holds `end`.

    What is cut off before, after or both leaves an ellipsis; what all lines
    are indented by has no meaning without what came before.
    """
    lines = source.splitlines()
    first = next((i for i, line in enumerate(lines) if start in line), None)
    last = None if first is None else next(
        (i for i, line in enumerate(lines) if i >= first and end in line),
        None)
    if last is None:
        raise DeckError(f'No lines from "{start}" to "{end}" in:\n{source}')
    return '\n'.join(
        ['# ...'] * (first > 0)
        + textwrap.dedent('\n'.join(lines[first:last + 1])).splitlines()
        + ['# ...'] * (last < len(lines) - 1))


def local_links(source):
    """Markdown whose links lead to other decks, or are none.

    What has no deck is not linked either.

    nbconvert embeds no picture from outside of the folder that it is told.
    """
    source = re.sub(r'(!\[[^\]]*\]\()\.\./', r'\1', source)
    source = re.sub(r'(?<!!)\[([^\]]+)\]\((?:#|\.\./)[^)]*\)', r'\1', source)
    return re.sub(
        r'(?<!!)\[([^\]]+)\]\(([\w-]+)\.ipynb\)', lambda link: (
            f'[{link[1]}]({link[2]}.html)' if link[2] in SECTIONS else
            link[1]), source)


def markdown(source, kind, attachments=None, **data):
    cell = nbformat.v4.new_markdown_cell(local_links(source), metadata={
        'slideshow': {'slide_type': kind, 'data': data}})
    if attachments:
        # JupyterLab writes a name as in an address: my%20photo.png.
        cell.attachments = attachments | {
            quote(name): data for name, data in attachments.items()}
    return cell


def borrow(place, alt):
    """The figure of a cell in any notebook, named as NOTEBOOK/CELL."""
    name, _, key = place.partition('/')
    path = ROOT / 'notebooks' / f'{name}.ipynb'
    for cell in nbformat.read(path, 4).cells if path.exists() else []:
        if cell.id == key and cell.cell_type == 'code':
            made, = cells_of(cell, {'code': False, 'alt': alt})
            made.metadata.slideshow.slide_type = '-'
            made.outputs = [output for output in made.outputs
                            if 'image/png' in output.get('data', {})]
            return made
    raise DeckError(f'figure {place}: there is no such cell.')


def cells_of(cell, entry):
    """A cell of the notebook as it appears on the projector."""
    kind = slide_type(cell)
    data = {'layout': entry['layout']} if 'layout' in entry else {}
    if cell.cell_type == 'markdown':
        made = [markdown(entry.get('text', cell.source), kind,
                         cell.get('attachments'), **data)]
        if 'figure' in entry:
            made.append(borrow(entry['figure'], entry.get('alt', '')))
        return made
    made = []
    if 'text' in entry:
        made.append(markdown(entry['text'], kind, **data))
        kind, data = '-', {}
    # Marks of differences from the draft are for readers.
    cell.source = re.sub(r'  # D\d+$', '', cell.source, flags=re.M)
    if 'from' in entry:
        cell.source = excerpt(cell.source, entry['from'], entry['to'])
    if not entry.get('output', True):
        cell.outputs = []
    cell.metadata = nbformat.from_dict({
        'slideshow': {'slide_type': kind, 'data': data},
        'code': entry.get('code', True)})
    for output in cell.outputs:
        if 'image/png' in output.get('data', {}):
            output.metadata['image/png'] = {'alt': entry.get('alt', '')}
    if 'moving' in entry:
        cell.outputs = []
        return [*made, cell, markdown(FIGURE.format(entry['moving']), '-')]
    return [*made, cell]


def speak(entry, clock):
    """The notes of a slide, and the minute at which it ends."""
    end = clock + entry.get('minutes', MINUTES)
    return markdown(f'*Minutes {clock} to {end} of 45.* '
                    f'{entry.get("notes", "")}', 'notes'), end


def slides(name):
    """The notebook of a deck: what is shown and, once a slide, its notes."""
    notebook, deck = read_deck(name)
    made, notes, clock = [], None, deck['start']
    for cell in notebook.cells:
        kind = slide_type(cell)
        if kind == 'skip':
            continue
        if kind == 'notes' and notes is None:
            raise DeckError(f'{name}.ipynb, cell {cell.id}: notes before the '
                            'first slide.')
        if kind == 'notes':
            notes.source += f'\n\n{local_links(cell.source)}'
            continue
        entry = deck['cells'].get(cell.id, {})
        added = cells_of(cell, entry)
        if kind in ('slide', 'subslide'):
            notes, clock = speak(entry, clock)
            added.insert(1, notes)
        made += added
    notebook.cells = made
    notebook.metadata.title = deck['title']
    occasion = ' · '.join(filter(None, (
        os.environ.get(name, '').strip() for name in OCCASION)))
    if made and occasion:
        made[0].source += (
            f'\n\n<p class="occasion">{html.escape(occasion)}</p>')
    return notebook


def font_faces():
    """Reveal.js's own font for text, as part of the page."""
    folder = REVEAL / 'dist/theme/fonts/source-sans-pro'
    style = (folder / 'source-sans-pro.css').read_text('utf-8')

    def embed(match):
        data = base64.b64encode((folder / match[1]).read_bytes()).decode()
        return f'src: url(data:font/woff;base64,{data})'
    # Of each weight the file that all browsers of today read.
    return re.sub(r"src: url\('[^']*\.eot'\);\s*src: [^;]*?"
                  r"url\('([^']*\.woff)'\)[^;]*", embed, style)


def page_of(name, notes=True):
    """One deck as one page, reveal.js and pictures included."""
    exporter = SlidesExporter(
        embed_images=True, template_file='deck.html.j2',
        extra_loaders=[FileSystemLoader(DECKS)])
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    exporter.exclude_anchor_links = True
    exporter.register_preprocessor(CoalesceStreamsPreprocessor, enabled=True)
    scripts = [REVEAL / 'dist/reveal.js', REVEAL / 'plugin/notes/notes.js']
    styles = [REVEAL / 'dist/reset.css', REVEAL / 'dist/reveal.css',
              DECKS / 'deck.css']
    assets = {
        'script': read_all(scripts), 'math': read_all([MATHJAX]),
        'style': font_faces() + HtmlFormatter(
            style='a11y-high-contrast-light').get_style_defs('.highlight')
        + read_all(styles)}
    assets['style'] += (FIGURES / 'figures.css').read_text('utf-8')
    assets['script'] += figure_scripts(read_deck(name)[1])
    notebook = slides(name)
    if not notes:
        notebook.cells = [cell for cell in notebook.cells
                          if slide_type(cell) != 'notes']
    page, _ = exporter.from_notebook_node(notebook, resources={
        'metadata': {'name': name, 'path': str(ROOT)}, 'deck': assets})
    return page


def read_all(paths):
    return '\n'.join(path.read_text('utf-8') for path in paths)


INDEX = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Faster R-CNN, the slides</title>
<style>
body {{ font: 1.25rem/1.6 sans-serif; max-width: 40rem; margin: 3rem auto;
        padding: 0 1rem; color: #1b2733; }}
a {{ color: #00548a; }}
</style></head><body><main>
<h1>Faster R-CNN, the slides</h1>
<ol>
{items}
</ol>
<p>Arrow keys or the space bar go on, <kbd>S</kbd> opens the speaker's notes,
<kbd>F</kbd> fills the screen, <kbd>O</kbd> shows all slides, <kbd>B</kbd>
turns the screen black.</p>
</main></body></html>
"""


def index(names):
    """A page that lists the decks."""
    items = []
    for name in names:
        notebook, deck = read_deck(name)
        minutes = sum(deck['cells'].get(cell.id, {}).get('minutes', MINUTES)
                      for cell in notebook.cells
                      if slide_type(cell) in ('slide', 'subslide'))
        items.append(f'<li><a href="{name}.html">{html.escape(deck["title"])}'
                     f'</a>: lesson {deck["lesson"]}, {minutes} minutes</li>')
    return INDEX.format(items='\n'.join(items))


def write(folder, notes=True):
    """Write all decks into `folder`; a bad one costs no other.

    Parameters
    ----------
    folder : Path
    notes : bool
        Whether to write what is for the speaker only.

    Returns
    -------
    list of str
        What is wrong, a line for each deck that was not written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written, faults = [], []
    for name in SECTIONS:
        try:
            page = page_of(name, notes)
        # Whatever a deck or a notebook holds, the next one is made.
        except Exception as error:
            faults.append(f'{name}: {type(error).__name__}: {error}')
            continue
        (folder / f'{name}.html').write_text(page, encoding='utf-8')
        written.append(name)
    (folder / 'index.html').write_text(index(written), encoding='utf-8')
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', type=Path)
    folder = parser.parse_args().folder
    faults = write(folder)
    print(f'The slides: {folder / "index.html"}')
    if faults:
        sys.exit('These decks were not made:\n' + '\n'.join(faults))


if __name__ == '__main__':
    main()

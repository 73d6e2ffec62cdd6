"""A Sphinx extension: figures that move without a kernel.

A notebook has sliders that need one. Where a cell's metadata name a figure,
the book has that of docs/_static/figures, in place of a cell without output
(tag "widget"), or below any other cell.
"""
from pathlib import Path

import yaml
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

FIGURES = yaml.safe_load(
    (Path(__file__).parents[1] / 'figures.yml').read_text('utf-8'))
MARKUP = ('<div class="moving-figure" data-figure="{}"><noscript>This figure '
          'moves where scripts are allowed to run.</noscript></div>')


def place_figures(cells):
    """Cells of a notebook, with a directive where a figure belongs."""
    placed = []
    for cell in cells:
        name = cell['metadata'].get('moving')
        if not name or 'widget' not in cell['metadata'].get('tags', []):
            placed.append(cell)
        if name:
            placed.append({
                'cell_type': 'markdown', 'id': f'figure-{cell["id"]}',
                'metadata': {}, 'source': f':::{{moving-figure}} {name}\n:::'})
    return placed


class MovingFigure(SphinxDirective):
    """A numbered figure that a script draws."""

    required_arguments = 1

    def run(self):
        name = self.arguments[0]
        if name not in FIGURES['captions']:
            raise self.error(f'docs/figures.yml has no figure "{name}".')
        page = self.env.docname.split('/')[-1]
        figure = nodes.figure(ids=[f'figure-{page}-{name}'])
        figure += nodes.raw('', MARKUP.format(name), format='html')
        words = FIGURES['captions'][name]
        caption = nodes.caption('', words['shows'] + ' ')
        caption += nodes.inline('', words['how'], classes=['how'])
        figure += caption
        return [figure]


def add_scripts(app, pagename, templatename, context, doctree):
    """Only pages with such a figure load what draws it."""
    if 'data-figure=' in context.get('body', ''):
        app.add_css_file('figures/figures.css')
        for name in FIGURES['scripts']:
            app.add_js_file(f'figures/{name}.js', loading_method='defer')


def setup(app):
    app.add_directive('moving-figure', MovingFigure)
    app.connect('html-page-context', add_scripts)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}

"""Convert an executed notebook to one HTML file that includes its figures.

    python tools/export_html.py build/faster-rcnn.ipynb build/out.html
"""
import argparse
import re
from importlib.util import find_spec
from pathlib import Path

import nbformat
from course.whole_files import write_whole
from jinja2 import DictLoader
from nbconvert import HTMLExporter

ROOT = Path(__file__).parent.parent
# Cells with the tag "solution" are folded until a reader opens them.
TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{%- block any_cell -%}
{%- if 'solution' in cell.metadata.get('tags', []) -%}
<details class="solution"><summary>Show a solution</summary>
{{ super() }}
</details>
{%- else -%}
{{ super() }}
{%- endif -%}
{%- endblock any_cell -%}
{%- block html_head_js_mathjax -%}
<script>MathJax = {tex: {inlineMath: [['$', '$']]}};</script>
<script>{{ resources.mathjax }}</script>
{%- endblock html_head_js_mathjax -%}
{%- block html_head -%}
{{ super() }}
<style>
main { max-width: 62rem; margin: auto; }
details.solution { margin: .6rem 0; padding-left: .6rem;
                   border-left: 4px solid #0072b2; }
details.solution summary { cursor: pointer; color: #0072b2; }
</style>
{%- endblock html_head -%}
"""


def mathjax(notebook):
    """The code that sets formulas (two megabytes), '' if there are none."""
    if not any('$' in cell.source for cell in notebook.cells
               if cell.cell_type == 'markdown'):
        return ''
    package = Path(find_spec('sphinx-mathjax-offline').origin).parent
    return (package / 'static/mathjax/tex-svg.js').read_text('utf-8')


def fold(source):
    """Marks in place of what folds: nbconvert would close it at once."""
    source = re.sub(r'<details>\s*<summary>(.*?)</summary>', r'[[fold \1]]',
                    source, flags=re.S)
    return source.replace('</details>', '[[unfold]]')


def folded(page):
    """A page with what folds in place of the marks."""
    page = re.sub(r'<p>\[\[fold (.*?)\]\]</p>',
                  r'<details><summary>\1</summary>', page, flags=re.S)
    return page.replace('<p>[[unfold]]</p>', '</details>')


def export(path, output):
    """Write the page of the notebook that is stored in `path`."""
    # Widgets need a kernel anyway, and a page must not need a network.
    exporter = HTMLExporter(
        embed_images=True, require_js_url='', jquery_url='',
        extra_loaders=[DictLoader({'chapter.html.j2': TEMPLATE})],
        template_file='chapter.html.j2')
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    notebook = nbformat.read(path, as_version=4)
    # nbconvert embeds only pictures inside the folder that it is given.
    for cell in notebook.cells:
        if cell.cell_type == 'markdown':
            cell.source = fold(re.sub(r'(!\[[^\]]*\]\()\.\./', r'\1',
                                      cell.source))
    page, _ = exporter.from_notebook_node(notebook, resources={
        'metadata': {'name': path.stem, 'path': str(ROOT)},
        'mathjax': mathjax(notebook)})
    write_whole(output, folded(page).encode())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('notebook', type=Path)
    parser.add_argument('output', type=Path)
    args = parser.parse_args()
    export(args.notebook, args.output)


if __name__ == '__main__':
    main()

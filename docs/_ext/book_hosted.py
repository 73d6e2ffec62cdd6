"""A Sphinx extension: notebooks that open on somebody else's server.

Binder makes the project's own environment. A server that has one already gets
a copy of the notebook with a first cell, which adds the chapter to it. Such a
server reads from a repository; so the copies are part of the book, which is
published on a branch of its own (CONTRIBUTING.md).
"""
import re
from pathlib import Path
from posixpath import join, normpath

import nbformat

COLAB = 'https://colab.research.google.com/github/'
BRANCH = 'gh-pages'
FOLDER = 'hosted'


def first_cell(machines, repository):
    """The lines of docs/machines.md, to be run in a notebook."""
    block = re.search(r'^## A hosted notebook server$.*?^```\n(.*?)^```',
                      machines, re.M | re.S)[1]
    block = block.replace('ADDRESS-OF-THE-PROJECT', repository)
    return nbformat.v4.new_code_cell(
        '# Adds the chapter to what is installed here; once.\n'
        + re.sub('^', '!', block.rstrip(), flags=re.M)
        + '\n%cd ~/chapter/notebooks', id='hosted')


def lead_back(source, repository):
    """Text whose links and pictures are found in the repository."""
    raw = repository.replace('github.com', 'raw.githubusercontent.com')

    def lead(match):
        base, end = (f'{raw}/HEAD', '?sanitize=true') if match[1] else (
            f'{repository}/blob/HEAD', '')
        place = normpath(join('notebooks', match[3]))
        return f'{match[1]}[{match[2]}]({base}/{place}{end}{match[4] or ""})'
    return re.sub(r'(!?)\[([^\]]*)\]\((?![a-z]+:)([^)#\s]+)(#[^)]*)?\)',
                  lead, source)


def copy_for_server(path, machines, repository):
    """The notebook (NotebookNode) as such a server needs it."""
    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:
        if cell.cell_type == 'markdown':
            cell.source = lead_back(cell.source, repository)
    notebook.cells.insert(0, first_cell(machines, repository))
    return notebook


def write(app, exception):
    """Called by Sphinx when all pages are made."""
    repository = app.config.book_repository
    if exception or app.builder.name != 'html' or 'github' not in repository:
        return
    sources, folder = Path(app.srcdir), Path(app.outdir, FOLDER)
    folder.mkdir(exist_ok=True)
    machines = (sources / 'machines.md').read_text('utf-8')
    for path in (sources / 'notebooks').glob('*.ipynb'):
        nbformat.write(copy_for_server(path, machines, repository),
                       folder / path.name)


def add_buttons(app, pagename, templatename, context, doctree):
    """Lead from a notebook's page to a server, and to a JupyterLab."""
    if not pagename.startswith('notebooks/'):
        return
    name = Path(pagename).name
    repository = app.config.book_repository
    if 'github' in repository:
        project = repository.split('github.com/')[1]
        for group in context['header_buttons']:
            if group['label'] == 'launch-buttons':
                group['buttons'].append({
                    'type': 'link', 'text': 'Colab',
                    'tooltip': 'Launch on Colab',
                    'icon': '_static/images/logo_colab.png',
                    'url': f'{COLAB}{project}/blob/{BRANCH}/{FOLDER}/'
                           f'{name}.ipynb'})
    if app.config.book_lab:
        context['header_buttons'].insert(0, {
            'type': 'link', 'label': 'lab-button',
            'icon': 'fas fa-laptop-code', 'text': '',
            'url': f'{app.config.book_lab}/lab/tree/{pagename}.ipynb',
            'tooltip': 'Open in JupyterLab'})


def setup(app):
    app.add_config_value('book_repository', '', 'html')
    app.add_config_value('book_lab', '', 'html')
    app.connect('build-finished', write)
    # After the theme has made the list of buttons.
    app.connect('html-page-context', add_buttons, priority=900)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}

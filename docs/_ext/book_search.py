"""A Sphinx extension: the sections of the book, for a search in a folder.

Sphinx's own search finds pages, and reads its excerpts from a server. Ours
finds sections, in a list that _static/search.js loads as a script.
"""
import json
from pathlib import Path

from bs4 import BeautifulSoup

PARTS = 'section[id], dt.sig[id]'


def words(node):
    return ' '.join(node.get_text(' ').split())


def part(node, url, title):
    """A section without the sections in it, or a function: what is shown."""
    if node.name == 'dt':
        return [f'{url}#{node["id"]}', node['id'], title,
                words(node.find_next_sibling('dd')), 'function']
    heading = node.find(['h1', 'h2', 'h3', 'h4'], recursive=False)
    if heading is None:
        return None
    name = words(heading)
    heading.extract()
    above = '' if name == title else title
    kind = 'function' if url.startswith('api/') else 'section'
    return [f'{url}#{node["id"]}', name, above, words(node), kind]


def parts(path, root):
    """All sections and functions of a page, the innermost ones first."""
    page = BeautifulSoup(path.read_text('utf-8'), 'html.parser')
    article = page.select_one('article')
    if article is None or article.h1 is None:
        return
    for node in article.select('a.headerlink, mjx-container, .facts'):
        node.extract()
    title = words(article.h1)
    url = path.relative_to(root).as_posix()
    for node in reversed(article.select(PARTS)):
        found = part(node, url, title)
        if found:
            yield found
        if node.name == 'section':
            node.extract()


def names(path):
    """Other names of a thing: `NMS` and "non-maximum suppression"."""
    page = BeautifulSoup(path.read_text('utf-8'), 'html.parser')
    for entry in page.select('dl.glossary dd'):
        terms = []
        for node in entry.previous_siblings:
            if node.name == 'dd':
                break
            if node.name == 'dt':
                terms.append(words(node).rstrip('#').strip().lower())
        for term in terms:
            yield term, [other for other in terms if other != term]


def write(app, exception):
    """Called by Sphinx when all pages are made."""
    if exception or app.builder.name != 'html':
        return
    root = Path(app.outdir)
    sections = [row for path in sorted(root.rglob('*.html'))
                if '_static' not in path.parts and path.stem not in (
                    'genindex', 'search')
                for row in parts(path, root)]
    other = dict(names(root / 'reference' / 'glossary.html'))
    (root / '_static' / 'search_sections.js').write_text(
        f'const SECTIONS = {json.dumps(sections, ensure_ascii=False)};\n'
        f'const OTHER_NAMES = {json.dumps(other, ensure_ascii=False)};\n',
        encoding='utf-8')


def add_script(app, pagename, templatename, context, doctree):
    if pagename == 'search':
        # After Sphinx's own scripts, which they complete.
        for name in ('search_sections.js', 'search.js'):
            app.add_js_file(name, priority=900, loading_method='defer')


def setup(app):
    app.connect('build-finished', write)
    app.connect('html-page-context', add_script)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}

"""A Sphinx extension: what searches and messengers show of a page.

The first words of its text and its first picture, or else the book's.
"""
import html
import textwrap
from urllib.parse import urljoin

from docutils import nodes

LENGTH = 200
# Where a page has no picture that every program can draw.
PICTURE = 'img/detections.png'


def words(doctree):
    """The beginning of the first paragraph of the text."""
    for paragraph in doctree.findall(nodes.paragraph):
        if 'facts' not in paragraph['classes']:
            return textwrap.shorten(paragraph.astext(), LENGTH,
                                    placeholder=' …')
    return ''


def picture(app, doctree, pathto):
    """Address of a picture, '' if there is none, from the page's folder."""
    # When a page is written, its pictures have their final addresses.
    for node in doctree.findall(nodes.image):
        if not node['uri'].endswith('.svg') and ':' not in node['uri']:
            return node['uri']
    if PICTURE in app.env.images:
        return pathto(f'_images/{app.env.images[PICTURE][1]}', 1)
    return ''


def describe(app, pagename, templatename, context, doctree):
    """Add the tags to a page that has a text."""
    if doctree is None:
        return
    image = picture(app, doctree, context['pathto'])
    page = urljoin(app.config.html_baseurl, f'{pagename}.html')
    # Programs on other machines need the whole address, where there is one.
    if app.config.html_baseurl:
        image = urljoin(page, image)
    properties = {
        'type': 'website' if pagename == app.config.root_doc else 'article',
        'site_name': app.config.html_title,
        'title': app.env.titles[pagename].astext(),
        'description': words(doctree), 'image': image,
        'url': page if app.config.html_baseurl else ''}
    tags = [f'<meta name="description" '
            f'content="{html.escape(properties["description"])}">',
            '<meta name="twitter:card" content="summary_large_image">']
    tags += [f'<meta property="og:{name}" content="{html.escape(content)}">'
             for name, content in properties.items() if content]
    context['metatags'] += '\n' + '\n'.join(tags)


def setup(app):
    app.connect('html-page-context', describe)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}

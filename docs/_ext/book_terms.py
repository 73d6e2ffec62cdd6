"""A Sphinx extension: words of the glossary and references explain themselves.

The first mention of a term in the text of a page leads to the glossary. That
link and those to references carry what they lead to as their title, which
_static/book.js shows beside them.
"""
import re

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode

GLOSSARY = 'reference/glossary'
# In headings, links and code a word stays what it is.
CLOSED = (nodes.title, nodes.reference, nodes.literal, nodes.caption,
          nodes.literal_block, nodes.math, nodes.term, nodes.raw)


def terms_of(glossary):
    """(id, definition) of each term, by its name."""
    found = {}
    for item in glossary.findall(nodes.definition_list_item):
        definition = item[-1].astext().replace('\n', ' ')
        for term in item.findall(nodes.term):
            found[term.astext()] = term['ids'][0], definition
    return found


def is_closed(node):
    while node is not None and not isinstance(node, nodes.document):
        if isinstance(node, CLOSED):
            return True
        node = node.parent
    return False


class LinkTerms(SphinxPostTransform):
    """Link the first mention of each term of a page."""

    default_priority = 20

    def run(self, **kwargs):
        here = self.env.docname
        if not here.startswith('notebooks/'):
            return
        terms = terms_of(self.env.get_doctree(GLOSSARY))
        # The longest name first: "mean average precision". An abbreviation
        # is one in its own letters only: a map is no mAP.
        names = '|'.join(
            f'(?i:{re.escape(name)})' if name.islower() else re.escape(name)
            for name in sorted(terms, key=len, reverse=True))
        pattern = re.compile(rf'\b({names})s?\b')
        for paragraph in list(self.document.findall(nodes.paragraph)):
            for text in list(paragraph.findall(nodes.Text)):
                if not is_closed(text):
                    self.link(text, terms, pattern)

    def link(self, text, terms, pattern):
        """Replace a text by pieces, with links between them."""
        pieces, end = [], 0
        for match in pattern.finditer(text):
            place = terms.get(match[1]) or terms.get(match[1].lower())
            if place is None:
                continue
            # Known by all its names from now on.
            for name in [k for k, v in terms.items() if v[1] == place[1]]:
                del terms[name]
            link = make_refnode(
                self.app.builder, self.env.docname, GLOSSARY, place[0],
                nodes.Text(match[0]), place[1])
            link['classes'].append('term')
            pieces += [nodes.Text(text[end:match.start()]), link]
            end = match.end()
        if pieces:
            text.parent.replace(text, [*pieces, nodes.Text(text[end:])])


def explain_citations(app, doctree, docname):
    """Give a link to a reference of this page its text."""
    listed = {name: ' '.join(' '.join(
                  part.astext() for part in node[1:]).split())
              for node in doctree.findall(nodes.citation)
              for name in node['ids']}
    for link in doctree.findall(nodes.reference):
        if link.get('refid') in listed:
            link['reftitle'] = listed[link['refid']]
            link['classes'].append('term')


def setup(app):
    app.add_post_transform(LinkTerms)
    app.connect('doctree-resolved', explain_citations)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}

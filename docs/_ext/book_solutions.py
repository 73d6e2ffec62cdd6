"""A Sphinx extension: solutions are folded, by the browser's own means."""
from docutils import nodes
from sphinx_exercise.nodes import solution_node


def drop_ids(app, doctree, docname):
    """sphinx-exercise gives all contents of a page the same id."""
    for section in doctree.findall(nodes.section):
        if section['ids'] in (['exercise-content'], ['solution-content']):
            section['ids'] = []


def visit(self, node):
    title = node.pop(0)
    # On paper nothing can be unfolded.
    opened = {'open': 'open'} if self.builder.name == 'singlehtml' else {}
    self.body.append(self.starttag(node, 'details', **opened))
    self.body.append(
        f'<summary>{self.encode(title.astext())}</summary>\n')


def depart(self, node):
    self.body.append('</details>\n')


def complete(app):
    """Let the single page know what the site knows.

    sphinx-exercise names the builder of the single page, so that Sphinx asks
    for nothing else there; other extensions name HTML only.
    """
    handlers = app.registry.translation_handlers
    handlers['singlehtml'] = {**handlers['html'], **handlers['singlehtml']}


def setup(app):
    app.connect('builder-inited', complete)
    app.connect('doctree-resolved', drop_ids)
    app.setup_extension('sphinx_exercise')
    app.add_node(solution_node, override=True, html=(visit, depart),
                 singlehtml=(visit, depart))
    return {'parallel_read_safe': True, 'parallel_write_safe': True}

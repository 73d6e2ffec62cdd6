"""A Sphinx extension: names in docstrings lead to what they name.

Docstrings and notebooks call a function of the library by its short name,
`iou` or `d2l.iou`; where exactly one object has this name, it is meant.
"""
from sphinx.util.nodes import make_refnode


def resolve(app, env, node, contnode):
    """Called by Sphinx for a reference that it can't resolve itself."""
    if node.get('refdomain') != 'py':
        return None
    name = node['reftarget'].rsplit('.', 1)[-1]
    found = [(full, entry) for full, entry in
             env.get_domain('py').objects.items()
             if full.rsplit('.', 1)[-1] == name and not entry.aliased]
    if len(found) != 1:
        # Other people's names, types in words: shown as they are written.
        return contnode if node['reftype'] in ('obj', 'class') else None
    full, entry = found[0]
    return make_refnode(app.builder, node['refdoc'], entry.docname,
                        entry.node_id, contnode, full)


def skip(app, what, name, obj, skip, options):
    """Leave out the fields of a named tuple: its own text explains them."""
    return skip or (obj.__doc__ or '').startswith('Alias for field number')


def setup(app):
    app.connect('autodoc-skip-member', skip)
    app.connect('missing-reference', resolve)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}

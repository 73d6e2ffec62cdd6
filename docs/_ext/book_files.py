"""A Sphinx extension: files of the finished book, as readers without a server
need them, and nothing that no reader needs.
"""
import json
import re
from pathlib import Path

# A browser that shows a page from a folder saves no file beside it, but what
# a script hands over: book.js loads these.
SAVE = 'saveFile({}, {});'
# An icon in the theme's script: name, width, height, its other names, code,
# and one or two paths.
ICON = re.compile(r'("?[\w-]+"?:)\[\d+,\d+,\[([^]]*)\],"\w+",'
                  r'(?:"[^"]*"|\["[^"]*","[^"]*"\])\],?')


def complete(app, exception):
    if exception or app.builder.name != 'html':
        return
    made = Path(app.outdir)
    for path in (made / '_sources').rglob('*.*'):
        path.with_name(f'{path.name}.js').write_text(SAVE.format(
            json.dumps(path.name), json.dumps(path.read_text('utf-8'))),
            encoding='utf-8')


def keep_icons(app, exception):
    """Leave out the two thousand icons of the theme that no page shows."""
    icons = Path(app.outdir, '_static', 'scripts', 'fontawesome.js')
    if exception or not icons.exists():
        return
    used = {name for kind in ('html', 'js')
            for path in Path(app.outdir).rglob(f'*.{kind}') if path != icons
            for name in re.findall(r'\bfa-([\w-]+)', path.read_text('utf-8'))}
    icons.write_text(ICON.sub(
        lambda found: found[0] if used & set(
            re.findall(r'[\w-]+', found[1] + found[2])) else '',
        icons.read_text('utf-8')), encoding='utf-8')


def drop_maps(app, exception):
    """Maps lead developers of the theme to its sources, and are large."""
    if not exception:
        for path in Path(app.outdir).rglob('*.map'):
            path.unlink()


def setup(app):
    app.connect('build-finished', complete)
    app.connect('build-finished', keep_icons)
    app.connect('build-finished', drop_maps)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}

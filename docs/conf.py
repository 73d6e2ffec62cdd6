"""How Sphinx makes the book. `make book` calls tools/book.py, which calls it.

The sources are the pages of this folder, the notebooks, from the outputs that
are committed in them, and the docstrings of d2l_ext.
"""
import os
import sys
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
# tools/book.py says where the project is: it works on a copy of this folder.
ROOT = Path(os.environ.get('BOOK_ROOT', HERE.parent))
sys.path[:0] = [str(ROOT), str(ROOT / 'docs' / '_ext')]

project = 'The executable Faster R-CNN chapter'
author = 'The contributors'
project_copyright = (
    'The contributors; text and code are under the Apache License 2.0')

extensions = [
    'myst_nb',
    'sphinx.ext.autodoc',
    'sphinx.ext.mathjax',
    'sphinx.ext.napoleon',
    'sphinx_copybutton',
    'sphinx_design',
    'sphinx_exercise',
    'sphinxcontrib.bibtex',
    'book_description',
    'book_figures',
    'book_files',
    'book_hosted',
    'book_notebooks',
    'book_objects',
    'book_references',
    'book_search',
    'book_solutions',
    'book_terms',
]
exclude_patterns = ['README.md', '_ext', 'slides']
language = 'en'
nitpicky = True

# Notebooks: what is committed is what is shown.
nb_execution_mode = 'off'
nb_merge_streams = True
# No widget works without a kernel; so nothing is fetched for them.
nb_ipywidgets_js = {}
myst_enable_extensions = ['amsmath', 'attrs_block', 'attrs_inline',
                          'colon_fence', 'dollarmath']
myst_heading_anchors = 3

numfig = True
numfig_secnum_depth = 1
math_numfig = True
numfig_format = {'figure': 'Figure %s', 'table': 'Table %s'}
math_eqref_format = '({number})'

# MathJax comes from a package, not from a network; one file is enough.
MATHJAX = Path(find_spec('sphinx-mathjax-offline').origin).parent / (
    'static/mathjax/tex-svg.js')
mathjax_path = MATHJAX.name
# The keyboard opens no menu: a formula is text to whoever passes by.
mathjax3_config = {'options': {'enableMenu': False}}

# Reveal.js carries a font for text, with its licence.
FONTS = Path(distribution('sphinx-revealjs').locate_file(
    'sphinx_revealjs/_static/revealjs/dist/theme/fonts/source-sans-pro'))

bibtex_bibfiles = ['references.bib']
bibtex_default_style = bibtex_reference_style = 'author_year'

# In docstrings, `name` leads to what it names (_ext/book_objects.py).
default_role = 'py:obj'
autodoc_member_order = 'bysource'
autodoc_typehints = 'none'
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_param = False
napoleon_use_ivar = True

# Addresses are asked for, never invented: where the project's repository can
# be read on the web, and so be opened on other people's servers; where the
# readers' JupyterLab is; and where the book itself will be.
book_repository = os.environ.get('BOOK_REPOSITORY', '')
book_lab = os.environ.get('BOOK_LAB', '')
html_baseurl = os.environ.get('BOOK_ADDRESS', '').rstrip('/')
html_baseurl += '/' if html_baseurl else ''
# What students get has neither solutions nor the page for their teacher.
if tags.has('students'):  # noqa: F821
    suppress_warnings = ['toc.not_readable']

html_theme = 'sphinx_book_theme'
html_title = 'Faster R-CNN'
html_static_path = ['_static', str(MATHJAX), str(FONTS / 'LICENSE'),
                    *map(str, FONTS.glob('*.woff'))]
html_css_files = ['book.css']
html_js_files = ['book.js']
html_favicon = '_static/icon.svg'
html_copy_source = True
# A picture that is shown smaller than it is leads nowhere else.
html_scaled_image_link = False
html_domain_indices = False
html_last_updated_fmt = None
# Dark or light as the reader's system is, until they choose.
html_context = {'default_mode': 'auto'}
html_theme_options = {
    'footer_content_items': ['copyright.html'],
    'use_download_button': True,
    'use_fullscreen_button': False,
    'show_toc_level': 2,
    'show_navbar_depth': 1,
    'home_page_in_toc': True,
    # The search field of the sidebar is enough.
    'navbar_persistent': [],
    'pygments_light_style': 'a11y-high-contrast-light',
    'pygments_dark_style': 'a11y-high-contrast-dark',
}
if book_repository:
    # Pages of GitHub serve folders such as _static only if they are told to.
    extensions.append('sphinx.ext.githubpages')
    html_theme_options.update({
        'repository_url': book_repository,
        # Whatever its first branch is called.
        'repository_branch': 'HEAD',
        'use_repository_button': True,
        'launch_buttons': {'binderhub_url': 'https://mybinder.org',
                           'notebook_interface': 'jupyterlab'},
        'path_to_docs': '',
    })

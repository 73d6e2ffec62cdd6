"""Figures below the cells of a notebook, however its kernel was started.

Matplotlib and the package `d2l` look up names that IPython has moved.
"""
import os
from types import ModuleType

import matplotlib
from IPython import get_ipython
from matplotlib_inline.backend_inline import set_matplotlib_formats

__all__ = []


def choose_backend() -> None:
    """Show figures inline, even if the shell asks for another backend.

    With any other backend Matplotlib 3.7 misses a name of IPython's.
    """
    if (hasattr(get_ipython(), 'kernel')
            and not os.environ.get('MPLBACKEND', '').startswith('module://')):
        matplotlib.use('module://matplotlib_inline.backend_inline')


def mend(book: ModuleType) -> None:
    """Let `d2l` 0.17 choose SVG with a current IPython."""
    def use_svg_display():
        """Use the SVG format to display figures in a notebook."""
        set_matplotlib_formats('svg')

    if not hasattr(book.display, 'set_matplotlib_formats'):
        book.use_svg_display = use_svg_display

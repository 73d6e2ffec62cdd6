"""Figures below a notebook's cells, wherever its kernel was started.

Matplotlib and the package `d2l` look up names that IPython has moved. Nothing
is imported where no notebook's kernel runs.
"""
import os
import sys
from types import ModuleType

__all__ = []


def choose_backend() -> None:
    """Show figures inline, even where the shell asks for windows or none.

    With any other backend Matplotlib 3.7 misses a name of IPython's, as soon
    as pyplot is imported. Figures have twice the pixels, for screens that
    show them sharp, unless the reader's settings name another format.
    """
    if 'ipykernel' not in sys.modules:
        return
    import matplotlib
    from IPython import get_ipython
    if get_ipython() is None:   # imported by a tool, such as nbval
        return
    if not os.environ.get('MPLBACKEND', '').startswith('module://'):
        matplotlib.use('module://matplotlib_inline.backend_inline')
    from matplotlib_inline.config import InlineBackend
    settings = InlineBackend.instance(parent=get_ipython())
    if settings.figure_formats == {'png'}:
        settings.figure_formats = {'retina'}


def use_svg_display() -> None:
    """Draw figures as SVG from now on, as the function of `d2l` does."""
    from matplotlib_inline.backend_inline import set_matplotlib_formats
    set_matplotlib_formats('svg')


def mend(book: ModuleType) -> None:
    """Let `d2l` 0.17 choose SVG in an IPython of today."""
    if not hasattr(book.display, 'set_matplotlib_formats'):
        book.use_svg_display = use_svg_display

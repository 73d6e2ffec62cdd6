"""NumPy's numbers as text that MXNet 1.9.1 can read.

MXNet converts the arguments of an operator to text and parses it. But NumPy 2
prints the tuple `(numpy.int64(3), 4)` with `np.int64(3)` in it.
"""
import numpy

__all__ = []


def text(value):
    """Like `str`, with NumPy's numbers in sequences as in NumPy 1."""
    return str(_plain(value)) if isinstance(value, (list, tuple)) \
        else str(value)


def _plain(value):
    if isinstance(value, (list, tuple)):
        return type(value)([_plain(item) for item in value])
    if isinstance(value, numpy.floating):
        # Not `item`: a float32 of 0.1 would become 0.10000000149011612.
        return float(str(value))
    return value.item() if isinstance(value, numpy.generic) else value


def mend():
    """Make MXNet, which must be loaded, convert arguments this way.

    Nothing changes where NumPy prints numbers that it can read.
    """
    if repr(numpy.int64(3)) == '3':
        return
    from mxnet._ctypes import ndarray, symbol

    # They use `str` for nothing else.
    ndarray.str = symbol.str = text

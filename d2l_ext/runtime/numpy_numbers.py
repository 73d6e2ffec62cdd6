"""NumPy's numbers as MXNet 1.9.1 can read them.

MXNet makes text of the arguments of an operator and reads that again. But
NumPy 2 prints the tuple `(numpy.int64(3), 4)` with `np.int64(3)` in it.
"""
import numpy


def text(value):
    """As `str`, with NumPy's numbers in sequences as NumPy 1 prints them."""
    return str(_plain(value)) if isinstance(value, (list, tuple)) \
        else str(value)


def _plain(value):
    if isinstance(value, (list, tuple)):
        return type(value)([_plain(item) for item in value])
    if isinstance(value, numpy.floating):
        # Not `item`, which shows that 0.1 is rounded to so many bits.
        return float(str(value))
    return value.item() if isinstance(value, numpy.generic) else value


def needed():
    """Whether this NumPy prints what MXNet can't read."""
    return repr(numpy.int64(3)) != '3'


def mend():
    """Let MXNet, once it is loaded, make such text of arguments."""
    from mxnet._ctypes import ndarray, symbol

    # They call `str` for nothing else.
    ndarray.str = symbol.str = text

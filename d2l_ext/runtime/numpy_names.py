"""Names that MXNet 1.9.1 looks up in NumPy and that newer versions dropped.

Only MXNet's modules get them. For all other code the names are still missing,
and names that NumPy has are not changed.
"""
import sys
import warnings
from types import SimpleNamespace

import numpy

__all__ = []


def alltrue(*args, **kwargs):
    """`numpy.all` as another function: MXNet distinguishes them."""
    return numpy.all(*args, **kwargs)


def sometrue(*args, **kwargs):
    """`numpy.any`."""
    return numpy.any(*args, **kwargs)


def product(*args, **kwargs):
    """`numpy.prod`."""
    return numpy.prod(*args, **kwargs)


def round_(*args, **kwargs):
    """`numpy.round`."""
    return numpy.round(*args, **kwargs)


def in1d(*args, **kwargs):
    """`numpy.isin`, flat."""
    return numpy.isin(*args, **kwargs).ravel()


def msort(a):
    """Sort along the first axis."""
    return numpy.sort(a, axis=0)


def trapz(*args, **kwargs):
    """`numpy.trapezoid`."""
    return numpy.trapezoid(*args, **kwargs)


def financial(*args, **kwargs):
    """The function that NumPy 1.20 to 1.23 have under these names."""
    raise RuntimeError('NumPy 1.20 dropped its financial functions: see '
                       'the package numpy-financial.')


# With the first line of MXNet that uses each name.
REPLACEMENTS = {
    'bool': bool,                   # numpy/utils.py 37
    'PZERO': 0.,                    # numpy/utils.py 42
    'NZERO': -0.,                   # numpy/utils.py 43
    'NINF': -numpy.inf,             # numpy/utils.py 44
    'PINF': numpy.inf,              # numpy/utils.py 45
    'NAN': numpy.nan,               # numpy/utils.py 47
    'NaN': numpy.nan,               # numpy/utils.py 48
    'Inf': numpy.inf,   # gluon/contrib/estimator/event_handler.py 248
    'alltrue': alltrue,             # numpy/fallback.py 111
    'in1d': in1d,                   # numpy/fallback.py 135
    'mirr': financial,              # numpy/fallback.py 143
    'msort': msort,                 # numpy/fallback.py 145
    'npv': financial,               # numpy/fallback.py 160
    'pmt': financial,               # numpy/fallback.py 164
    'ppmt': financial,              # numpy/fallback.py 173
    'pv': financial,                # numpy/fallback.py 176
    'rate': financial,              # numpy/fallback.py 177
    'trapz': trapz,                 # numpy/fallback.py 190
    'sometrue': sometrue,           # numpy_dispatch_protocol.py 87
    'round_': round_,               # numpy_dispatch_protocol.py 92
    'product': product,             # numpy_dispatch_protocol.py 124
    'int': int,                     # test_utils.py 2319
    'compat': SimpleNamespace(basestring=str),  # ndarray/numpy/_op.py 7563
}


def missing():
    """Those of the names that this NumPy does not have."""
    with warnings.catch_warnings():
        # Some versions have a name but warn when it is used.
        warnings.simplefilter('ignore')
        return {name for name in REPLACEMENTS if not hasattr(numpy, name)}


def serve():
    """Let MXNet's modules, and only these, find the names in NumPy."""
    names = missing()
    if not names:
        return
    refuse = numpy.__getattr__

    def __getattr__(name):
        # A missing name is looked up from the frame of the caller.
        if name in names and sys._getframe(1).f_globals.get(
                '__name__', '').split('.')[0] == 'mxnet':
            return REPLACEMENTS[name]
        return refuse(name)

    numpy.__getattr__ = __getattr__

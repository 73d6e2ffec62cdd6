"""Look for what MXNet needs of the system, before anything is installed.

    python3 tools/check_system.py

Needs nothing but Python.
"""
import ctypes
import sys

# The libraries that MXNet's wheel does not bring, and Debian's packages.
PACKAGES = {'libgomp.so.1': 'libgomp1', 'libquadmath.so.0': 'libquadmath0',
            'libstdc++.so.6': 'libstdc++6'}


def missing():
    """Packages of the libraries that the system does not have."""
    for name, package in PACKAGES.items():
        try:
            ctypes.CDLL(name)
        except OSError:
            yield package


if __name__ == '__main__':
    packages = ' '.join(missing())
    if packages:
        sys.exit('MXNet needs libraries of the system that are not here. '
                 'Install them\n(Debian, Ubuntu):\n'
                 f'    apt install {packages}\nThen call make again.')

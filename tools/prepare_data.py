"""Draw the embedded set, if it is the one to use and not there yet.

    python tools/prepare_data.py

Called before a notebook asks for it, so that no cell holds the progress bar.
"""
import sys

import d2l_ext as d2l

if __name__ == '__main__':
    try:
        d2l.voc_dir()
    except d2l.DatasetError as error:
        sys.exit(str(error))

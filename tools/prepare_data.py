"""Draw the embedded set if it is needed and does not exist yet.

    python tools/prepare_data.py

Run before a notebook needs it, so that no cell contains the progress bar.
"""
import sys

import d2l_ext as d2l

if __name__ == '__main__':
    try:
        d2l.voc_dir()
    except d2l.DatasetError as error:
        sys.exit(str(error))

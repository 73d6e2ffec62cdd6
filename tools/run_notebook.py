"""Execute a notebook, showing on the way what it prints.

    python tools/run_notebook.py notebooks/faster-rcnn.ipynb build/out.ipynb
"""
import argparse
import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from d2l_ext.runtime.files import replacing

# What a machine adds to a cell on its own account: no business of a reader.
VOLATILE = ('execution', 'ExecuteTime')


class VisibleClient(NotebookClient):
    """Passes on to the terminal what a cell prints, when it prints it."""

    def process_message(self, msg, cell, cell_index):
        if msg['msg_type'] == 'stream':
            sys.stdout.write(msg['content']['text'])
            sys.stdout.flush()
        return super().process_message(msg, cell, cell_index)

    def on_comm_open_jupyter_widget(self, msg):
        """Leave widgets alone: what they show is not kept anyway.

        To play the browser's part for them, nbclient sends on a channel on
        which it waits for the kernel's reply, and now and then waits for
        ever (its issue 312).
        """


def announce(notebook):
    """A hook that names each cell by the heading above it."""
    headings, heading = [], ''
    for cell in notebook.cells:
        if cell.cell_type == 'markdown' and cell.source.startswith('#'):
            heading = cell.source.splitlines()[0].lstrip('# ')
        headings.append(heading)
    total, start = len(notebook.cells), time.perf_counter()

    def hook(cell, cell_index):
        seconds = time.perf_counter() - start
        print(f'[{seconds:4.0f} s] cell {cell_index + 1} of {total}, '
              f'{headings[cell_index]}', flush=True)
    return hook


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('notebook', type=Path)
    parser.add_argument('output', type=Path)
    args = parser.parse_args()
    notebook = nbformat.read(args.notebook, as_version=4)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    # Warnings that a shell asks for are no output of a cell.
    os.environ.pop('PYTHONWARNINGS', None)
    client = VisibleClient(
        # Whatever kernel it was saved with, on whatever machine.
        notebook, kernel_name='python3', timeout=None, record_timing=False,
        # Kernels like to warn that they listen on this machine.
        extra_arguments=['--IPKernelApp.log_level=40'],
        on_cell_execute=announce(notebook),
        resources={'metadata': {'path': str(args.output.parent)}})
    try:
        client.execute()
    except CellExecutionError as error:
        sys.exit(f'{args.notebook} failed:\n{error}')
    for cell in notebook.cells:
        for key in VOLATILE:
            cell.metadata.pop(key, None)
        # Sliders need a kernel; a figure beside them speaks for them.
        if 'widget' in cell.metadata.get('tags', []):
            cell.outputs = []
    # Of all that a kernel says of itself, only what opens the notebook.
    for key in ('language_info', 'widgets'):
        notebook.metadata.pop(key, None)
    with replacing(args.output) as partial:
        nbformat.write(notebook, partial)


if __name__ == '__main__':
    main()

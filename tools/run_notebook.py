"""Execute a notebook, showing what it prints while it runs.

    python tools/run_notebook.py notebooks/faster-rcnn.ipynb build/out.ipynb
"""
import argparse
import base64
import io
import os
import sys
import time
from pathlib import Path

import nbformat
import numpy
from course.whole_files import write_whole
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from PIL import Image
from PIL.PngImagePlugin import PngInfo

# Metadata that a run adds to a cell and that no reader needs.
VOLATILE = ('execution', 'ExecuteTime')


class VisibleClient(NotebookClient):
    """Shows on the terminal what a cell prints, when it prints it."""

    def process_message(self, msg, cell, cell_index):
        if msg['msg_type'] == 'stream':
            sys.stdout.write(msg['content']['text'])
            sys.stdout.flush()
        return super().process_message(msg, cell, cell_index)

    def on_comm_open_jupyter_widget(self, msg):
        """Ignore widgets, whose output is not kept anyway.

        To act as their browser, nbclient sends messages on a channel on which
        it waits for the kernel's reply, and sometimes it waits forever (its
        issue 312).
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


def lighten(notebook):
    """Give each figure a palette: pictures take a fifth of the bytes so."""
    for cell in notebook.cells:
        for output in cell.get('outputs', ()):
            data = output.get('data', {})
            if 'image/png' in data:
                data['image/png'] = with_palette(data['image/png'])


def with_palette(png):
    """A picture, base64, in the 256 colours that it needs most."""
    picture = Image.open(io.BytesIO(base64.b64decode(png)))
    image = picture.convert('RGB')
    paper, image = image.getpixel((0, 0)), image.quantize()
    colors = numpy.array(image.getpalette()).reshape(-1, 3)
    # Its white would else become a mean of whites.
    colors[image.getpixel((0, 0))] = paper
    image.putpalette(colors.ravel().tolist())
    made, about = io.BytesIO(), PngInfo()
    # Which matplotlib drew it: tools/verify.py asks.
    if 'Software' in picture.info:
        about.add_text('Software', picture.info['Software'])
    image.save(made, 'PNG', optimize=True, pnginfo=about)
    return base64.b64encode(made.getvalue()).decode()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('notebook', type=Path)
    parser.add_argument('output', type=Path)
    args = parser.parse_args()
    notebook = nbformat.read(args.notebook, as_version=4)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    # Warnings that a shell asks for do not belong in the output of a cell.
    os.environ.pop('PYTHONWARNINGS', None)
    client = VisibleClient(
        # Whatever kernel the notebook was saved with.
        notebook, kernel_name='python3', timeout=None, record_timing=False,
        # Hides the warning that the kernel listens on this machine.
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
        # Sliders need a kernel; a figure next to them shows some positions.
        if 'widget' in cell.metadata.get('tags', []):
            cell.outputs = []
    lighten(notebook)
    # Keep only the metadata that opening the notebook needs.
    for key in ('language_info', 'widgets'):
        notebook.metadata.pop(key, None)
    write_whole(args.output, f'{nbformat.writes(notebook)}\n'.encode())


if __name__ == '__main__':
    main()

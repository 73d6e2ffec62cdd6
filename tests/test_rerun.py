"""Cells may be interrupted and run again, in any sensible order."""
import re
import threading

import pytest
from helpers import code_cells, read_notebook, text
from jupyter_client.manager import start_new_kernel

CELLS = {cell['metadata']['source_cell']: text(cell)
         for cell in code_cells(read_notebook('faster-rcnn.ipynb'))
         if 'source_cell' in cell['metadata']}
# Definitions, and the trainings of the first and of the second step.
DEFINITIONS, STEP_1, TARGETS, STEP_2 = (1, 5, 37), 33, 38, 15


@pytest.fixture
def run(tmp_path):
    """Run a mirrored cell in a kernel, with small pictures; its error."""
    manager, client = start_new_kernel(cwd=str(tmp_path))

    def run(number, interrupt_at=None):
        code = re.sub(r'\b256, 256\b', '64, 64', CELLS[number])
        reached = threading.Event()

        def watch(message):
            said = str(message['content'].get('text', ''))
            if interrupt_at and interrupt_at in said and not reached.is_set():
                reached.set()
                manager.interrupt_kernel()

        reply = client.execute_interactive(code, output_hook=watch,
                                           timeout=300)
        assert reached.is_set() == bool(interrupt_at)
        content = reply['content']
        return None if content['status'] == 'ok' else content['ename']

    yield run
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_interrupted_cells_run_again_in_any_order(run, tmp_path):
    for number in DEFINITIONS:
        assert run(number) is None
    assert run(STEP_1, 'epoch 1/3') == 'KeyboardInterrupt'
    assert not (tmp_path / 'backbone').exists()
    # Redefining after an interrupt, as one does in despair.
    for number in (5, STEP_1, TARGETS):
        assert run(number) is None, number
    assert (tmp_path / 'backbone').stat().st_size > 10e6
    assert run(STEP_2, 'epoch 2/3') == 'KeyboardInterrupt'
    for number in (STEP_2, STEP_2):
        assert run(number) is None

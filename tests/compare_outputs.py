"""How nbval compares each cell's output with the committed one.

`conftest.py` imports this; what may differ is in `compare_outputs.cfg`.
"""
import os
from pathlib import Path

from nbval import plugin

# A training cell may print nothing for longer than nbval's five seconds.
plugin.IPyNbCell.output_timeout = 120
# Several workers have a folder each, for cells write files.
WORKER = os.environ.get('PYTEST_XDIST_WORKER')
BUILD = Path(__file__).parent.parent / (
    f'build-{WORKER}' if WORKER else 'build')
BUILD.mkdir(exist_ok=True)


class KernelInBuild(plugin.RunningKernel):
    """Lets cells write to the folder that `make run` uses."""

    def __init__(self, kernel_name, cwd=None, **options):
        super().__init__(kernel_name, cwd=str(BUILD), **options)


plugin.RunningKernel = KernelInBuild

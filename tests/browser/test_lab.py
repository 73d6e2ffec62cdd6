"""JupyterLab runs the notebooks, and their sliders answer to the keyboard.

It is what students get, unpacked, with settings of this test alone. Pictures
are left in build/screenshots/lab.
"""
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from helpers import ROOT
from playwright.sync_api import TimeoutError as Timeout

SCREENSHOTS = ROOT / 'build' / 'screenshots' / 'lab'
# Seconds without any progress. How long a notebook takes is up to the machine.
LIMIT = 120
KERNEL = 'jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel'
# What the menu entry of this name does. A command that is refused must not
# look like one that takes long.
RESTART_AND_RUN_ALL = """
() => {
  window.asked = [];
  // What is counted below is counted anew.
  jupyterapp.commands.execute('notebook:clear-all-cell-outputs').then(() =>
    jupyterapp.commands.execute('notebook:restart-run-all')
  ).then(
    result => { window.result = result ? 'done' : `ended: ${result}`; },
    reason => { window.result = `failed: ${reason}`; });
}
"""
# JupyterLab asks whether to restart, and may ask something before. Whatever
# cells have printed since `seen` is progress.
ANSWER_YES = """
seen => {
  for (const dialog of document.querySelectorAll('.jp-Dialog')) {
    window.asked.push(dialog.textContent);
    dialog.querySelector('.jp-mod-accept').click();
  }
  const progress = jupyterapp.shell.currentWidget.content.widgets.map(
    cell => cell.model.type === 'code' && [cell.model.executionCount,
      cell.model.outputs.toJSON().map(o => o.text ?? o.output_type)]);
  const now = window.result ?? JSON.stringify(progress);
  return now !== seen && now;
}
"""
# Of each code cell its number, and the kinds of its outputs.
CODE_CELLS = """
() => jupyterapp.shell.currentWidget.content.widgets.filter(
  cell => cell.model.type === 'code').map(cell => ({
    count: cell.model.executionCount,
    kinds: cell.model.outputs.toJSON().map(o => o.output_type),
    data: cell.model.outputs.toJSON().flatMap(o => Object.keys(o.data ?? {})),
  }))
"""
# Whether a name does not fit beside its slider.
CUT = 'node => node.scrollWidth > node.clientWidth'


def free_port():
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        return server.getsockname()[1]


def settings(home, port):
    """Environment variables of a JupyterLab that leaves this user's alone."""
    inside = {name: str(home / name.lower()) for name in (
        'JUPYTER_CONFIG_DIR', 'JUPYTER_DATA_DIR', 'JUPYTER_RUNTIME_DIR',
        'IPYTHONDIR', 'MPLCONFIGDIR')}
    for folder in inside.values():
        Path(folder).mkdir()
    for name, settings in (
            ('server', {'ServerApp': {
                'port': port, 'ip': '127.0.0.1', 'allow_root': True,
                'open_browser': False}, 'IdentityProvider': {'token': ''}}),
            ('lab', {'LabApp': {'expose_app_in_browser': True}})):
        Path(inside['JUPYTER_CONFIG_DIR'], f'jupyter_{name}_config.json'
             ).write_text(json.dumps(settings))
    # Eight pictures suffice to see that a notebook runs.
    return {**os.environ, **inside, 'HOME': str(home),
            'D2L_TEST_MODE': '8', 'JUPYTER_PLATFORM_DIRS': '1'}


@pytest.fixture(scope='module')
def lab(tmp_path_factory, handout):
    """Address of the JupyterLab that students get, with `make lab`.

    With what is installed here: installing it again would take minutes.
    """
    home, port = tmp_path_factory.mktemp('home'), free_port()
    (home / 'ready').touch()
    with (home / 'log').open('w') as log:
        server = subprocess.Popen(
            ['make', 'lab', f'BIN={Path(sys.executable).parent}', 'MOVED=',
             f'READY={home / "ready"}'], cwd=handout, stdout=log,
            stderr=log, start_new_session=True,
            env={**settings(home, port), 'PYTHONPATH': str(handout)})
    address = f'http://127.0.0.1:{port}'
    try:
        for _ in range(2 * LIMIT):
            try:
                urlopen(f'{address}/api').close()
                break
            except URLError:
                assert server.poll() is None, (home / 'log').read_text()
                time.sleep(.5)
        yield address
    finally:
        # Make, and JupyterLab, which ends its kernels.
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
        server.wait()


@pytest.fixture
def open_notebook(browser, lab):
    contexts = []

    def open_notebook(name):
        context = browser.new_context(viewport={'width': 1280,
                                                'height': 900})
        context.set_default_timeout(1000 * LIMIT)
        # The server is on this machine; nothing else can be reached.
        context.route(
            lambda url: not url.startswith((lab, lab.replace('http', 'ws'),
                                            'data:', 'blob:')),
            lambda route: route.abort())
        contexts.append(context)
        page = context.new_page()
        page.goto(f'{lab}/lab/tree/notebooks/{name}.ipynb?reset')
        page.locator('.jp-Notebook .jp-Cell').first.wait_for()
        # A kernel that is still starting can't be restarted.
        page.wait_for_function(f'{KERNEL}?.status === "idle"')
        return page

    yield open_notebook
    for context in contexts:
        context.close()


def restart_and_run_all(page, name):
    """Return when the last cell has run."""
    page.evaluate(RESTART_AND_RUN_ALL)
    seen = None
    try:
        while page.evaluate('window.result') is None:
            seen = page.wait_for_function(
                ANSWER_YES, arg=seen, polling=500).json_value()
    except Timeout:
        picture = SCREENSHOTS / f'{name}-hangs.png'
        page.screenshot(path=picture)
        counts = [cell['count'] for cell in page.evaluate(CODE_CELLS)]
        status = page.evaluate(f'{KERNEL}?.status')
        pytest.fail(f'Nothing has happened for {LIMIT} s. The cells that ran: '
                    f'{counts}; the kernel: {status}; asked: '
                    f'{page.evaluate("asked")}; see {picture}')
    assert page.evaluate('result') == 'done'


@pytest.mark.parametrize('name', ['anchors', 'faster-rcnn'])
def test_a_notebook_runs_and_its_sliders_move(open_notebook, name):
    page = open_notebook(name)
    restart_and_run_all(page, name)
    cells = page.evaluate(CODE_CELLS)
    assert [cell['count'] for cell in cells] == list(
        range(1, len(cells) + 1))
    assert not any('error' in cell['kinds'] for cell in cells)
    # The cells of sliders are stored without output: these were made now.
    assert any('application/vnd.jupyter.widget-view+json' in cell['data']
               for cell in cells)

    labels = page.locator('.widget-slider .widget-label')
    assert labels.count() > 4
    for label in labels.all():
        label.scroll_into_view_if_needed()
        assert not label.evaluate(CUT), label.text_content()

    slider = page.locator('.widget-slider [role=slider]').first
    slider.scroll_into_view_if_needed()
    picture = page.locator('.widget-output img').first
    before = slider.get_attribute('aria-valuenow'), picture.get_attribute(
        'src')
    slider.focus()
    page.keyboard.press('ArrowRight')
    page.wait_for_function(
        'before => document.querySelector(".widget-output img")?.src'
        ' !== before', arg=before[1])
    assert float(slider.get_attribute('aria-valuenow')) > float(before[0])
    page.screenshot(path=SCREENSHOTS / f'{name}.png')


def test_students_see_nothing_that_is_not_for_them(open_notebook):
    page = open_notebook('anchors')
    assert not page.evaluate(
        "jupyterapp.commands.listCommands().filter("
        "name => name.includes('nbgrader'))")
    assert page.get_by_text('Jupyter news').count() == 0

"""JupyterLab runs the notebooks, and their sliders answer to the keyboard.

The server is of this test alone, and so is the copy of the notebooks.
"""
import os
import shutil
import socket
import subprocess
import sys
import time
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from helpers import ROOT

SCREENSHOTS = ROOT / 'build' / 'screenshots' / 'lab'
MINUTE = 60_000


def free_port():
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        return server.getsockname()[1]


@pytest.fixture(scope='module')
def lab(tmp_path_factory):
    """Address of a JupyterLab on a copy of the notebooks."""
    folder = tmp_path_factory.mktemp('lab')
    for name in ('notebooks', 'img', 'docs/results'):
        shutil.copytree(ROOT / name, folder / name)
    port = free_port()
    address = f'http://127.0.0.1:{port}'
    server = subprocess.Popen(
        [sys.executable, '-m', 'jupyterlab', '--no-browser', '--allow-root',
         f'--port={port}', '--IdentityProvider.token=', '--ip=127.0.0.1',
         f'--notebook-dir={folder}', '--LabApp.expose_app_in_browser=True',
         '--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate'],
        env={**os.environ, 'JUPYTER_CONFIG_DIR': str(folder / 'config'),
             'JUPYTERLAB_SETTINGS_DIR': str(folder / 'settings'),
             'JUPYTERLAB_WORKSPACES_DIR': str(folder / 'workspaces')},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(120):
            try:
                urlopen(f'{address}/api').close()
                break
            except URLError:
                assert server.poll() is None, 'JupyterLab does not start.'
                time.sleep(.5)
        yield address
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def open_notebook(browser, lab):
    contexts = []

    def open_notebook(name):
        context = browser.new_context(viewport={'width': 1280,
                                                'height': 900})
        # The server is on this machine; nothing else can be reached.
        context.route(
            lambda url: not url.startswith((lab, lab.replace('http', 'ws'),
                                            'data:', 'blob:')),
            lambda route: route.abort())
        contexts.append(context)
        page = context.new_page()
        page.goto(f'{lab}/lab/tree/notebooks/{name}.ipynb?reset')
        page.locator('.jp-Notebook .jp-Cell').first.wait_for()
        page.wait_for_function('jupyterapp.shell.currentWidget.sessionContext'
                               '.ready.then(() => true)', timeout=MINUTE)
        return page

    yield open_notebook
    for context in contexts:
        context.close()


def restart_and_run_all(page, minutes):
    """What the menu entry of this name does, until its last cell has run."""
    page.evaluate("""() => {
      window.finished = false;
      jupyterapp.commands.execute('notebook:restart-run-all').then(
        () => { window.finished = true; });
    }""")
    accept = page.locator('.jp-Dialog .jp-mod-accept')
    for _ in range(60 * minutes):
        # JupyterLab asks whether to restart, and may ask something before.
        if accept.count():
            accept.first.click()
        if page.evaluate('window.finished'):
            return
        page.wait_for_timeout(1000)
    raise AssertionError(f'Not all cells have run after {minutes} minutes.')


def code_cells_of(page):
    """Of each code cell its number, and the kinds of its outputs."""
    return page.evaluate("""() => {
      const cells = jupyterapp.shell.currentWidget.content.widgets;
      return cells.filter(cell => cell.model.type === 'code').map(cell => ({
        count: cell.model.executionCount,
        kinds: cell.model.outputs.toJSON().map(o => o.output_type),
        data: cell.model.outputs.toJSON().flatMap(
          o => Object.keys(o.data ?? {})),
      }));
    }""")


@pytest.mark.slow
@pytest.mark.parametrize('name', ['anchors', 'faster-rcnn'])
def test_a_notebook_runs_and_its_sliders_move(open_notebook, name):
    page = open_notebook(name)
    restart_and_run_all(page, minutes=8)
    cells = code_cells_of(page)
    assert [cell['count'] for cell in cells] == list(
        range(1, len(cells) + 1))
    assert not any('error' in cell['kinds'] for cell in cells)
    # The cells of sliders are stored without output: these were made now.
    assert any('application/vnd.jupyter.widget-view+json' in cell['data']
               for cell in cells)

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

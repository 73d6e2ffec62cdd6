"""Notebooks run in any folder, and with any settings of the shell."""
import base64
import io
import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import nbformat
import pytest
from helpers import ROOT
from PIL import Image

NEEDED = ('notebooks/anchors.ipynb', 'd2l_ext', 'conftest.py',
          'pyproject.toml', 'tests/compare_outputs.py',
          'tests/compare_outputs.cfg')
# A network in which nothing but this machine can be reached, and a folder in
# which nothing but build/ can be written: root may write to others' files.
ISOLATED = ('unshare', *(['--map-root-user'] if os.geteuid() else []),
            '--net', '--mount', 'sh', '-c',
            'ip link set lo up && mount --bind "$0" "$0" && '
            'mount -o remount,ro,bind "$0" && '
            'mount -t tmpfs none "$0/build" && cd "$0" && '
            '! touch try 2>/dev/null && exec "$@"')


@pytest.fixture
def checkout(tmp_path):
    """Part of the project, in a folder with a difficult name."""
    folder = tmp_path / 'Bücher & Hefte' / 'Kapitel 1'
    for name in NEEDED:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, target)
    (folder / 'build').mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(
        "open('backbone', 'x').close()", execution_count=1)])
    nbformat.write(notebook, folder / 'notebooks' / 'writes.ipynb')
    # Kernels take the locale for numbers, too, as some libraries make them.
    (folder / 'sitecustomize.py').write_text(
        "import locale\nlocale.setlocale(locale.LC_ALL, '')\n")
    return folder


def run_nbval(checkout, prefix=(), without=(), **environment):
    env = {name: value for name, value in os.environ.items()
           if name not in (*without, 'D2L_TEST_MODE')
           and not name.startswith('PYTEST_XDIST')}
    done = subprocess.run(
        [*prefix, sys.executable, '-m', 'pytest', '-q', '-p',
         'no:cacheprovider', 'notebooks'],
        cwd=checkout, capture_output=True, text=True,
        env={**env, 'PYTHONPATH': str(checkout),
             'PYTHONDONTWRITEBYTECODE': '1', **environment})
    assert done.returncode == 0, done.stdout + done.stderr
    assert ' passed' in done.stdout


@pytest.fixture
def turkish(tmp_path):
    """Folder with a locale whose small I has no dot, and decimals a comma."""
    locale = tmp_path / 'tr_TR.UTF-8'
    if shutil.which('localedef'):
        subprocess.run(['localedef', '-i', 'tr_TR', '-f', 'UTF-8', locale],
                       stderr=subprocess.DEVNULL)
    if not locale.exists():
        pytest.skip('there is no source of the Turkish locale to make it of '
                    '(localedef; Debian: apt install locales)')
    return tmp_path


def test_with_nothing_but_ascii_and_no_home(checkout):
    """Python would like to make it UTF-8."""
    run_nbval(checkout, without=('HOME', 'XDG_CACHE_HOME'), LC_ALL='C',
              PYTHONCOERCECLOCALE='0', PYTHONUTF8='0')


def test_in_turkish(checkout, turkish):
    run_nbval(checkout, LC_ALL='tr_TR.UTF-8', LOCPATH=str(turkish))


def test_offline_in_a_checkout_that_may_not_be_written_to(checkout):
    prefix = (*ISOLATED, str(checkout))
    if shutil.which('unshare') is None or subprocess.run(
            [*prefix, 'true'], capture_output=True).returncode:
        pytest.skip('this user may not make networks and mounts (unshare)')
    run_nbval(checkout, prefix)


def test_with_warnings_and_without_windows(checkout):
    """As on servers, with the cells dealt out to two processes."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(
        source, execution_count=i + 1) for i, source in enumerate((
            "import d2l_ext\nimport warnings\nx = 1\n"
            "warnings.warn('for those who ask', ImportWarning)",
            'from matplotlib import pyplot as plt\nassert x',
            'x += 1\nfigure, axes = plt.subplots()', 'assert x == 2'))])
    notebook.cells[2].outputs = [nbformat.v4.new_output(
        'display_data', {'image/png': '', 'text/plain':
                           '<Figure size 640x480 with 1 Axes>'})]
    nbformat.write(notebook, checkout / 'notebooks' / 'figures.ipynb')
    run_nbval(checkout, MPLBACKEND='Agg', PYTHONWARNINGS='default',
              PYTEST_ADDOPTS='-n 2')


def test_a_notebook_of_another_machine(tmp_path):
    """It was saved with a kernel that is not there."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("print('done')")], metadata={
            'kernelspec': {'name': 'conda-env-mine', 'language': 'python',
                           'display_name': 'Mine'}})
    nbformat.write(notebook, tmp_path / 'a.ipynb')
    subprocess.run(
        [sys.executable, str(ROOT / 'tools' / 'run_notebook.py'),
         str(tmp_path / 'a.ipynb'), str(tmp_path / 'b.ipynb')], check=True)
    made = nbformat.read(tmp_path / 'b.ipynb', 4)
    assert made.cells[0].outputs[0].text == 'done\n'


def test_figures_have_the_pixels_of_sharp_screens(tmp_path):
    # Matplotlib's way to the notebook is ready after the first cell.
    notebook = nbformat.v4.new_notebook(cells=[
        nbformat.v4.new_code_cell(source) for source in (
            'import d2l_ext\nfrom matplotlib import pyplot as plt',
            'plt.subplots(figsize=(2, 1))\nplt.show()')])
    nbformat.write(notebook, tmp_path / 'a.ipynb')
    subprocess.run(
        [sys.executable, str(ROOT / 'tools' / 'run_notebook.py'),
         str(tmp_path / 'a.ipynb'), str(tmp_path / 'b.ipynb')], check=True)
    output, = nbformat.read(tmp_path / 'b.ipynb', 4).cells[1].outputs
    image = Image.open(io.BytesIO(base64.b64decode(output.data['image/png'])))
    shown = output.metadata['image/png']
    assert (image.width // 2, image.height // 2) == (
        shown['width'], shown['height'])
    assert image.mode == 'P'   # a palette, with white paper
    assert image.convert('RGB').getpixel((0, 0)) == (255, 255, 255)


SLOW = """import pathlib, time
pathlib.Path('begun').touch()
time.sleep(0 if pathlib.Path('quick').exists() else 60)
print('done')"""


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM,
                                 signal.SIGKILL], ids=lambda how: how.name)
def test_a_run_that_was_interrupted_is_begun_anew(tmp_path, how):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(SLOW)])
    source, target = tmp_path / 'a.ipynb', tmp_path / 'build' / 'a.ipynb'
    nbformat.write(notebook, source)
    command = [sys.executable, str(ROOT / 'tools' / 'run_notebook.py'),
               str(source), str(target)]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    while not (tmp_path / 'build' / 'begun').exists():
        assert first.poll() is None
        time.sleep(.05)
    first.send_signal(how)
    assert first.wait() != 0
    assert not target.exists()
    (tmp_path / 'build' / 'quick').touch()
    subprocess.run(command, check=True)
    assert 'done' in target.read_text('utf-8')


def limit_files():
    """No file gets more than 100 kB, as if the disk were full then."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


@pytest.mark.parametrize('tool', ['run_notebook', 'export_html'])
def test_a_page_is_written_whole_or_not_at_all(tmp_path, tool):
    """Half a page would be newer than its source, and `make` content."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("print(200_000 * '.')")])
    source, target = tmp_path / 'a.ipynb', tmp_path / 'build' / 'a'
    nbformat.write(notebook, source)
    target.parent.mkdir()
    target.write_text('before')
    command = [sys.executable, str(ROOT / 'tools' / f'{tool}.py'),
               str(source), str(target)]
    failed = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        preexec_fn=limit_files, env={**os.environ,
                                     'IPYTHONDIR': str(tmp_path)})
    assert b'File too large' in failed.stderr
    assert target.read_text() == 'before'
    assert len(list(target.parent.iterdir())) == 1
    subprocess.run(command, check=True)
    assert len(target.read_bytes()) > 100_000

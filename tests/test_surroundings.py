"""Notebooks run wherever they are put, and whatever a user's shell says."""
import os
import shutil
import subprocess
import sys

import pytest
from helpers import ROOT

NEEDED = ('notebooks/anchors.ipynb', 'notebooks/detection-data.ipynb',
          'd2l_ext', 'conftest.py', 'pyproject.toml',
          'tests/nbval-sanitize.cfg', 'tests/helpers.py')


@pytest.fixture
def checkout(tmp_path):
    """Part of the project, in a folder that tries one's patience."""
    folder = tmp_path / 'Bücher & Hefte' / 'Kapitel 1'
    for name in NEEDED:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, target)
    (folder / 'build').mkdir()
    return folder


def run_nbval(checkout, prefix=(), without=(), **environment):
    env = {name: value for name, value in os.environ.items()
           if name not in (*without, 'D2L_TEST_MODE')}
    done = subprocess.run(
        [*prefix, sys.executable, '-m', 'pytest', '-q', '-p',
         'no:cacheprovider', 'notebooks/anchors.ipynb'],
        cwd=checkout, capture_output=True, text=True,
        env={**env, 'PYTHONDONTWRITEBYTECODE': '1', **environment})
    assert done.returncode == 0, done.stdout + done.stderr
    assert ' passed' in done.stdout


@pytest.mark.parametrize('language', ['C', 'tr_TR.UTF-8', 'de_DE.ISO-8859-1'])
def test_in_another_language(checkout, language):
    run_nbval(checkout, LC_ALL=language, LANG=language)


def test_without_a_home(checkout):
    run_nbval(checkout, without=('HOME', 'XDG_CACHE_HOME'))


def test_in_a_checkout_that_may_not_be_written_to(checkout):
    """Root may write anywhere, so for root the folder is mounted anew."""
    if os.geteuid() == 0:
        script = ('mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" '
                  '&& mount -t tmpfs none "$0/build" && cd "$0" && '
                  '! touch try 2>/dev/null && exec "$@"')
        run_nbval(checkout, ('unshare', '--mount', 'sh', '-c', script,
                             str(checkout)))
        return
    for path in checkout.rglob('*'):
        if path != checkout / 'build':
            path.chmod(path.stat().st_mode & ~0o222)
    checkout.chmod(0o555)
    run_nbval(checkout)

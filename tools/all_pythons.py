"""Run the tests with each Python that is found, one after the other.

    python3 tools/all_pythons.py 3.13 3.12 3.11 3.10 3.9

Each gets a clone of the last commit, build/pythons/VERSION: tests that call
`make` run the same Python in it. Those of pyenv are found, too.
"""
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def find(version):
    """The newest interpreter of a version on the path or of pyenv."""
    folder = Path(os.environ.get('PYENV_ROOT', Path.home() / '.pyenv'))
    own = sorted(folder.glob(f'versions/{version}.*/bin/python'),
                 key=lambda path: int(path.parts[-3].split('.')[2]))
    for path in (shutil.which(f'python{version}'), *reversed(own)):
        # A command may be there and only say which versions there are.
        if path and subprocess.run([path, '-c', 'import ensurepip'],
                                   capture_output=True).returncode == 0:
            return path
    return None


def run(version, python):
    print(f'== Python {version}: {python}', flush=True)
    clone = ROOT / 'build' / 'pythons' / version
    if not (clone / '.git').exists():
        subprocess.run(['git', 'clone', '--quiet', ROOT, clone], check=True)
    for command in (['fetch', '--quiet', 'origin', 'HEAD'],
                    ['checkout', '--quiet', '--force', 'FETCH_HEAD']):
        subprocess.run(['git', *command], cwd=clone, check=True)
    return subprocess.run(['make', 'test', f'PYTHON={python}'],
                          cwd=clone).returncode


def main():
    told = []
    for version in sys.argv[1:]:
        python = find(version)
        told.append((version, 'not found' if python is None else
                     'failed' if run(version, python) else 'passed'))
    print('\n' + '\n'.join(f'Python {version}: {result}'
                          for version, result in told))
    results = {result for _, result in told}
    sys.exit('failed' in results or 'passed' not in results)


if __name__ == '__main__':
    main()

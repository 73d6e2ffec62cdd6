"""Build the book with Sphinx, or its single page for print.

    python tools/book.py build/book
    python tools/book.py build/print --builder singlehtml

Pages, notebooks, pictures and the README are copied beside each other, since
Sphinx wants them in one folder. Nothing is executed; any warning is an error,
and then the book that was there stays.

The environment variable BOOK_REPOSITORY may say where the project is on the
web; pages then link to it and to mybinder.org.
"""
import argparse
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from sphinx.cmd.build import build_main

ROOT = Path(__file__).parent.parent


def check_repository(address):
    """An address as Binder's and the theme's links need it, '' for none.

    Raises
    ------
    SystemExit
        When it is none that they can link to.
    """
    found = re.fullmatch(
        r'(https://git(?:hub|lab)\.com/[\w.-]+/[\w.-]+?)(\.git)?/?', address)
    if address and not found:
        sys.exit(f'BOOK_REPOSITORY={address}: name a repository on GitHub or '
                 'GitLab, https://github.com/OWNER/NAME.')
    return found[1] if found else ''


def gather(folder):
    """Everything that the book is made of, in `folder`."""
    # Slides and assignments are made of other sources, by other tools.
    ignored = shutil.ignore_patterns('__pycache__', '.ipynb_checkpoints',
                                     'slides', 'assignments')
    shutil.copytree(ROOT / 'docs', folder, ignore=ignored)
    shutil.copytree(ROOT / 'img', folder / 'img')
    (folder / 'notebooks').mkdir()
    for path in sorted((ROOT / 'notebooks').glob('*.ipynb')):
        shutil.copy(path, folder / 'notebooks')
    shutil.copy(ROOT / 'README.md', folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('output', type=Path)
    parser.add_argument('--builder', default='html')
    args = parser.parse_args()
    os.environ['BOOK_ROOT'] = str(ROOT)
    os.environ['BOOK_REPOSITORY'] = check_repository(
        os.environ.get('BOOK_REPOSITORY', ''))
    args.output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=args.output.parent) as work:
        sources, made = Path(work, 'sources'), Path(work, 'book')
        gather(sources)
        status = build_main([
            '--quiet', '--fail-on-warning', '--keep-going',
            '--builder', args.builder, '--doctree-dir',
            str(Path(work, 'doctrees')), str(sources), str(made)])
        if status:
            sys.exit(status)
        shutil.rmtree(args.output, ignore_errors=True)
        made.rename(args.output)
    print(f'Open {args.output / "index.html"}')


if __name__ == '__main__':
    main()

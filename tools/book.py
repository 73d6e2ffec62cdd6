"""Build the book with Sphinx, or its single page for print.

    python tools/book.py build/book
    python tools/book.py build/print --builder singlehtml

Pages, notebooks, pictures and the README are copied beside each other, since
Sphinx wants them in one folder. Nothing is executed; any warning is an error.
"""
import argparse
import os
import shutil
import sys
from pathlib import Path

from sphinx.cmd.build import build_main

ROOT = Path(__file__).parent.parent


def gather(folder):
    """Everything that the book is made of, in `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
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
    sources = args.output.with_name(f'{args.output.name}-sources')
    gather(sources)
    shutil.rmtree(args.output, ignore_errors=True)
    os.environ['BOOK_ROOT'] = str(ROOT)
    status = build_main([
        '--quiet', '--fail-on-warning', '--keep-going', '--fresh-env',
        '--builder', args.builder, '--doctree-dir',
        str(sources / '.doctrees'), str(sources), str(args.output)])
    if status:
        sys.exit(status)
    print(f'Open {args.output / "index.html"}')


if __name__ == '__main__':
    main()

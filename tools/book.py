"""Build the book with Sphinx, or its single page for print.

    python tools/book.py build/book
    python tools/book.py build/print --builder singlehtml

Pages, notebooks, pictures and the README are copied into one folder, which
Sphinx needs. Nothing is executed. Any warning is an error, and then an
existing book is kept.

If the environment variable BOOK_REPOSITORY names the project's address on
the web, pages link to it and to hosted notebook servers. BOOK_LAB is the
address of the readers' JupyterLab, for instance http://localhost:8888, and
BOOK_ADDRESS that of the book itself, which previews of its pages need.
"""
import argparse
import hashlib
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from course import slides
from nbconvert.preprocessors import TagRemovePreprocessor
from sphinx.cmd.build import build_main

ROOT = Path(__file__).parent.parent
# These notebooks are nothing but solutions.
SOLUTIONS = ('faster-rcnn-solutions',)
# What `make pdf` prints; its sections are in a folder beside it.
PAPER = ROOT / 'build' / 'faster-rcnn.pdf'
# What the book is made from, other than what programs leave there.
SOURCES = ('docs', 'img', 'notebooks', 'd2l_ext', 'README.md')


def check_repository(address):
    """An address in the form that links need, '' for none.

    Raises
    ------
    SystemExit
        If neither Binder nor the theme can link to it.
    """
    found = re.fullmatch(
        r'(https://git(?:hub|lab)\.com/[\w.-]+/[\w.-]+?)(\.git)?/?', address)
    if address and not found:
        sys.exit(f'BOOK_REPOSITORY={address}: name a repository on GitHub or '
                 'GitLab, https://github.com/OWNER/NAME.')
    return found[1] if found else ''


def gather(folder, students=False):
    """Collect everything that the book is made from in `folder`."""
    # Assignments are made by another tool.
    ignored = shutil.ignore_patterns(
        '__pycache__', '.ipynb_checkpoints', 'assignments',
        *(['teaching.md'] if students else []))
    shutil.copytree(ROOT / 'docs', folder, ignore=ignored)
    shutil.copytree(ROOT / 'img', folder / 'img')
    (folder / 'notebooks').mkdir()
    for path in sorted((ROOT / 'notebooks').glob('*.ipynb')):
        if not students:
            shutil.copy(path, folder / 'notebooks')
        elif path.stem not in SOLUTIONS:
            nbformat.write(without_solutions(nbformat.read(path, 4)),
                           folder / 'notebooks' / path.name)
    shutil.copy(ROOT / 'README.md', folder)


def digest():
    """One line that is another one as soon as any source is."""
    found = hashlib.sha256()
    for name in SOURCES:
        for path in (ROOT / name, *sorted((ROOT / name).rglob('*.*'))):
            if path.is_file() and path.suffix != '.pyc':
                found.update(f'{path.relative_to(ROOT)}\n'.encode())
                found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def add_paper(folder, sources):
    """Put PDF files into the book, if they were printed from `sources`.

    tools/print_book.py leaves their digest beside what it printed.
    """
    stamp = PAPER.with_suffix('.sources')
    if stamp.exists() and stamp.read_text() == sources:
        shutil.copytree(PAPER.with_suffix(''), folder)
        shutil.copy(PAPER, folder)


def without_solutions(notebook):
    """A notebook (NotebookNode) less the cells that solve its exercises.

    What led to a notebook of solutions is left as its name.
    """
    remove = TagRemovePreprocessor(enabled=True,
                                   remove_cell_tags={'solution'})
    notebook, _ = remove.preprocess(notebook, {})
    for cell in notebook.cells:
        if cell.cell_type == 'markdown':
            cell.source = re.sub(
                rf'\[([^\]]+)\]\((?:{"|".join(SOLUTIONS)})\.ipynb[^)]*\)',
                r'*\1*', cell.source)
    return notebook


def build(output, builder='html', students=False):
    """Make the book, or its single page, in the folder `output`.

    Raises
    ------
    SystemExit
        When Sphinx finds fault with anything; the book that was there stays.
    """
    os.environ['BOOK_ROOT'] = str(ROOT)
    os.environ['BOOK_REPOSITORY'] = check_repository(
        os.environ.get('BOOK_REPOSITORY', ''))
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent) as work:
        sources, made = Path(work, 'sources'), Path(work, 'book')
        # Before they are read: what changes meanwhile is not in the stamp.
        stamp = digest()
        gather(sources, students)
        if builder == 'html':
            for fault in slides.write(made / 'slides', notes=not students):
                print(f'A deck of slides was not made: {fault}',
                      file=sys.stderr)
            # On paper all solutions are open.
            if not students:
                add_paper(made / 'pdf', stamp)
        status = build_main([
            '--quiet', '--fail-on-warning', '--keep-going',
            *(['--tag', 'students'] if students else []),
            '--builder', builder, '--doctree-dir',
            str(Path(work, 'doctrees')), str(sources), str(made)])
        if status:
            sys.exit(status)
        if builder != 'html':
            (made / 'sources').write_text(stamp)
        shutil.rmtree(output, ignore_errors=True)
        made.rename(output)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('output', type=Path)
    parser.add_argument('--builder', default='html')
    args = parser.parse_args()
    build(args.output, args.builder)
    print(f'Open {args.output / "index.html"}')


if __name__ == '__main__':
    main()

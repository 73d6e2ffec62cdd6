"""Pack what students get, and what their teacher keeps, each as one zip file.

    python tools/course/editions.py students build/student-edition.zip
    python tools/course/editions.py teachers build/teacher-edition.zip

Students get the book, the notebooks without outputs, the library and the
assignment, and nowhere a solution, a hidden test or a word for the teacher.
The teacher's edition is the project itself, with the whole book.
"""
import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from nbconvert.preprocessors import ClearOutputPreprocessor

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / 'tools'))
import book  # noqa: E402

# What the notebooks and `make lab` need. On the right: its name for students.
NEEDED = {
    'd2l_ext': 'd2l_ext', 'img': 'img', 'tools/lab': 'tools/lab',
    'tools/detectors': 'tools/detectors',
    'tools/prepare_data.py': 'tools/prepare_data.py',
    'tools/doctor.py': 'tools/doctor.py',
    'tools/check_system.py': 'tools/check_system.py',
    'tools/install.mk': 'Makefile', 'requirements.lock': 'requirements.lock',
    'pyproject.toml': 'pyproject.toml', 'LICENSE': 'LICENSE',
    'NOTICE': 'NOTICE', 'tools/course/students.md': 'README.md'}
# Made by programs, or for one machine only: in the project's own folder, and
# anywhere in it.
OWN = ('.git', '.venv', '.*_cache', '.hypothesis', 'build*', 'data',
       '*.egg-info')
MADE = ('__pycache__', '.ipynb_checkpoints', 'backbone')


def copy(name, target):
    """A file or a folder of the project, without what programs left in it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if (ROOT / name).is_dir():
        shutil.copytree(ROOT / name, target,
                        ignore=shutil.ignore_patterns(*MADE))
    else:
        shutil.copy(ROOT / name, target)


def keep_links(source, folder):
    """Text of a notebook whose links lead to what lies in `folder`.

    Pages of the project are found in the book; of the rest the name is left.
    """
    def lead(match):
        text, target = match[1], match[2]
        if '://' in target or (folder / 'notebooks' / target).exists():
            return match[0]
        page = re.sub(r'^\.\./(?:docs/)?(.*)\.md$', r'../book/\1.html',
                      target.replace('README.md', 'reference/differences.md'))
        if (folder / 'notebooks' / page).exists():
            # The names of places are made by others there.
            return f'[{text}]({page})'
        return text
    return re.sub(r'(?<!!)\[([^\]]+)\]\(([^)#\s]+)(#[^)]*)?\)', lead, source)


def add_notebooks(folder):
    """The notebooks, without outputs, counts, solutions and dead links."""
    clear = ClearOutputPreprocessor()
    (folder / 'notebooks').mkdir()
    notebooks = [path for path in sorted((ROOT / 'notebooks').glob('*.ipynb'))
                 if path.stem not in book.SOLUTIONS]
    # All of them first, for they link to each other.
    for path in notebooks:
        shutil.copy(path, folder / 'notebooks')
    for path in notebooks:
        notebook, _ = clear.preprocess(
            book.without_solutions(nbformat.read(path, 4)), {})
        for cell in notebook.cells:
            if cell.cell_type == 'markdown':
                cell.source = keep_links(cell.source, folder)
        nbformat.write(notebook, folder / 'notebooks' / path.name)


def pack_students(folder):
    for name, target in NEEDED.items():
        copy(name, folder / target)
    book.build(folder / 'book', students=True)
    add_notebooks(folder)
    subprocess.run([sys.executable, ROOT / 'tools/course/assignments.py',
                    folder / 'assignment'], check=True,
                   stdout=subprocess.DEVNULL)


def pack_teachers(folder):
    for path in sorted(ROOT.iterdir()):
        if not any(path.match(pattern) for pattern in OWN + MADE):
            copy(path.name, folder / path.name)
    book.build(folder / 'book')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('edition', choices=['students', 'teachers'])
    parser.add_argument('output', type=Path, help='a file, NAME.zip')
    args = parser.parse_args()
    args.output.parent.mkdir(parents=True, exist_ok=True)
    pack = {'students': pack_students, 'teachers': pack_teachers}
    # The same disk: what is complete takes the place of what was there.
    with tempfile.TemporaryDirectory(dir=args.output.parent) as work:
        folder = Path(work, 'faster-rcnn')
        folder.mkdir()
        pack[args.edition](folder)
        made = shutil.make_archive(str(Path(work, 'made')), 'zip', work,
                                   folder.name)
        Path(made).replace(args.output)
    print(f'{args.output}: {args.output.stat().st_size / 1e6:.0f} MB')


if __name__ == '__main__':
    main()

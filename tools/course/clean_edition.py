"""Write the notebooks as students get them: no outputs, no solutions.

    python tools/course/clean_edition.py build/clean-edition

The figures and the notebooks lie in the folder as in the project, so that
pictures and links are found.
"""
import argparse
import shutil
from pathlib import Path

import nbformat
from nbconvert.preprocessors import (
    ClearOutputPreprocessor,
    TagRemovePreprocessor,
)

ROOT = Path(__file__).parents[2]
# This one is nothing but solutions.
LEFT_OUT = 'faster-rcnn-solutions'


def clean(notebook):
    """A notebook without outputs, execution counts and solutions."""
    remove = TagRemovePreprocessor(enabled=True,
                                   remove_cell_tags={'solution'})
    for preprocessor in (remove, ClearOutputPreprocessor()):
        notebook, _ = preprocessor.preprocess(notebook, {})
    return notebook


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', type=Path)
    folder = parser.parse_args().folder
    shutil.rmtree(folder, ignore_errors=True)
    (folder / 'notebooks').mkdir(parents=True)
    shutil.copytree(ROOT / 'img', folder / 'img')
    # The text leads to its tables.
    shutil.copy(ROOT / 'README.md', folder)
    for path in sorted((ROOT / 'notebooks').glob('*.ipynb')):
        if path.stem != LEFT_OUT:
            nbformat.write(clean(nbformat.read(path, as_version=4)),
                           folder / 'notebooks' / path.name)
    print(f'Without outputs and solutions: {folder / "notebooks"}')


if __name__ == '__main__':
    main()

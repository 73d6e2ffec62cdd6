"""Make the version of the assignment that students get, with nbgrader.

    python tools/course/assignments.py build/assignments

It has no solutions and no hidden tests. The source has both, in
docs/assignments/source: not in the folder of the notebooks, whose cells
pytest runs and compares with outputs that an assignment does not have.
"""
import argparse
import sys
from pathlib import Path

import nbformat
from nbgrader import preprocessors
from nbgrader.nbgraderformat import MetadataValidator, ValidationError
from traitlets.config import Config

ASSIGNMENTS = Path(__file__).parents[2] / 'docs' / 'assignments'
NAME = 'building-blocks'
SOURCE = ASSIGNMENTS / 'source' / NAME / f'{NAME}.ipynb'
# Those of `nbgrader generate_assignment` that need no database.
STEPS = [preprocessors.ClearSolutions, preprocessors.LockCells,
         preprocessors.ClearOutput, preprocessors.ClearHiddenTests,
         preprocessors.ComputeChecksums]
SETTINGS = Config(ClearSolutions={
    'code_stub': {
        'python': '# Write your code here.\nraise NotImplementedError()'},
    'text_stub': 'Write your answer here.'})


class CourseError(RuntimeError):
    """What a teacher has to put right before it goes on."""


def for_students():
    """The notebook for students.

    Raises
    ------
    CourseError
        When cells are not marked as nbgrader wants them.
    """
    notebook = nbformat.read(SOURCE, 4)
    try:
        for step in STEPS:
            notebook, _ = step(config=SETTINGS).preprocess(notebook, {})
        MetadataValidator().validate_nb(notebook)
    except (RuntimeError, ValidationError) as error:
        raise CourseError(f'{SOURCE}: {error}') from None
    return notebook


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', type=Path)
    path = parser.parse_args().folder / SOURCE.name
    try:
        notebook = for_students()
    except CourseError as error:
        sys.exit(str(error))
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    print(f'To hand out: {path}')


if __name__ == '__main__':
    main()

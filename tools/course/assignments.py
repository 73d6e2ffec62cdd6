"""Make the version of the assignment that students get, with nbgrader.

    python tools/course/assignments.py build/assignments

It has no solutions and no hidden tests. The source has both, in
docs/assignments/source: not in the folder of the notebooks, whose cells
pytest runs and compares with outputs that an assignment does not have.
"""
import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ASSIGNMENTS = ROOT / 'docs' / 'assignments'
NAME = 'building-blocks'
SOURCE = ASSIGNMENTS / 'source' / NAME / f'{NAME}.ipynb'


class CourseError(RuntimeError):
    """nbgrader did not do what it was asked for."""


def environment(course):
    """Environment variables that keep Jupyter inside of the course folder."""
    home = Path(course, '.home').resolve()
    inside = {name: str(home / name.lower()) for name in (
        'JUPYTER_CONFIG_DIR', 'JUPYTER_DATA_DIR', 'JUPYTER_RUNTIME_DIR',
        'IPYTHONDIR', 'MPLCONFIGDIR')}
    for folder in inside.values():
        Path(folder).mkdir(parents=True, exist_ok=True)
    return {**os.environ, **inside, 'HOME': str(home),
            'JUPYTER_PLATFORM_DIRS': '1',
            # nbgrader calls alembic, which is beside this Python.
            'PATH': os.pathsep.join((str(Path(sys.executable).parent),
                                     os.environ.get('PATH', os.defpath))),
            'PYTHONPATH': os.pathsep.join(filter(None, (
                str(ROOT), os.environ.get('PYTHONPATH'))))}


def nbgrader(course, *arguments):
    """Call nbgrader in a course folder.

    Raises
    ------
    CourseError
        With the end of what nbgrader said.
    """
    result = subprocess.run(
        [sys.executable, '-m', 'nbgrader', *arguments], cwd=course,
        env=environment(course), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False)
    if result.returncode:
        raise CourseError(f'nbgrader {arguments[0]} failed:\n'
                          f'{(result.stdout + result.stderr)[-2000:]}')


def make_course(course):
    """A new course folder with the released assignment in it.

    Parameters
    ----------
    course : pathlib.Path
        Emptied first.

    Returns
    -------
    pathlib.Path
        The notebook for students.
    """
    shutil.rmtree(course, ignore_errors=True)
    shutil.copytree(ASSIGNMENTS, course)
    nbgrader(course, 'generate_assignment', NAME)
    return course / 'release' / NAME / f'{NAME}.ipynb'


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', type=Path)
    folder = parser.parse_args().folder
    try:
        made = make_course(folder / 'course')
    except CourseError as error:
        sys.exit(str(error))
    handed_out = folder / made.name
    shutil.copy(made, handed_out)
    shutil.rmtree(folder / 'course')
    print(f'To hand out: {handed_out}')


if __name__ == '__main__':
    main()

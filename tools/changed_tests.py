"""Print the tests of whatever differs from the last commit.

    python tools/changed_tests.py

Tests of d2l_ext/runtime/checkpoint.py are in a file test_checkpoint.py. What
holds for all files, and takes seconds, is added: `make quick` runs them all.
"""
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
ALWAYS = ('test_layout', 'test_notebooks', 'test_public_names')


def tests_of(names):
    """Files in tests/ that belong to files of these names, in order."""
    stems = {Path(name).stem for name in names}
    stems |= {f'test_{stem}' for stem in stems} | set(ALWAYS)
    return [path for path in sorted(ROOT.glob('tests/**/test_*.py'))
            if path.stem in stems]


if __name__ == '__main__':
    status = subprocess.run(
        ['git', 'status', '--porcelain', '--untracked-files=all'],
        cwd=ROOT, capture_output=True, text=True, check=True).stdout
    # Two letters and a blank, then the name; of a file that was moved, both.
    print(*(path.relative_to(ROOT) for path in tests_of(
        line[3:].split(' -> ')[-1] for line in status.splitlines())))

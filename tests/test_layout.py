"""The layers of the library: imports lead down, never up or around."""
import ast
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
from helpers import ROOT

LIBRARY = ROOT / 'd2l_ext'
# From the bottom to the top; '' are the modules of the chapter itself.
LAYERS = ['errors', 'drawn', 'distributed', 'data', 'runtime', '',
          'detector', 'plots']
MODULES = sorted(path for path in LIBRARY.rglob('*.py')
                 if path != LIBRARY / '__init__.py')


def layer(parts):
    """The layer of a module, from the parts of its dotted name."""
    return LAYERS.index(parts[0] if parts[0] in LAYERS else '')


@pytest.mark.parametrize('path', MODULES, ids=lambda path: str(
    path.relative_to(LIBRARY)))
def test_imports_lead_down(path):
    here = path.relative_to(LIBRARY).with_suffix('').parts
    for node in ast.walk(ast.parse(path.read_text('utf-8'))):
        if isinstance(node, ast.ImportFrom) and node.level:
            package = here[:len(here) - node.level]
            there = (*package, *(node.module or '').split('.'))
            assert layer(there) <= layer(here), ast.unparse(node)


def test_each_folder_says_what_lives_in_it():
    for folder in LAYERS[1:]:
        if folder:
            source = (LIBRARY / folder / '__init__.py').read_text('utf-8')
            tree = ast.parse(source)
            # Before MXNet is loaded, some modules are imported alone.
            assert len(tree.body) == 1, folder
            assert len(ast.get_docstring(tree)) > 80


def test_a_wheel_holds_the_whole_library(tmp_path):
    """An editable install would hide that something is missing."""
    for name in ('pyproject.toml', 'README.md', 'LICENSE'):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(LIBRARY, tmp_path / 'd2l_ext')
    subprocess.run(
        [sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps',
         '--no-build-isolation', '--no-index', '--wheel-dir', tmp_path,
         tmp_path], check=True)
    wheel, = tmp_path.glob('*.whl')
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist()
                if name.startswith('d2l_ext/')}
    assert held == {path.relative_to(ROOT).as_posix()
                    for path in LIBRARY.rglob('*.py')}


def test_contributors_are_told_the_layers():
    """From the top to the bottom."""
    page = (ROOT / 'CONTRIBUTING.md').read_text('utf-8')
    named = re.findall(r'^\| [`*]([\w ]+)(?:/|\.py)?[`*] \|', page, re.M)
    assert named == [layer or 'top folder' for layer in LAYERS[::-1]]
    modules = {path.stem for path in LIBRARY.glob('*.py')}
    top, = re.findall(r'^\| \*top folder\* \| `(.*)` \|$', page, re.M)
    assert set(top.split()) == modules - {'__init__', 'errors'}


def test_the_citation_has_the_version_of_the_package():
    version, = re.findall('^version.*"(.*)"', (
        ROOT / 'pyproject.toml').read_text('utf-8'), re.M)
    assert f'\nversion: {version}\n' in (
        ROOT / 'CITATION.cff').read_text('utf-8')

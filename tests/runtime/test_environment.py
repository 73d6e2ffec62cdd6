"""Pins agree wherever they are written down."""
import os
import re
import shutil
import subprocess
import sys

import all_pythons
import check_system
import doctor
import pytest
import yaml
from helpers import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from rattler import MatchSpec

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from d2l_ext.runtime import cuda

PYTHONS = ('3.9', '3.10', '3.11', '3.12', '3.13')
UV = shutil.which('uv', path=os.pathsep.join(
    [os.path.join(sys.prefix, 'bin'), os.environ['PATH']]))
PROJECT = tomllib.loads(
    (ROOT / 'pyproject.toml').read_text('utf-8'))['project']


def locked(python, text=''):
    """Versions of the lock, or a text like it, for one Python on Linux."""
    environment = {'python_version': python,
                   'python_full_version': f'{python}.0',
                   'sys_platform': 'linux', 'os_name': 'posix',
                   'platform_system': 'Linux',
                   'platform_python_implementation': 'CPython',
                   'implementation_name': 'cpython'}
    pins = {}
    text = text or (ROOT / 'requirements.lock').read_text()
    for line in text.splitlines():
        if line and not line.lstrip().startswith('#'):
            requirement = Requirement(line)
            if not requirement.marker or requirement.marker.evaluate(
                    environment):
                specifier, = requirement.specifier
                assert specifier.operator == '=='
                name = canonicalize_name(requirement.name)
                assert name not in pins
                pins[name] = specifier.version
    return pins


@pytest.mark.parametrize('python', PYTHONS)
def test_the_lock_fulfils_what_the_project_asks_for(python):
    pins = locked(python)
    extras = PROJECT['optional-dependencies']
    for text in (PROJECT['dependencies'] + extras['cpu']
                 + extras['photographs'] + extras['dev'] + extras['book']):
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate(
                {'python_version': python}):
            continue
        assert requirement.specifier.contains(
            pins[canonicalize_name(requirement.name)]), text


def test_pythons_of_the_project():
    supported = Requirement(f'python{PROJECT["requires-python"]}').specifier
    assert [supported.contains(v) for v in ('3.8', *PYTHONS)] == [
        False, *[True] * len(PYTHONS)]
    makefile = (ROOT / 'tools' / 'install.mk').read_text('utf-8')
    named = re.search(r'^PYTHONS := (.*)$', makefile, re.M)[1].split()
    assert named == list(reversed(PYTHONS))
    assert [f'{a}.{b}' for a, b in doctor.PYTHONS] == [
        PYTHONS[0], PYTHONS[-1]]


def conda_environment(path):
    """Channels, what conda is to install by name, and what pip is to."""
    environment = yaml.safe_load((ROOT / path).read_text('utf-8'))
    conda = {}
    for entry in environment['dependencies']:
        if isinstance(entry, dict):
            pip = [Requirement(text) for text in entry['pip']
                   if text != '-e .']
        else:
            spec = MatchSpec(entry, strict=True)
            conda[spec.name.normalized] = spec
    return environment['channels'], conda, pip


@pytest.mark.parametrize(('path', 'mxnet'), [
    ('environment.yml', 'mxnet-cu112'), ('binder/environment.yml', 'mxnet')])
def test_conda_environments_agree_with_the_lock(path, mxnet):
    channels, conda, pip = conda_environment(path)
    assert channels == ['conda-forge', 'nodefaults']
    assert {'python', 'pip'} <= set(conda)
    # Nothing that pip pins comes from conda, too, in another version.
    assert not set(conda) & {canonicalize_name(r.name) for r in pip}
    python = str(conda['python'].version).removesuffix('.*')
    assert Requirement(f'python{PROJECT["requires-python"]}'
                       ).specifier.contains(python)
    pins = locked(python)
    # The GPU build of MXNet is of the same version as the locked CPU build.
    pins['mxnet-cu112'] = pins['mxnet']
    names = {canonicalize_name(r.name) for r in pip}
    # All that d2l_ext and the notebooks need, not least what users asked for.
    wanted = {canonicalize_name(requirement.name)
              for requirement in map(Requirement, PROJECT['dependencies'])
              if requirement.marker is None or requirement.marker.evaluate(
                  {'python_version': python})}
    assert wanted | {'jupyter', 'nbval', 'ipywidgets'} <= names
    assert names & {'mxnet', 'mxnet-cu112'} == {mxnet}
    for requirement in pip:
        name = canonicalize_name(requirement.name)
        assert str(requirement.specifier) == f'=={pins[name]}', name
    if mxnet == 'mxnet-cu112':
        versions = {name: str(conda[name].version) for name in
                    ('cuda-version', 'cudatoolkit', 'cudnn')}
        assert versions == {'cuda-version': '11.2.*',
                            'cudatoolkit': '11.2.*', 'cudnn': '8.1.*'}
        assert 'nccl' in conda


def test_each_library_of_cuda_has_a_pinned_package():
    """`make doctor` reads the pins from where pip does."""
    pins = {text for text in PROJECT['optional-dependencies']['gpu']
            if text.startswith('nvidia-')}
    assert all(str(Requirement(pin).specifier).startswith('==')
               for pin in pins)
    assert {doctor.package_of(name) for name in cuda.LIBRARIES} == pins


def resolve(*arguments, requirements=None, python='3.9'):
    return subprocess.run(
        [UV, 'pip', 'compile', '--quiet', '--no-header', '--no-annotate',
         '--only-binary', ':all:', '--python-version', python,
         *arguments], cwd=ROOT, input=requirements, capture_output=True,
        text=True)


@pytest.fixture(scope='module')
def registry():
    """A package registry that can be asked."""
    if resolve('-', requirements='numpy==1.23.5').returncode:
        pytest.skip('no package registry can be reached')


@pytest.mark.parametrize('path', ['environment.yml',
                                  'binder/environment.yml'])
def test_what_pip_adds_to_conda_resolves(path, registry):
    """Together with what d2l_ext asks for, all as pinned."""
    _, conda, pip = conda_environment(path)
    python = str(conda['python'].version).removesuffix('.*')
    # As pip, which knows nothing of overrides.
    done = resolve('-', '--no-config', '--python-platform', 'linux',
                   python=python, requirements='\n'.join(
                       [*map(str, pip), *PROJECT['dependencies']]))
    assert done.returncode == 0, done.stderr
    found = locked(python, done.stdout)
    for requirement in pip:
        assert requirement.specifier.contains(
            found[canonicalize_name(requirement.name)])


def test_the_gpu_environment_resolves(registry):
    done = resolve('--extra', 'gpu', '--constraint', 'requirements.lock',
                   '--universal', 'pyproject.toml')
    assert done.returncode == 0, done.stderr
    for python in PYTHONS:
        found, pins = locked(python, done.stdout), locked(python)
        for text in PROJECT['optional-dependencies']['gpu']:
            name, version = text.split('==')
            assert found.pop(name) == version
        assert 'mxnet' not in found
        # The rest is as without a GPU, save for what a pin of NVIDIA's asks.
        assert {name for name in found if name not in pins} <= {
            'setuptools', 'wheel'}
        assert {name: found[name] for name in pins if name in found} == {
            name: pins[name] for name in pins if name in found}
        assert {'numpy', 'd2l', 'matplotlib'} <= set(found)


@pytest.mark.parametrize('python', PYTHONS[:-1])
@pytest.mark.parametrize('build', ['cpu', 'gpu'])
def test_pip_resolves_the_project_without_the_lock(python, build, registry):
    """From wheels alone. NumPy before 2 has none for Python 3.13."""
    done = resolve('--extra', build, '--no-config', '--python-platform',
                   'linux', 'pyproject.toml', python=python)
    assert done.returncode == 0, done.stderr
    assert re.search(r'^numpy==1\.', done.stdout, re.M)


def test_help_lists_every_target():
    makefile = ''.join((ROOT / name).read_text('utf-8') for name in (
        'Makefile', 'tools/install.mk')).replace('\\\n', '')
    phony = {target for row in re.findall(r'^\.PHONY: (.*)$', makefile, re.M)
             for target in row.split()} - {
        'images-named', 'submissions-named', 'FORCE'}
    shown = subprocess.run(['make', 'help'], cwd=ROOT, capture_output=True,
                           text=True, check=True).stdout
    assert len(phony) > 10
    for target in phony:
        assert f'make {target} ' in shown


def test_a_clear_word_where_no_python_fits(tmp_path):
    shutil.copy(ROOT / 'tools' / 'install.mk', tmp_path / 'Makefile')
    for name in ('requirements.lock', 'pyproject.toml'):
        (tmp_path / name).touch()
    result = subprocess.run(['make', 'setup', 'PYTHON='], cwd=tmp_path,
                            capture_output=True, text=True, check=False)
    assert result.returncode
    assert 'No Python from 3.9 on was found' in result.stdout


@pytest.mark.parametrize(('given', 'expected'), [
    (None, str(len(os.sched_getaffinity(0)))), ('1', '1')])
def test_threads_are_set_before_mxnet_is_loaded(given, expected):
    environment = {k: v for k, v in os.environ.items()
                   if k != 'OMP_NUM_THREADS'}
    if given:
        environment['OMP_NUM_THREADS'] = given
    code = ('import sys, os, d2l_ext.data.voc; assert "mxnet" in sys.modules; '
            'print(os.environ["OMP_NUM_THREADS"])')
    result = subprocess.run([sys.executable, '-c', code], env=environment,
                            capture_output=True, text=True, check=True)
    assert result.stdout.strip() == expected
    assert not result.stderr


def fake_python(folder, name, version):
    path = folder / name
    path.write_text(f'#!/bin/sh\ntest {version} -ge 9\n')
    path.chmod(0o755)


def test_the_newest_python_is_taken(tmp_path):
    """And what is called python3, where it is new enough."""
    for name in ('Makefile', 'tools/install.mk'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / 'requirements.lock').touch()
    (tmp_path / 'pyproject.toml').touch()
    tools = tmp_path / 'bin'
    tools.mkdir()
    for name in ('make', 'sh', 'mkdir', 'realpath'):
        (tools / name).symlink_to(shutil.which(name))

    def chosen(*given):
        shown = subprocess.run(
            ['make', '-n', 'setup', *given], cwd=tmp_path, text=True,
            capture_output=True, env={'PATH': str(tools)}).stdout
        found = re.search(r'([^\s"]+)"? -m venv', shown)
        return found and found[1]

    assert chosen() is None
    fake_python(tools, 'python3', 8)
    assert chosen() is None
    for name, version in (('python3', 13), ('python3.10', 10),
                          ('python3.12', 12)):
        fake_python(tools, name, version)
        assert chosen() == name
    assert chosen('PYTHON=/some/python') == '/some/python'


def test_libraries_of_the_system_are_asked_for_first(monkeypatch):
    monkeypatch.setitem(check_system.PACKAGES, 'libnone.so.1', 'libnone1')
    assert 'libnone1' in list(check_system.missing())
    # Nothing else is missing where this test runs.
    assert list(check_system.missing()) == ['libnone1']
    shown = subprocess.run(['make', '-nB', 'setup'], cwd=ROOT, text=True,
                           capture_output=True, check=True).stdout
    assert shown.index('check_system.py') < shown.index('-m venv')


def test_pythons_are_looked_for_by_their_version(tmp_path, monkeypatch):
    monkeypatch.setenv('PYENV_ROOT', str(tmp_path))
    monkeypatch.setenv('PATH', str(tmp_path / 'none'))
    for patch in ('9', '10'):
        path = tmp_path / 'versions' / f'3.12.{patch}' / 'bin' / 'python'
        path.parent.mkdir(parents=True)
        path.write_text('#!/bin/sh\n')
        path.chmod(0o755)
    assert str(all_pythons.find('3.12')).split('/')[-3] == '3.12.10'
    path.write_text('#!/bin/sh\nexit 1\n')
    assert str(all_pythons.find('3.12')).split('/')[-3] == '3.12.9'
    assert all_pythons.find('3.13') is None


def test_every_name_of_d2l_is_there():
    from d2l import mxnet as d2l

    import d2l_ext
    own = {'box_center_to_corner', 'box_corner_to_center', 'nms', 'd2l',
           'try_gpu', 'try_all_gpus'}
    for name in vars(d2l):
        if not name.startswith('_') and name not in own:
            assert getattr(d2l_ext, name) is getattr(d2l, name), name


def test_make_says_that_a_project_was_moved(tmp_path):
    shutil.copy(ROOT / 'tools' / 'install.mk', tmp_path / 'Makefile')
    for name in ('requirements.lock', 'pyproject.toml', '.venv/ready',
                 '.venv/bin/pip'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for place, stays in ((tmp_path, True), (tmp_path / 'first', False)):
        (tmp_path / '.venv/bin/pip').write_text(
            f'#!{place}/.venv/bin/python\n')
        (tmp_path / '.venv/ready').touch()
        done = subprocess.run(['make', 'setup'], cwd=tmp_path, text=True,
                              capture_output=True)
        assert (done.returncode == 0) == stays, done.stdout
        assert ('moved or copied' in done.stdout) != stays
        assert (tmp_path / '.venv/bin/pip').exists()

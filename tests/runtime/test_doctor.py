"""`make doctor` names each fault and its remedy, on machines made for it.

The environments are made of symbolic links and empty packages, NVIDIA's
driver and libraries of a few lines of C.
"""
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from helpers import ROOT

from d2l_ext import try_all_gpus, try_gpu
from d2l_ext.errors import DeviceWarning
from d2l_ext.runtime import cuda, devices

HERE = Path(sysconfig.get_path('purelib'))
DRIVER = """
#include <string.h>
int cuInit(unsigned flags) { return INIT; }
int cuDriverGetVersion(int *v) { *v = VERSION; return 0; }
int cuDeviceGetCount(int *n) { *n = COUNT; return 0; }
int cuDeviceGet(int *device, int i) { *device = i; return i >= COUNT; }
int cuDeviceGetName(char *name, int size, int device) {
    strncpy(name, NAME, size); return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    *value = attribute == 75 ? MAJOR : attribute == 76 ? MINOR : -1;
    return 0; }
int cuGetErrorString(int code, const char **text) {
    *text = "as the test wants it"; return 0; }
"""
LIBRARY = """
int nvrtcVersion(int *major, int *minor) {
    *major = 11; *minor = 7; return 0; }
"""


def compile_library(path, source, *options):
    if shutil.which('gcc') is None:
        pytest.skip('fake libraries are compiled with gcc, which is missing')
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(['gcc', '-shared', '-fPIC', f'-Wl,-soname,{path.name}',
                    '-o', path, '-x', 'c', '-', '-x', 'none', *options],
                   input=source, text=True, check=True)


def fake_driver(folder, name='NVIDIA H100', capability=(9, 0), count=1,
                version=12040, code=0):
    """Environment variables for a machine with this driver and these GPUs."""
    major, minor = capability
    compile_library(folder / 'driver' / cuda.DRIVER, ''.join(
        f'#define {key} {value}\n' for key, value in {
            'NAME': f'"{name}"', 'MAJOR': major, 'MINOR': minor,
            'COUNT': count, 'VERSION': version, 'INIT': code}.items())
        + DRIVER)
    return {'LD_LIBRARY_PATH': str(folder / 'driver')}


def without_driver():
    try:
        cuda.driver_version()
    except OSError:
        return
    pytest.skip('this machine has a driver, and the test is about none')


class Environment:
    """A Python of its own.

    Parameters
    ----------
    packages
        Versions of what is said to be installed, but is empty.
    whole
        Whether to add all that this Python has, except for `packages` and
        `without`.
    """

    def __init__(self, folder, whole=False, without=(), **packages):
        venv.create(folder, symlinks=True)
        self.folder = folder
        self.site = folder / HERE.relative_to(sys.prefix)
        for path in HERE.iterdir() if whole else ():
            stem = path.name.split('-')[0]
            if path.suffix != '.dist-info' or stem not in {
                    *packages, *without}:
                (self.site / path.name).symlink_to(path)
        for name, version in packages.items():
            info = self.site / f'{name}-{version}.dist-info'
            info.mkdir()
            (info / 'METADATA').write_text(
                'Metadata-Version: 2.1\n'
                f'Name: {name.replace("_", "-")}\nVersion: {version}\n')

    def add_libraries(self, without=()):
        for name in cuda.LIBRARIES:
            if name not in without:
                compile_library(self.site / 'nvidia' / 'some' / 'lib' / name,
                                LIBRARY)

    def run(self, *command, **variables):
        hidden = ('PYTHONPATH', 'LD_LIBRARY_PATH', 'OMP_NUM_THREADS',
                  'D2L_VOC_DIR')
        kept = {k: v for k, v in os.environ.items() if k not in hidden}
        return subprocess.run(
            [self.folder / 'bin' / 'python', *command], cwd=ROOT, text=True,
            capture_output=True, env={**kept, **variables})

    def doctor(self, **variables):
        done = self.run('tools/doctor.py', **variables)
        assert not done.stderr
        fatal = 'Problem: ' in done.stdout
        assert done.returncode == fatal, done.stdout
        assert ('The chapter runs here.' in done.stdout) != fatal
        return done.stdout


GOOD = {'numpy': '1.23.5', 'mxnet': '1.9.1'}
GPU = {'numpy': '1.23.5', 'mxnet_cu112': '1.9.1'}


def test_nothing_is_wrong_here():
    done = subprocess.run(
        ['make', '--no-print-directory', 'doctor', f'BIN={sys.prefix}/bin'],
        cwd=ROOT, capture_output=True, text=True)
    topics = [line.split()[0] for line in done.stdout.splitlines() if line]
    assert done.returncode == 0, done.stdout
    assert [t for t in topics if t not in ('GPU', 'Note:')] == [
        'Python', 'Folder', 'NumPy', 'MXNet', 'Driver', 'CUDA', 'Threads',
        'Data', 'Import', 'The']
    assert 'MXNet computes on cpu(0)' in done.stdout


@pytest.mark.parametrize('gone', [True, False])
def test_an_environment_of_another_folder(tmp_path, gone):
    """As after the project was renamed, or copied."""
    environment = Environment(tmp_path / 'env', **GOOD, d2l_ext='0.1.0')
    other = tmp_path / 'the first'
    if not gone:
        other.mkdir()
    info = environment.site / 'd2l_ext-0.1.0.dist-info'
    (info / 'direct_url.json').write_text(json.dumps({'url': other.as_uri()}))
    said = environment.doctor()
    assert f'runs d2l_ext of {other}, which is ' + (
        'gone' if gone else 'another folder') in said
    assert 'install --no-deps --editable .' in said


def test_no_environment_and_no_python_that_fits(tmp_path):
    """Any Python will do for the doctor."""
    any_python = tmp_path / 'python3'
    any_python.write_text('#!/bin/sh\necho "$@"\n')
    any_python.chmod(0o755)
    done = subprocess.run(
        ['make', '--no-print-directory', 'doctor', 'PYTHON=',
         f'VENV={tmp_path}'], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, 'PATH': f'{tmp_path}:{os.environ["PATH"]}'})
    assert done.stdout == 'tools/doctor.py\n'


def test_an_empty_environment(tmp_path):
    """The doctor itself needs nothing but Python."""
    said = Environment(tmp_path).doctor(D2L_DATA_DIR=str(tmp_path))
    assert 'Problem: There is no NumPy.' in said
    assert 'Problem: There is no MXNet.' in said
    assert "requirements.lock --editable '.[cpu]'" in said
    assert "Problem: import d2l_ext ends with: ModuleNotFoundError" in said
    assert 'Note: There is no data set yet' in said
    assert 'tools/prepare_data.py' in said


@pytest.mark.parametrize(('version', 'expected'), [
    ((3, 8, 18), 'Problem: The chapter needs Python 3.9 or later.'),
    ((3, 14, 0), 'Note: Nobody has tried the chapter with a Python after '
                 '3.13. Should it fail:')])
def test_a_python_that_nobody_tried(tmp_path, version, expected):
    environment = Environment(tmp_path, **GOOD)
    # A `sitecustomize` of the system, as Debian has one, would come first.
    (environment.site / 'version.pth').write_text(
        f'import sys; sys.version_info = {(*version, "final", 0)}\n')
    said = environment.doctor()
    assert (f'{expected}\n    rm -rf .venv && '
            'make setup PYTHON=/path/to/python3.13') in said


@pytest.mark.parametrize(('version', 'works'), [
    ('1.22.4', False), ('1.23.5', True), ('1.26.4', True), ('2.5.5', True),
    ('2.1.0rc1', True), ('3.0.0', False)])
def test_versions_of_numpy(tmp_path, version, works):
    said = Environment(tmp_path, **{**GOOD, 'numpy': version}).doctor()
    assert works != (f'1.23 to 2, and NumPy {version} is none' in said)
    assert works != ('install --constraint requirements.lock numpy\n'
                     in said)


def test_both_builds_of_mxnet(tmp_path):
    environment = Environment(tmp_path, **GOOD, mxnet_cu112='1.9.1')
    assert 'Problem: Two builds of MXNet' in (said := environment.doctor())
    assert 'pip uninstall --yes mxnet mxnet-cu112 && ' in said
    assert "--editable '.[cpu]'" in said.split('&&')[1].split('\n')[0]
    # The build that is put back is the one that the machine can use.
    for capability, build in (((9, 0), 'cpu'), ((8, 0), 'gpu')):
        said = environment.doctor(
            **fake_driver(tmp_path, capability=capability))
        again = said.split('&&')[1].split('\n')[0]
        assert f"--editable '.[{build}]'" in again


@pytest.mark.parametrize(('package', 'build'), [
    ('mxnet', 'cpu'), ('mxnet_cu112', 'gpu')])
def test_another_mxnet(tmp_path, package, build):
    """The build stays, and gets the version that the chapter needs."""
    said = Environment(tmp_path, numpy='1.23.5', **{package: '1.7.0'}
                       ).doctor()
    problem = said.split('Problem: The chapter needs MXNet 1.9.1.\n')[1]
    assert f"--editable '.[{build}]'" in problem.split('\n')[0]


def test_no_driver(tmp_path):
    without_driver()
    said = Environment(tmp_path, **GPU).doctor()
    assert 'Problem: There is no NVIDIA driver (libcuda.so.1)' in said
    assert 'pip uninstall --yes mxnet-cu112 && ' in said
    assert "--editable '.[cpu]'" in said
    assert 'There is no NVIDIA driver' not in Environment(
        tmp_path / 'cpu', **GOOD).doctor()


@pytest.mark.parametrize(('driver', 'expected'), [
    ({'version': 11060}, 'Problem: The driver is too old for CUDA 11.7.'),
    ({'code': 803}, "Problem: NVIDIA's driver does not work: [Errno 803] "
                    'cuInit: as the test wants it.'),
    ({'code': 100}, 'Note: There is a driver, but no GPU'),
    ({'count': 0}, 'Note: There is a driver, but no GPU')])
def test_a_driver_that_is_of_no_use(tmp_path, driver, expected):
    environment = Environment(tmp_path, **GPU)
    environment.add_libraries()
    said = environment.doctor(**fake_driver(tmp_path, **driver))
    assert expected in said


@pytest.mark.parametrize('missing', ['libcudnn.so.8', 'libcublasLt.so.11',
                                     'libnvrtc.so.11.2'])
def test_a_library_is_missing(tmp_path, missing):
    environment = Environment(tmp_path, **GPU)
    environment.add_libraries(without=[missing])
    said = environment.doctor(**fake_driver(tmp_path))
    for name in cuda.LIBRARIES:
        if name != missing:
            file = environment.site / 'nvidia' / 'some' / 'lib' / name
            assert f'CUDA     {name}: {file}\n' in said
    package = {'libcudnn.so.8': 'nvidia-cudnn-cu11==8.',
               'libcublasLt.so.11': 'nvidia-cublas-cu11==11.',
               'libnvrtc.so.11.2': 'nvidia-cuda-nvrtc-cu11==11.'}[missing]
    problem = said.split(f'Problem: {missing} is missing or does not load.')
    assert package in problem[1].split('\n')[1]


def test_libraries_of_pip_are_there_when_mxnet_asks(tmp_path):
    """A libmxnet.so that the loader finds nothing for by itself."""
    environment = Environment(tmp_path, d2l='1.0.3', **GPU)
    lib = environment.site / 'nvidia' / 'some' / 'lib'
    package = environment.site / 'd2l'
    package.mkdir()
    (package / 'mxnet.py').write_text(
        'import ctypes, sys\n'
        'from pathlib import Path\n'
        'ctypes.CDLL(str(Path(__file__).with_name("libmxnet.so")))\n'
        'sys.exit("libmxnet.so was loaded")\n')
    (environment.site / 'numpy.py').write_text(
        'inf = nan = 0.\n'
        'def __getattr__(name):\n'
        '    raise AttributeError(name)\n')
    environment.add_libraries()
    driver = fake_driver(tmp_path)
    compile_library(package / 'libmxnet.so', '', '-Wl,--no-as-needed',
                    *(str(lib / name) for name in cuda.LIBRARIES),
                    str(tmp_path / 'driver' / cuda.DRIVER))
    assert 'libmxnet.so was loaded' in environment.doctor(**driver)
    assert 'libcudart.so.11.0: cannot open shared object' in environment.run(
        '-c', 'import d2l.mxnet', **driver).stderr
    (lib / 'libcudnn.so.8').unlink()
    said = environment.doctor(**driver)
    assert 'OSError: libcudnn.so.8: cannot open shared object' in said


def test_libraries_are_left_alone_by_the_build_for_cpus(tmp_path):
    """Other packages bring CUDA, too: it is not to be loaded for nothing."""
    environment = Environment(tmp_path, **GOOD)
    environment.add_libraries()
    assert 'CUDA     not needed by this build\n' in environment.doctor()
    code = ('import contextlib\n'
            'with contextlib.suppress(ImportError):\n'
            '    import d2l_ext\n'
            'print(open("/proc/self/maps").read())')
    maps = environment.run('-c', code).stdout
    assert 'libc.so' in maps
    assert 'libcudart' not in maps


@pytest.mark.parametrize(('name', 'capability'), [
    ('NVIDIA H100', (9, 0)), ('NVIDIA B200', (10, 0)),
    ('NVIDIA GeForce RTX 5090', (12, 0)), ('Tesla K80', (3, 7))])
def test_a_card_without_code_is_told(tmp_path, name, capability):
    environment = Environment(tmp_path, **GPU)
    driver = fake_driver(tmp_path, name, capability)
    said = environment.doctor(**driver)
    note = said.split(f'Note: MXNet 1.9.1 has no code for the {name}')[1]
    remedy = note.split('\n')[1]
    assert 'pip uninstall --yes mxnet-cu112 && ' in remedy
    assert "--editable '.[cpu]'" in remedy


def test_the_chapter_runs_beside_a_card_without_code(tmp_path):
    """The build for CPUs, said to be that for GPUs, in a whole environment.

    It sees no GPU, so it is told of one.
    """
    environment = Environment(tmp_path, whole=True, without=['mxnet'], **GPU)
    environment.add_libraries()
    driver = fake_driver(tmp_path)
    said = environment.doctor(**driver, OMP_NUM_THREADS='1000')
    assert 'Note: MXNet 1.9.1 has no code for the NVIDIA H100' in said
    assert 'Note: OMP_NUM_THREADS=1000 is no number from 1 to' in said
    done = environment.run('-W', 'always', '-c', """
import d2l_ext as d2l
from mxnet import npx
npx.num_gpus = lambda: 1
print(d2l.try_gpu(), d2l.try_gpu(1), d2l.try_all_gpus())""", **driver)
    assert done.stdout == 'cpu(0) cpu(0) [cpu(0)]\n'
    warning = ('DeviceWarning: MXNet 1.9.1 has no code for the NVIDIA H100 '
               '(compute capability 9.0); computing on the CPU.')
    assert [line.split(': ', 1)[1] for line in done.stderr.splitlines()
            if 'DeviceWarning' in line] == [warning, warning]


def test_the_build_for_cpus_leaves_a_good_card_alone(tmp_path):
    said = Environment(tmp_path, **GOOD).doctor(
        **fake_driver(tmp_path, 'NVIDIA A100', (8, 0)))
    assert 'Note: The build for CPUs leaves the NVIDIA A100 alone.' in said
    assert "pip uninstall --yes mxnet && " in said
    assert "--editable '.[gpu]'" in said


@pytest.mark.parametrize('threads', ['0', 'many', ''])
def test_a_number_of_threads_that_is_none(tmp_path, threads):
    said = Environment(tmp_path, **GOOD).doctor(OMP_NUM_THREADS=threads)
    assert f'Note: OMP_NUM_THREADS={threads} is no number from 1' in said
    assert '    unset OMP_NUM_THREADS\n' in said


def test_data_sets(tmp_path):
    environment = Environment(tmp_path / 'python', **GOOD)
    said = environment.doctor(D2L_VOC_DIR=str(tmp_path))
    assert f'Problem: D2L_VOC_DIR names {tmp_path}, which holds no' in said
    # A folder without lists is no data set.
    (tmp_path / 'begun' / 'drawn-cats-dogs-v1-800-300').mkdir(parents=True)
    said = environment.doctor(D2L_DATA_DIR=str(tmp_path / 'begun'))
    assert 'Note: There is no data set yet' in said
    for folder, variable, expected in [
            ('VOCdevkit/VOC2012', 'D2L_DATA_DIR', 'Pascal VOC2012 in'),
            ('VOCdevkit/VOC2012', 'D2L_VOC_DIR', '(D2L_VOC_DIR)'),
            ('drawn-cats-dogs-v1-800-300', 'D2L_DATA_DIR',
             'the embedded set')]:
        data = tmp_path / expected
        (data / folder / 'ImageSets' / 'Main').mkdir(parents=True)
        said = environment.doctor(**{variable: str(data)})
        assert expected in said.split('\nData ')[1].split('\n')[0]
        assert 'D2L_VOC_DIR names' not in said
        assert 'no data set yet' not in said


@pytest.mark.parametrize(('capability', 'expected'), [
    ((3, 7), False), ((5, 0), True), ((5, 2), True), ((6, 1), True),
    ((7, 5), True), ((8, 0), True), ((8, 6), True), ((8, 9), True),
    ((9, 0), False), ((10, 0), False), ((12, 0), False)])
def test_cards_that_mxnet_has_code_for(capability, expected):
    assert cuda.has_kernels(capability) == expected


def test_choosing_a_gpu(monkeypatch):
    cards = [cuda.Card('NVIDIA A100', (8, 0)),
             cuda.Card('NVIDIA H100', (9, 0)),
             cuda.Card('NVIDIA L4', (8, 9))]
    monkeypatch.setattr(devices, 'cards', lambda: cards)
    monkeypatch.setattr(devices.npx, 'num_gpus', lambda: len(cards))
    assert str(try_gpu()) == 'gpu(0)'
    assert str(try_gpu(2)) == 'gpu(2)'
    assert str(try_gpu(3)) == 'cpu(0)'
    for choose, expected in ((lambda: try_gpu(1), 'cpu(0)'),
                             (try_all_gpus, '[gpu(0), gpu(2)]')):
        with pytest.warns(DeviceWarning, match='NVIDIA H100') as caught:
            chosen = choose()
        assert str(chosen) == expected
        assert [w.filename for w in caught] == [__file__]

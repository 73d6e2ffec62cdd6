"""Tell what the chapter would run on, what is wrong with it, and the remedy.

    python tools/doctor.py

Ends with status 1 if something is wrong that the chapter can't do without.
Needs nothing but Python: it also runs where MXNet does not load.
"""
from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import platform
import re
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

ROOT = Path(__file__).resolve().parent.parent
# The file alone: its package would import MXNet.
_spec = importlib.util.spec_from_file_location(
    'cuda', ROOT / 'd2l_ext' / 'runtime' / 'cuda.py')
cuda = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(cuda)

# From the first that works to the last that was tried.
PYTHONS = (3, 9), (3, 13)
MXNET = '1.9.1'
PIP = f'{shlex.quote(sys.executable)} -m pip'
# From 3.12 on the lock has NumPy 2, which MXNet's pins forbid: uv reads from
# pyproject.toml that it works.
TOOL = 'pip' if sys.version_info < (3, 12) else 'uv pip'
INSTALL = (f'{shlex.quote(sys.executable)} -m {TOOL} install '
           '--constraint requirements.lock')
CPU_BUILD = f"{INSTALL} --editable '.[cpu]'"
GPU_BUILD = f"{INSTALL} --editable '.[gpu]'"
# What `make run` does first of all, in a process of its own.
TRY = """import os
import d2l_ext as d2l
from mxnet import np, npx
npx.set_np()
ctx = d2l.try_gpu()
X = np.ones((2, 3), ctx=ctx)
assert (np.dot(X, X.T) == 3).all()
print(f'computes on {ctx} ({npx.num_gpus()} GPUs seen)')
print(os.environ.get('OMP_NUM_THREADS', ''))"""


class Finding(NamedTuple):
    """What was found; what is wrong with it, if anything; and the remedy.

    Without `fatal` the chapter runs all the same.
    """
    topic: str
    found: str
    problem: str = ''
    remedy: str = ''
    fatal: bool = True


def check_python():
    lowest, highest = ('.'.join(map(str, v)) for v in PYTHONS)
    version = '.'.join(map(str, sys.version_info[:3]))
    found = (f'{version}, {sys.executable}, on {platform.system()} '
             f'({platform.machine()})')
    another = f'rm -rf .venv && make setup PYTHON=/path/to/python{highest}'
    if sys.version_info < PYTHONS[0]:
        yield Finding('Python', found,
                      f'The chapter needs Python {lowest} or later.', another)
    elif sys.version_info[:2] > PYTHONS[1]:
        yield Finding('Python', found,
                      f'Nobody has tried the chapter with a Python after '
                      f'{highest}. Should it fail:', another, fatal=False)
    else:
        yield Finding('Python', found)


def check_folder():
    """Whether d2l_ext is that of this folder: environments hold paths."""
    try:
        address = json.loads(metadata.distribution('d2l-ext').read_text(
            'direct_url.json') or '{}').get('url', '')
    except metadata.PackageNotFoundError:
        address = ''
    folder = Path(url2pathname(urlsplit(address).path)) if address else ROOT
    if folder.resolve() == ROOT:
        yield Finding('Folder', str(ROOT))
        return
    ours = Path(sys.prefix).resolve() == (ROOT / '.venv').resolve()
    yield Finding(
        'Folder', f'{ROOT}, with d2l_ext of {folder}',
        f'The environment {sys.prefix} runs d2l_ext of {folder}, which is '
        + ('another folder' if folder.is_dir() else 'gone')
        + '. Was the project moved or copied together with it?',
        'rm -rf .venv && make setup' if ours else
        f'{PIP} install --no-deps --editable .')


def check_numpy():
    version = cuda.version_of('numpy')
    if version is None:
        yield Finding('NumPy', 'not installed', 'There is no NumPy.',
                      f'{INSTALL} numpy')
    elif not (1, 23) <= tuple(map(int, version.split('.')[:2])) < (3,):
        yield Finding('NumPy', version, f'The chapter works with NumPy 1.23 '
                      f'to 2, and NumPy {version} is none of them.',
                      f'{INSTALL} numpy')
    else:
        yield Finding('NumPy', version)


def check_build():
    builds = {name: version for name in ('mxnet', cuda.GPU_BUILD)
              if (version := cuda.version_of(name))}
    found = ', '.join(f'{name} {version}' for name, version in builds.items())
    if not builds:
        yield Finding('MXNet', 'not installed', 'There is no MXNet.',
                      CPU_BUILD)
    elif len(builds) > 1:
        yield Finding(
            'MXNet', found, 'Two builds of MXNet are installed, in the same '
            'folder: each has overwritten files of the other.',
            f'{PIP} uninstall --yes {" ".join(builds)} && '
            f'{GPU_BUILD if has_usable_gpu() else CPU_BUILD}')
    elif MXNET not in builds.values():
        yield Finding('MXNet', found, f'The chapter needs MXNet {MXNET}.',
                      CPU_BUILD if 'mxnet' in builds else GPU_BUILD)
    else:
        yield Finding('MXNet', found)


def has_usable_gpu():
    try:
        return any(cuda.has_kernels(card.capability)
                   for card in cuda.cards())
    except OSError:
        return False


def change_build(to_gpu):
    """The line that replaces MXNet's build by the other one."""
    old, new = (('mxnet', GPU_BUILD) if to_gpu else
                (cuda.GPU_BUILD, CPU_BUILD))
    return f'{PIP} uninstall --yes {old} && {new}'


def check_driver():
    try:
        version = cuda.driver_version()
        cuda.cards()
    except OSError as error:
        problem = ''
        if cuda.version_of(cuda.GPU_BUILD):
            problem = (
                f'There is no NVIDIA driver ({cuda.DRIVER}); without one '
                f'{cuda.GPU_BUILD} does not load, even to compute on the '
                'CPU. Install it (a container needs --gpus all), or change '
                'to the build for CPUs:' if cuda.DRIVER in str(error) else
                f'NVIDIA\'s driver does not work: {error}. Start the machine '
                'anew if the driver was just updated, or change to the build '
                'for CPUs:')
        yield Finding('Driver', str(error), problem,
                      change_build(to_gpu=False))
        return
    found = 'knows CUDA up to {}.{}'.format(*version)
    needed = needed_driver()
    if cuda.version_of(cuda.GPU_BUILD) and version < needed:
        yield Finding('Driver', found,
                      'The driver is too old for CUDA {}.{}. Install a newer '
                      'one, or change to the build for CPUs:'.format(*needed),
                      change_build(to_gpu=False))
    else:
        yield Finding('Driver', found)


def check_gpus():
    """Each GPU, and whether MXNet has code for it."""
    try:
        cards = cuda.cards()
    except OSError:
        return   # check_driver has told.
    gpu_build = cuda.version_of(cuda.GPU_BUILD)
    if gpu_build and not cards:
        yield Finding('GPU', 'none', 'There is a driver, but no GPU: the '
                      'chapter computes on the CPU. If a GPU is hidden:',
                      'unset CUDA_VISIBLE_DEVICES', fatal=False)
    for name, capability in cards:
        found = '{}, compute capability {}.{}'.format(name, *capability)
        if not cuda.has_kernels(capability):
            kernels = ', '.join(f'{a}.{b}' for a, b in cuda.KERNELS)
            yield Finding(
                'GPU', found, f'MXNet {MXNET} has no code for the {name} (it '
                f'has for {kernels}): the chapter computes on the CPU. '
                'The build for CPUs is all that it takes:',
                change_build(to_gpu=False) if gpu_build else CPU_BUILD,
                fatal=False)
        elif not gpu_build:
            yield Finding('GPU', found, f'The build for CPUs leaves the '
                          f'{name} alone. To compute on it:',
                          change_build(to_gpu=True), fatal=False)
        else:
            yield Finding('GPU', found)


def needed_driver():
    """Version of CUDA that a driver must know.

    MXNet compiles kernels while it runs; the driver has to understand what
    the compiler writes.
    """
    name = 'libnvrtc.so.11.2'
    try:
        compiler = ctypes.CDLL(str(cuda.packaged_library(name) or name))
    except OSError:
        return 11, 2
    major, minor = ctypes.c_int(), ctypes.c_int()
    compiler.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    return major.value, minor.value


def check_libraries():
    """Each library of CUDA that the build for GPUs asks for."""
    if cuda.version_of(cuda.GPU_BUILD) is None:
        yield Finding('CUDA', 'not needed by this build')
        return
    for name in cuda.LIBRARIES:
        try:
            ctypes.CDLL(str(cuda.packaged_library(name) or name))
        except OSError as error:
            yield Finding('CUDA', f'{name}: {error}',
                          f'{name} is missing or does not load.',
                          f'{PIP} install --force-reinstall --no-deps '
                          f'{package_of(name)}')
        else:
            yield Finding('CUDA', f'{name}: {loaded_from(name)}')


def package_of(name):
    """The pinned package of pip that holds a library."""
    word = {'libcudart': 'runtime', 'libnvToolsExt': 'nvtx',
            'libcublasLt': 'cublas'}.get(name.split('.')[0],
                                         name.split('.')[0][3:])
    text = (ROOT / 'pyproject.toml').read_text('utf-8')
    return re.search(rf'"(nvidia-[\w-]*{word}-cu11==[\d.]+)"', text)[1]


def loaded_from(name):
    """File of a library that this process has loaded."""
    mapped = Path('/proc/self/maps').read_text().splitlines()
    stem = name.split('.so')[0] + '.so'
    return next((row.split(maxsplit=5)[5] for row in mapped
                 if f'/{stem}' in row), 'loaded')


def check_threads():
    cores = len(os.sched_getaffinity(0))
    given = os.environ.get('OMP_NUM_THREADS')
    if given is None:
        yield Finding('Threads', f'{cores}, as many as processor cores')
    elif not given.isdecimal() or not 0 < int(given) <= cores:
        yield Finding('Threads', f'OMP_NUM_THREADS={given}, with {cores} '
                      'processor cores', f'OMP_NUM_THREADS={given} is no '
                      f'number from 1 to {cores}.', 'unset OMP_NUM_THREADS',
                      fatal=False)
    else:
        yield Finding('Threads', f'{given} (OMP_NUM_THREADS), with {cores} '
                      'processor cores')


def check_data():
    named = os.environ.get('D2L_VOC_DIR')
    folder = Path(os.environ.get('D2L_DATA_DIR') or ROOT / 'data')
    if named:
        # As d2l_ext.data.folders.find_root has it.
        for root in (Path(named), Path(named, 'VOCdevkit', 'VOC2012'),
                     Path(named, 'VOC2012')):
            if (root / 'ImageSets' / 'Main').is_dir():
                yield Finding('Data', f'{root} (D2L_VOC_DIR)')
                return
        yield Finding('Data', f'{named} (D2L_VOC_DIR)',
                      f'D2L_VOC_DIR names {named}, which holds no folder '
                      'ImageSets/Main. To use the embedded set:',
                      'unset D2L_VOC_DIR')
    elif (folder / 'VOCdevkit' / 'VOC2012' / 'ImageSets' / 'Main').is_dir():
        yield Finding('Data', f'Pascal VOC2012 in {folder}')
    elif drawn := sorted(folder.glob('drawn-cats-dogs-v*/ImageSets/Main')):
        yield Finding('Data', f'the embedded set, {drawn[-1].parent.parent}')
    else:
        yield Finding('Data', f'none yet in {folder}',
                      'There is no data set yet: a notebook draws it on '
                      'first use (a minute). To draw it now:',
                      f'{shlex.quote(sys.executable)} tools/prepare_data.py',
                      fatal=False)


def check_import():
    """Whether MXNet loads, and computes."""
    done = subprocess.run([sys.executable, '-c', TRY], cwd=ROOT,
                          capture_output=True, text=True)
    if done.returncode == 0:
        device, threads = done.stdout.splitlines()[-2:]
        yield Finding('Import', f'MXNet {device}, with {threads} threads')
        return
    error = (done.stderr.strip().splitlines() or ['no message'])[-1]
    missing = re.search(r'(lib(gomp|quadmath|stdc\+\+)\S*): cannot open',
                        error)
    if missing:
        package = missing[1].replace('.so.', '')
        remedy = f'sudo apt install {package}'
    else:
        remedy = 'rm -rf .venv && make setup'
    yield Finding('Import', 'fails', f'import d2l_ext ends with: {error}. '
                  'If nothing above explains it:', remedy)


CHECKS = (check_python, check_folder, check_numpy, check_build, check_driver,
          check_gpus, check_libraries, check_threads, check_data,
          check_import)


def main():
    findings = []
    for check in CHECKS:
        for finding in check():
            findings.append(finding)
            print(f'{finding.topic:8} {finding.found}', flush=True)
    problems = [finding for finding in findings if finding.problem]
    for finding in problems:
        print(f'\n{"Problem" if finding.fatal else "Note"}: '
              f'{finding.problem}')
        if finding.remedy:
            print(f'    {finding.remedy}')
    fatal = any(finding.fatal for finding in problems)
    print('\n' + ('The chapter does not run until the problems above are '
                  'solved.' if fatal else 'The chapter runs here.'))
    sys.exit(fatal)


if __name__ == '__main__':
    main()

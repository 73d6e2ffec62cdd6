"""MXNet finds in any NumPy what it was written for."""
import ast
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import mxnet
import numpy
import pytest
from helpers import ROOT
from mxnet import np, npx

from d2l_ext.runtime import numpy_names, numpy_numbers

FOLDER = Path(mxnet.__file__).parent
ASKED_BY_NAME = {f'numpy.{name}' for name in (
    *mxnet.numpy_dispatch_protocol._NUMPY_ARRAY_FUNCTION_LIST,
    *mxnet.numpy_dispatch_protocol._NUMPY_ARRAY_UFUNC_LIST)}


def names_in(path):
    """Dotted names that a module of MXNet looks up in NumPy."""
    tree = ast.parse(path.read_text('utf-8'))
    aliases = {alias.asname or alias.name for node in ast.walk(tree)
               if isinstance(node, ast.Import) for alias in node.names
               if alias.name == 'numpy'}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level \
                and node.module.split('.')[0] == 'numpy':
            for alias in node.names:
                yield f'{node.module}.{alias.name}'
        elif isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            if re.fullmatch(r'\w+(\.\w+)+', name) \
                    and name.split('.')[0] in aliases:
                yield '.'.join(['numpy', *name.split('.')[1:]])


def looked_up(name, module):
    """What a module of this name gets when it looks a name up."""
    scope = {'__name__': module, 'numpy': numpy}
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        return eval(name, scope)


def test_all_that_mxnet_mentions_is_there():
    names = ASKED_BY_NAME.union(*map(names_in, FOLDER.rglob('*.py')))
    assert {'numpy.bool', 'numpy.linalg.norm', 'numpy.compat.basestring'
            } <= names
    for name in names:
        looked_up(name, 'mxnet.some.module')


def test_each_name_is_asked_for_where_it_says():
    source = Path(numpy_names.__file__).read_text('utf-8')
    for line in source.split('REPLACEMENTS = {')[1].split('}')[0].split('\n'):
        if '#' in line:
            name, place = line.split("'")[1], line.split('#')[1]
            file, number = place.split()
            lines = (FOLDER / file).read_text('utf-8').split('\n')
            assert name in lines[int(number) - 1], line


def test_others_are_told_that_a_name_is_gone():
    for name in numpy_names.missing():
        for module in ('__main__', 'mxnet_tools', 'd2l_ext.rpn'):
            with pytest.raises(AttributeError, match=name):
                looked_up(f'numpy.{name}', module)
    assert set(vars(numpy)) & numpy_names.missing() == set()


def test_what_numpy_has_is_left_as_it_is():
    """Not even its warnings come from somewhere else."""
    code = ('import numpy; before = dict(vars(numpy))\n'
            'from d2l_ext.runtime import numpy_names\n'
            'after = dict(vars(numpy))\n'
            'changed = {name for name in before\n'
            '           if before[name] is not after[name]}\n'
            'assert changed == ({"__getattr__"} if numpy_names.missing()\n'
            '                   else set()), changed\n')
    subprocess.run([sys.executable, '-c', code], check=True, cwd=ROOT)


def test_replacements_do_what_numpy_1_did():
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        a = numpy.array([[3., 0], [1, 2]])
        assert not numpy_names.alltrue(a)
        assert numpy_names.sometrue(a, axis=0).tolist() == [True, True]
        assert numpy_names.product(a, axis=1).tolist() == [0, 2]
        assert numpy_names.round_(1.26, 1) == 1.3
        assert numpy_names.in1d(a, [1, 2]).tolist() == [0, 0, 1, 1]
        assert numpy_names.msort(a).tolist() == [[1, 0], [3, 2]]
        if hasattr(numpy, 'trapezoid'):
            assert numpy_names.trapz([1, 2, 4]) == 4.5
    with pytest.raises(RuntimeError, match='numpy-financial'):
        numpy_names.financial(1)


def test_numpy_hands_its_functions_to_mxnet():
    """The protocol that MXNet registers its operators with."""
    x = np.array([[1., 2], [3, 4]])
    for function, expected in [(numpy.sum, 10), (numpy.prod, 24),
                               (numpy.any, True), (numpy.all, True)]:
        found = function(x)
        assert isinstance(found, np.ndarray)
        assert found == expected
    assert numpy.round(x / 3).tolist() == [[0, 1], [1, 1]]
    assert np.pad(x, ((1, 0), (0, 0)), mode='constant').shape == (3, 2)
    assert x[x > 2].tolist() == [3, 4]


THREE, HALF = numpy.int64(3), numpy.float32(.1)


@pytest.mark.parametrize(('value', 'expected'), [
    ((THREE, 4), '(3, 4)'), ([0, THREE], '[0, 3]'), ((THREE,), '(3,)'),
    (((THREE, 0), (1, THREE)), '((3, 0), (1, 3))'), (THREE, '3'),
    ((HALF,), '(0.1,)'), ([numpy.float64(.1)], '[0.1]'), (HALF, '0.1'),
    ((numpy.bool_(True), None), '(True, None)'), ('x', 'x'), (None, 'None'),
    ((1, 'x'), "(1, 'x')"), ((numpy.float64('inf'),), '(inf,)'),
    (numpy.arange(2), '[0 1]')])
def test_text_of_arguments(value, expected):
    assert numpy_numbers.text(value) == expected


@pytest.mark.parametrize('call', [
    lambda n: np.ones((n, n)), lambda n: np.arange(9).reshape(n, 3),
    lambda n: np.arange(9).reshape((3, n)),
    lambda n: np.split(np.arange(9), (n, 6))[0],
    lambda n: np.split(np.arange(9), [n])[1],
    lambda n: np.full((n,), 7), lambda n: np.tile(np.arange(3), (n, 1)),
    lambda n: np.random.uniform(0, 1, (n, 2)),
    lambda n: np.ones((2, 3)).transpose((n - 2, n - 3)),
    lambda n: np.ones((2, 3)).sum(axis=(n - 3, n - 2)),
    lambda n: np.broadcast_to(np.ones(3), (n, 3)),
    lambda n: np.pad(np.ones((2, 2)), ((n, 0), (0, n))),
    lambda n: npx.roi_pooling(np.ones((1, 1, 8, 8)), np.array(
        [[0, 0, 0, 4, 4.]]), (n, n), 1 / n),
    lambda n: npx.multibox_prior(np.ones((1, 1, 2, 2)), sizes=(.5 * n,))])
def test_operators_take_numpys_numbers(call):
    npx.random.seed(0)
    expected = call(3)
    npx.random.seed(0)
    assert call(THREE).tolist() == expected.tolist()


def test_networks_take_numpys_numbers():
    """A symbol's arguments are made text by another module."""
    net = mxnet.gluon.nn.HybridLambda(lambda F, x: F.np.reshape(x, (THREE, 1)))
    net.hybridize()
    assert net(np.arange(3)).shape == (3, 1)


def test_d2l_draws():
    """On any IPython: 0.17 looks for a function where it was."""
    import d2l_ext as d2l
    d2l.plot([1, 2], [[3, 4]], 'x', 'y')


def test_nothing_is_said_at_the_end_of_a_program():
    """Threads of a loader outlive the modules that they need."""
    code = ('import d2l_ext as d2l\n'
            'batches = d2l.load_data_voc_detection(4, 64, 64)\n'
            'for batch in batches[0]: break\n')
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, text=True,
                          capture_output=True, env={
                              **os.environ, 'D2L_TEST_MODE': '1'})
    assert done.returncode == 0, done.stderr
    assert done.stderr == ''

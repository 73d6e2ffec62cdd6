"""docs/scale.md agrees with the measurements, and so does the model."""
import json
import re
import sys

import launch
import numpy
import pytest
import scale
import scale_model
import tables
from helpers import ROOT, small_set
from mxnet import cpu, np

from d2l_ext import CHAPTER, Step

FOUND = json.loads(scale.MEASURED.read_text('utf-8'))
PAGE = scale.PAGE.read_text('utf-8')
TESTS = ''.join(path.read_text('utf-8')
                for path in (ROOT / 'tests').rglob('test_*.py'))


def test_tables_are_made_from_the_measurements():
    assert tables.renew(scale.PAGE, scale.tables(FOUND)) == PAGE


@pytest.mark.parametrize('row', FOUND['exchanges'], ids=lambda row: '-'.join(
    str(row[name]) for name in ('workers', 'servers', 'mbit')))
def test_the_model_fits_what_was_measured(row):
    assert scale.exchange_of(row) == pytest.approx(row['seconds'], rel=.3)
    expected = scale_model.bytes_a_step(scale.ARRAYS * scale.LENGTH)
    assert row['sent'] + row['received'] == pytest.approx(expected, rel=.02)


def test_bytes_of_a_step_are_those_of_its_parameters():
    for step in FOUND['steps']:
        expected = scale_model.bytes_a_step(
            step['parameters'] + step['statistics'])
        assert step['sent'] + step['received'] == pytest.approx(
            expected, rel=.02)


def test_what_overlap_saves_is_what_the_page_says():
    assert f'{scale.hidden_share(FOUND):.2f} times' in PAGE


def test_compression_costs_what_the_page_says():
    rows = {(row['threshold'], row['seed']): row
            for row in FOUND['accuracy']}
    assert {threshold for threshold, _ in rows} == set(scale.THRESHOLDS)
    assert {seed for threshold, seed in rows if threshold == .005} == {1, 2}
    for (threshold, seed), row in rows.items():
        plain = rows[None, seed]
        if threshold:
            for name in ('recall 10', 'recall 100'):
                assert row[name] < plain[name] - .05
        else:
            assert f'{row["rms"]:.3f}' in PAGE
            assert f'{row["recall 10"]:.2f}' in PAGE
    found = [row['recall 10'] for (threshold, _), row in rows.items()
             if threshold in (.005, .0005)]
    assert f'{min(found):.2f} to {max(found):.2f}' in PAGE


# Worker 0 pushes the first row, worker 1 the second, four times.
NUMBERS = [[.3, -.6, .1, .9, 1.7], [.3, .1, .1, -.9, .2]]
WORKER = f"""
import d2l_ext
from mxnet import np, npx
npx.set_np()
rank, _ = d2l_ext.worker_of('dist_sync')
store = d2l_ext.distributed.replicas._distributed_store('dist_sync')
store.set_gradient_compression({{'type': '2bit', 'threshold': .5}})
array = np.array({NUMBERS}[rank])
store.init('weight', array)
for _ in range(4):
    array[:] = np.array({NUMBERS}[rank])
    store.push('weight', array)
    store.pull('weight', array)
    if rank == 0:
        print(array.asnumpy().tolist())
    else:
        array.wait_to_read()
"""


def sums_of(key, threshold):
    """What two devices get when they push NUMBERS four times."""
    store = scale.Compressed(threshold)
    arrays = [np.array(row, ctx=cpu(i)) for i, row in enumerate(NUMBERS)]
    store.init(key, arrays[0])
    sums = []
    for _ in range(4):
        for array, row in zip(arrays, NUMBERS):
            array[:] = np.array(row, ctx=array.ctx)
        store.pushpull(key, arrays, out=arrays)
        first, second = (array.asnumpy() for array in arrays)
        assert (first == second).all()
        sums.append(first.tolist())
    return store, sums


def test_devices_compress_as_workers_do(tmp_path):
    """So that one process can show what it does to accuracy."""
    with (tmp_path / 'said').open('w') as output:
        processes = launch.start([sys.executable, '-c', WORKER],
                                 stdout=output)
        assert launch.wait(processes) == 0
    said = (tmp_path / 'said').read_text().splitlines()
    store, sums = sums_of('0 0.weight', .5)
    assert [json.loads(line) for line in said] == sums
    # What is left over comes with the next numbers.
    assert sums[0] == [0, -.5, 0, 0, .5]
    assert sums[1] == [1, -.5, 0, 0, .5]
    assert store.about()['sent'] == numpy.mean(numpy.array(sums) != 0)


@pytest.mark.parametrize(('key', 'threshold'), [
    ('0 0.running_mean', .5), ('0 0.running_var', .5), ('0 counts', .5),
    ('0 0.weight', None)])
def test_nothing_but_gradients_is_compressed(key, threshold):
    _, sums = sums_of(key, threshold)
    numpy.testing.assert_allclose(sums, [numpy.sum(NUMBERS, axis=0)] * 4,
                                  rtol=1e-6)


def test_a_training_with_compressed_gradients(tmp_path, monkeypatch):
    """With a threshold out of reach, nothing is learned."""
    monkeypatch.setenv('D2L_VOC_DIR', str(small_set(tmp_path, 8, 4)))
    recipe = CHAPTER._replace(side=32, batch_size=4, num_stages=2,
                              steps=(Step('rpn', 1, .5, .5),))
    plain, within, beyond = (scale.train_compressed(recipe, threshold, 1)
                             for threshold in (None, 1e-3, 1e6))
    assert plain['sent'] > within['sent'] > beyond['sent'] == 0
    assert plain['rms'] > beyond['rms'] == 0
    assert len({row['loss'] for row in (plain, within, beyond)}) == 3
    for row in (plain, within, beyond):
        assert 0 <= row['recall 10'] <= row['recall 100'] <= 1


def test_more_workers_need_more_servers():
    def exchange(num_workers, num_servers):
        return scale_model.exchange_seconds(10**7, num_workers, num_servers,
                                            1e9)

    assert exchange(8, 1) > 4 * exchange(1, 1)
    assert exchange(8, 8) == exchange(512, 512) == exchange(1, 1)
    assert scale_model.step_seconds(1., .5, .4) == 1
    assert scale_model.step_seconds(1., .5, .7) == pytest.approx(1.2)


def test_every_fault_names_tests_that_exist():
    rows = re.findall(r'^\|.*`test_\w+`.*\|$', PAGE, re.M)
    assert len(rows) > 12
    for name in re.findall(r'`(test_\w+)`', PAGE):
        assert f'def {name}(' in TESTS, name

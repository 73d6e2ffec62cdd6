"""Measure the cost of training on several hosts.

    python benchmarks/scale.py measure [PART ...]   # as root, with ip and tc
    python benchmarks/scale.py accuracy [SEED ...]  # takes half an hour
    python benchmarks/scale.py page       # renew the tables of docs/scale.md

Hosts are network namespaces around a bridge, each with a cable of its own
whose rate is limited in both directions. Measurements are stored in
docs/scale.json.
"""
import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import scale_model
from tables import renew, table

ROOT = Path(__file__).parent.parent
MEASURED = ROOT / 'docs' / 'scale.json'
PAGE = ROOT / 'docs' / 'scale.md'
MBIT = 1e6
# Ten arrays of 0.25 million numbers, so that exchanges take a second.
ARRAYS, LENGTH = 10, 250_000
NUM_STEPS = 4
# For the model: Gbit/s, workers, and the seconds that a worker computes for
# two pictures of 600 x 800 pixels: scaled from a measurement on two cores,
# 2.55 s for 32 pictures of 256 x 256 pixels, and assumed for a GPU.
RATES, WORKERS = (1, 10, 100), (8, 64, 512)
COMPUTE = {'two cores': 2.55 / (32 * 256**2) * 2 * 600 * 800, 'a GPU': .1}
ITERATIONS = 80_000
# Workers, servers, Mbit/s.
EXCHANGES = [(1, 1, 100), (2, 1, 100), (4, 1, 100), (2, 2, 100), (4, 2, 100),
             (2, 1, 200)]
# Thresholds of the compression: none at all, MXNet's default, smaller ones.
THRESHOLDS = (None, .5, .005, .0005)
SEEDS = (1, 2)
# Statistics of batch normalisation, and counts of the loss.
NO_GRADIENTS = ('running_mean', 'running_var', 'counts')


def run(command):
    subprocess.run(command.split(), check=True, capture_output=True)


@contextlib.contextmanager
def hosts(number, rate):
    """Namespaces with the addresses 10.78.0.1, ...; gives their names."""
    switch = f'd2l-switch-{os.getpid()}'
    names = [f'd2l-host-{os.getpid()}-{i}' for i in range(number)]
    limit = f'root tbf rate {rate}mbit burst 256kb latency 200ms'
    try:
        for name in (switch, *names):
            run(f'ip netns add {name}')
        run(f'ip -n {switch} link add bridge type bridge')
        run(f'ip -n {switch} link set bridge up')
        for i, name in enumerate(names):
            run(f'ip link add cable netns {name} type veth '
                f'peer name port{i} netns {switch}')
            run(f'ip -n {switch} link set port{i} master bridge up')
            run(f'ip -n {name} addr add 10.78.0.{i + 1}/24 dev cable')
            run(f'ip -n {name} link set cable up')
            run(f'ip -n {name} link set lo up')
            if rate:
                run(f'tc -n {name} qdisc add dev cable {limit}')
                run(f'tc -n {switch} qdisc add dev port{i} {limit}')
        yield names
    finally:
        for name in (switch, *names):
            subprocess.run(['ip', 'netns', 'del', name])


def train(what, num_workers, num_servers, rate, **options):
    """Run a workload on workers; returns the result of worker 0."""
    environment = {
        **os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1',
        'DMLC_PS_ROOT_URI': '10.78.0.1', 'DMLC_PS_ROOT_PORT': '9500',
        'DMLC_NUM_WORKER': str(num_workers),
        'DMLC_NUM_SERVER': str(num_servers)}
    roles = ['server'] * num_servers + ['worker'] * num_workers
    with hosts(len(roles), rate) as names, contextlib.ExitStack() as stack:
        processes = []
        for i, (role, name) in enumerate(
                [('scheduler', names[0]), *zip(roles, names)]):
            address = f'10.78.0.{max(i, 1)}'
            command = ([sys.executable, __file__, 'work', what,
                        json.dumps(options)] if role == 'worker' else
                       [sys.executable, '-c', 'import d2l_ext'])
            processes.append(stack.enter_context(subprocess.Popen(
                ['ip', 'netns', 'exec', name, *command], text=True,
                env={**environment, 'DMLC_ROLE': role,
                     'DMLC_NODE_HOST': address}, stdout=subprocess.PIPE)))
        said = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        sys.exit('The measurement failed.')
    found = [json.loads(line) for text in said for line in text.splitlines()
             if line.startswith('{')]
    return found[0]


def sent_and_received():
    """Bytes that this host has sent and received over its cable."""
    for line in Path('/proc/self/net/dev').read_text().splitlines():
        name, _, numbers = line.partition(':')
        if name.strip() == 'cable':
            columns = list(map(int, numbers.split()))
            return columns[8], columns[0]
    raise OSError('this is no host of the measurement')


def timed(step):
    """Medians over several steps: seconds, bytes sent, bytes received."""
    step()
    rows = []
    for _ in range(NUM_STEPS):
        before, start = sent_and_received(), time.perf_counter()
        step()
        seconds = time.perf_counter() - start
        rows.append((seconds, *[b - a for a, b in zip(
            before, sent_and_received())]))
    medians = [statistics.median(column) for column in zip(*rows)]
    return dict(zip(('seconds', 'sent', 'received'), medians))


def work_exchange(compression=None):
    """Exchange arrays, and nothing else."""
    import d2l_ext as d2l  # isort: skip
    from mxnet import np, npx

    from d2l_ext.distributed.replicas import _distributed_store
    npx.set_np()
    rank, _ = d2l.worker_of('dist_sync')
    store = _distributed_store('dist_sync')
    if compression:
        store.set_gradient_compression(compression)
    arrays = [np.ones(LENGTH) for _ in range(ARRAYS)]
    for key, array in enumerate(arrays):
        store.init(str(key), array)

    def step():
        for key, array in enumerate(arrays):
            store.push(str(key), array)
            store.pull(str(key), array)
        for array in arrays:
            array.wait_to_read()

    return rank, timed(step)


def work_step(side, images, sync):
    """Steps of the chapter's first stage, as in `train_detection`."""
    import d2l_ext as d2l  # isort: skip
    import mxnet
    from mxnet import autograd, cpu, np, npx
    npx.set_np()
    rank, _ = d2l.worker_of('dist_sync')
    npx.random.seed(1)
    detector = d2l.make_detector(d2l.CHAPTER._replace(side=side), ['object'])
    models = detector[:2]
    replicas = d2l.Replicas(models, cpu(), 'dist_sync')
    X = np.random.normal(size=(images, 3, side, side))
    Y = np.array([[[0, .1, .1, .6, .7]]] * images)
    loss = d2l.DetectionLoss(1)

    def step(exchange=True):
        with autograd.record():
            preds, labels, _ = d2l.rpn_batch(Y, models[0](X), models[1], None)
            values = (replicas.losses(loss, [(preds, labels)])
                      if exchange else [loss(*preds, *labels)])
        autograd.backward(values)
        if sync or not exchange:
            mxnet.nd.waitall()
        if exchange:
            replicas.share_gradients(models)
        mxnet.nd.waitall()

    result = timed(step)
    result['compute'] = timed(lambda: step(False))['seconds']
    result['parameters'] = sum(
        p.data().size for m in models for p in m.collect_params().values()
        if p.grad_req != 'null')
    result['statistics'] = sum(
        p.data().size for m in models for p in m.collect_params().values()
        if p.grad_req == 'null')
    return rank, result


def work(what, options):
    rank, result = {'exchange': work_exchange, 'step': work_step}[what](
        **options)
    if rank == 0:
        print(json.dumps(result), flush=True)


def measure_exchanges():
    for num_workers, num_servers, rate in EXCHANGES:
        yield {'workers': num_workers, 'servers': num_servers, 'mbit': rate,
               **train('exchange', num_workers, num_servers, rate)}


def measure_compressed():
    yield train('exchange', 2, 1, 100,
                compression={'type': '2bit', 'threshold': .5})


def measure_steps():
    for sync in (False, True):
        yield {'sync': sync, **train('step', 2, 1, 1000, side=128, images=8,
                                     sync=sync)}


PARTS = {'exchanges': measure_exchanges, 'compressed': measure_compressed,
         'steps': measure_steps}


def measure(parts):
    """Measure some parts again; the others are kept."""
    rows = {}
    for part in parts:
        rows[part] = []
        for row in PARTS[part]():
            print(part, row, flush=True)
            rows[part].append(row)
    found = (json.loads(MEASURED.read_text('utf-8')) if MEASURED.exists()
             else {})
    found.update(rows)
    save(found)


class Compressed:
    """A key-value store that compresses gradients, and nothing else.

    Between two devices of a process MXNet compresses in the same way as
    between workers. `threshold` is that of `2bit`; None is no compression.
    """

    def __init__(self, threshold):
        import mxnet
        self._plain, self._gradients = (mxnet.kvstore.create('device')
                                        for _ in range(2))
        if threshold:
            self._gradients.set_gradient_compression(
                {'type': '2bit', 'threshold': threshold})
        # In the summed gradients: how many numbers there are, how many are
        # not 0, and the sum of their squares.
        self.size, self._others, self._squares = 0, 0, 0

    def _of(self, key):
        return self._plain if key.endswith(NO_GRADIENTS) else self._gradients

    def init(self, key, array):
        self._of(key).init(key, array)

    def pushpull(self, key, arrays, out):
        store = self._of(key)
        store.pushpull(key, arrays, out=out)
        if store is self._gradients:
            self.size += out[0].size
            self._others = self._others + (out[0] != 0).sum()
            self._squares = self._squares + (out[0] ** 2).sum()

    def about(self):
        """Share of numbers other than 0, and their root mean square."""
        return {'sent': float(self._others) / self.size,
                'rms': float(self._squares / self.size) ** .5}


def train_compressed(recipe, threshold, seed):
    """Train on two devices; returns losses and recall."""
    import d2l_ext as d2l  # isort: skip
    from unittest import mock

    from mxnet import cpu, npx
    npx.set_np()
    train_iter, test_iter = d2l.load_data_voc_detection(
        recipe.batch_size, recipe.side, recipe.side)
    dataset, ctx, store = test_iter.dataset, [cpu(0), cpu(1)], None

    class Replicas(d2l.Replicas):
        def __init__(self, *args):
            nonlocal store
            super().__init__(*args)
            store = self._store = Compressed(threshold)

    npx.random.seed(seed)
    detector = d2l.make_detector(recipe, dataset.classes, ctx)
    with mock.patch('d2l_ext.runtime.run.Replicas', Replicas):
        history, = d2l.train_recipe(recipe, detector, train_iter, test_iter,
                                    ctx)
    _, proposals = d2l.detect_batches(detector, dataset)
    truths = [y for _, Y in d2l.load_batches(dataset, 32) for y in Y]
    return {'threshold': threshold, 'seed': seed,
            'loss': history[-1].loss, **store.about(),
            **{f'recall {n}': d2l.proposal_recall(proposals, truths,
                                                  num_proposals=n)
               for n in (10, 100)}}


def measure_accuracy(seeds, thresholds=THRESHOLDS):
    """Each training in turn; what was measured before is kept."""
    import d2l_ext as d2l  # isort: skip
    recipe = d2l.CHAPTER._replace(
        side=64, batch_size=16, num_stages=3,
        steps=(d2l.Step('rpn', 3, .5, .5),))
    for seed in seeds:
        for threshold in thresholds:
            row = train_compressed(recipe, threshold, seed)
            print(row, flush=True)
            found = json.loads(MEASURED.read_text('utf-8'))
            rows = [old for old in found.get('accuracy', []) if (
                old['threshold'], old['seed']) != (threshold, seed)]
            found['accuracy'] = sorted([*rows, row], key=lambda r: (
                THRESHOLDS.index(r['threshold']), r['seed']))
            save(found)


def save(found):
    MEASURED.write_text(json.dumps(found, indent=1) + '\n', 'utf-8')


def exchange_of(row):
    return scale_model.exchange_seconds(
        ARRAYS * LENGTH, row['workers'], row['servers'], row['mbit'] * MBIT)


def hidden_share(found):
    """What overlap saves, as a share of the time to compute a step.

    Each run is compared with its own time of computing alone: other work on
    the machine made the two runs differ.
    """
    beyond = [row['seconds'] - row['compute'] for row in found['steps']]
    return (beyond[1] - beyond[0]) / found['steps'][0]['compute']


def tables(found):
    """Name and text of each table of the page."""
    yield from exchange_tables(found)
    yield from compression_tables(found)
    yield from model_tables(found['steps'][0]['parameters'],
                            hidden_share(found))


def exchange_tables(found):
    """How long an exchange takes, what it sends and what overlap saves."""
    yield 'exchanges', table(
        ['Workers', 'Servers', 'Mbit/s', 'Measured, s', 'Model, s',
         'Sent by a worker, MB', 'Received, MB'],
        [[row['workers'], row['servers'], row['mbit'],
          f'{row["seconds"]:.2f}', f'{exchange_of(row):.2f}',
          f'{row["sent"] / 1e6:.2f}', f'{row["received"] / 1e6:.2f}']
         for row in found['exchanges']])
    step = found['steps'][0]
    yield 'bytes', table(['A step of a worker', 'MB'], [
        [name, f'{number / 1e6:.2f}'] for name, number in (
            ('sent', step['sent']),
            ('received', step['received']),
            ('together', step['sent'] + step['received']),
            ('parameters x 4 x 2',
             scale_model.bytes_a_step(step['parameters'])),
            ('statistics of batch normalisation, x 4 x 2',
             scale_model.bytes_a_step(step['statistics'])))])
    yield 'overlap', table(
        ['Exchange', 'A step, s', 'Computing alone, s', 'Difference, s'],
        [['after the backward pass' if row['sync'] else 'during it',
          *(f'{number:.2f}' for number in (
              row['seconds'], row['compute'],
              row['seconds'] - row['compute']))]
         for row in found['steps']])


def compression_tables(found):
    """What compression saves, and what it does to accuracy."""
    plain = next(row for row in found['exchanges'] if (
        row['workers'], row['servers'], row['mbit']) == (2, 1, 100))
    yield 'compression', table(
        ['Gradients', 'Sent, MB', 'Received, MB', 'Seconds'],
        [[name, f'{row["sent"] / 1e6:.2f}', f'{row["received"] / 1e6:.2f}',
          f'{row["seconds"]:.2f}'] for name, row in (
              ('as they are', plain), ('2bit', found['compressed'][0]))])
    yield 'accuracy', table(
        ['Threshold', 'Seed', 'Other than 0, %', 'Loss of the last epoch',
         'Recall of 10 proposals', 'of 100'],
        [[row['threshold'] or 'no compression', row['seed'],
          f'{100 * row["sent"]:.2f}', f'{row["loss"]:.3f}',
          f'{row["recall 10"]:.3f}', f'{row["recall 100"]:.3f}']
         for row in found['accuracy']])


def model_tables(parameters, hidden):
    """Seconds of a step, and how long a whole training takes."""
    for name, compute in COMPUTE.items():
        yield f'steps-{name}', table(
            ['Gbit/s', 'Workers', 'one server', 'one for 8 workers',
             'one for each'],
            [[rate, n, *(
                f'{seconds(parameters, compute, hidden, n, s, rate):.2f}'
                for s in (1, n // 8, n))]
             for rate in RATES for n in WORKERS])
    yield 'job', table(
        ['Workers', *(f'{rate} Gbit/s, {name}' for name in COMPUTE
                      for rate in RATES)],
        [[n, *(duration(parameters, compute, hidden, n, rate)
               for compute in COMPUTE.values() for rate in RATES)]
         for n in (1, *WORKERS)])


def seconds(parameters, compute, hidden, num_workers, num_servers, rate):
    """Time of a step; `rate` is in Gbit/s."""
    exchange = scale_model.exchange_seconds(parameters, num_workers,
                                            num_servers, rate * 1e9)
    return scale_model.step_seconds(compute, hidden, exchange)


def duration(parameters, compute, hidden, num_workers, rate):
    """Time of the paper-sized job with a server on each worker's host."""
    one = (compute if num_workers == 1 else
           seconds(parameters, compute, hidden, num_workers, num_workers,
                   rate))
    minutes = ITERATIONS / num_workers * one / 60
    return f'{minutes / 60:.1f} h' if minutes > 60 else f'{minutes:.1f} min'


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    # Removes the namespaces, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('stopped'))
    parser.add_argument('action', choices=['measure', 'accuracy', 'page',
                                           'work'])
    parser.add_argument('rest', nargs='*')
    args = parser.parse_args()
    if args.action == 'work':
        work(args.rest[0], json.loads(args.rest[1]))
    elif args.action == 'measure':
        measure(args.rest or PARTS)
    elif args.action == 'accuracy':
        # The number of threads changes sums, and so the training.
        os.environ['OMP_NUM_THREADS'] = '1'
        measure_accuracy([int(seed) for seed in args.rest] or SEEDS)
    else:
        found = json.loads(MEASURED.read_text('utf-8'))
        PAGE.write_text(renew(PAGE, tables(found)), 'utf-8')


if __name__ == '__main__':
    main()

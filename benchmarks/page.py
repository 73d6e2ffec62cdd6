"""Renew the tables and figures of docs/performance.md.

    python benchmarks/page.py
"""
import json
import statistics

import bench
import matplotlib

matplotlib.use('agg')
from matplotlib import pyplot as plt
from tables import renew, table

DOCS = bench.ROOT / 'docs'
PAGE, FIGURES = DOCS / 'performance.md', DOCS / 'performance'


def milliseconds(values):
    """Median and quartiles."""
    median, low, high = (
        f'{x:,.0f}' if x >= 100 else f'{x:.3g}' for x in (
            1000 * statistics.median(values),
            *(1000 * x for x in bench.quartiles(values))))
    return f'{median} ({low} to {high})'


def times_table(result):
    return table(['Measured', 'Ours, ms', 'The other, ms'], [
        [row.title, *map(milliseconds, result['rows'][row.title])]
        for row in bench.ROWS])


def goals_table(result):
    return table(['Ratio', 'Measured', 'Goal', ''], [
        [title, value, goal,
         '' if not goal else 'met' if met else '**missed**']
        for title, value, goal, met in bench.verdicts(result)])


def draw_curve(title, curve):
    """Draw the time of a step against one quantity; returns the path."""
    figure, ax = plt.subplots(figsize=(4.2, 3), layout='constrained')
    for (name, taken), style in zip(curve.items(), ('o--', 's-', 'D-')):
        values = list(map(int, taken))
        medians = [statistics.median(x) for x in taken.values()]
        ax.plot(values, medians, style, label=name, markersize=4)
    ax.set(xlabel=title, ylabel='seconds', xlim=(0, None), ylim=(0, None))
    ax.grid(alpha=.3)
    ax.legend(frameon=False, fontsize=8)
    path = FIGURES / f'{title.replace(" ", "-")}.png'
    figure.savefig(path, dpi=110, metadata={'Software': None})
    plt.close(figure)
    return path.relative_to(DOCS)


def growth(curve, name):
    """Smallest and largest value, and the ratio of their times."""
    taken = {int(value): statistics.median(x)
             for value, x in curve[name].items()}
    least, most = min(taken), max(taken)
    return least, most, taken[most] / taken[least]


def curve_section(title, curve):
    least, most, step = growth(curve, 'Faster R-CNN step')
    *_, backbone = growth(curve, 'backbone')
    return f"""\
![Seconds of a training step against {title}]({draw_curve(title, curve)})

**{title.capitalize()}.** From {least:,} to {most:,}, a Faster R-CNN step \
takes {step:.3g} times as long, the backbone alone {backbone:.3g} times."""


def memory_table(result):
    memory = result['memory']

    def mebibytes(value):
        return f'{(value - memory["bare"]) / 2**20:,.0f}'

    rows = [[f'{int(n):,} pictures, decoded when needed', mebibytes(value)]
            for n, value in memory['loader'].items()]
    rows.append([f'{bench.PICTURES:,} pictures, all decoded as float32',
                 mebibytes(memory['decoded'])])
    return table(['Reading', 'MiB above the imports'], rows)


def parts(result):
    """Name and text of each part of the page that is measured."""
    machine = result['machine']
    yield 'machine', (
        f'Measured on {machine["threads"]} cores of an '
        f'{machine["processor"]}, with MXNet {machine["mxnet"]}, Python\n'
        f'{machine["Python"]} and NumPy {machine["numpy"]}, without a GPU.')
    yield 'goals', goals_table(result)
    yield 'times', times_table(result)
    yield 'curves', '\n\n'.join(curve_section(*item)
                                for item in result['curves'].items())
    yield 'memory', memory_table(result)


if __name__ == '__main__':
    FIGURES.mkdir(parents=True, exist_ok=True)
    result = json.loads(bench.RESULT.read_text())
    PAGE.write_text(renew(PAGE, parts(result)), 'utf-8')
    print(f'{PAGE} is up to date.')

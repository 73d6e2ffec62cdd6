"""Renew the tables and figures of docs/performance.md.

    python benchmarks/page.py
"""
import statistics
from textwrap import fill

import bench
import matplotlib
from chapter import shares

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


def is_wide(values):
    """Whether they are too far apart for an axis that begins with 0."""
    return max(values) >= 100 * min(values) >= 10_000


def draw_curve(title, curve):
    """Draw seconds against one quantity; returns the path."""
    figure, ax = plt.subplots(figsize=(4.2, 3), layout='constrained')
    for (name, taken), style in zip(curve.items(),
                                    ('o--', 's-', 'D-', '^-')):
        values = list(map(int, taken))
        medians = [statistics.median(x) for x in taken.values()]
        ax.plot(values, medians, style, label=name, markersize=4)
    ax.set(xlabel=title, ylabel='seconds')
    if is_wide(values):
        ax.set(xscale='log', yscale='log')
    else:
        ax.set(xlim=(0, None), ylim=(0, None))
    ax.grid(alpha=.3)
    ax.legend(frameon=False, fontsize=8)
    path = FIGURES / f'{title.replace(" ", "-")}.png'
    figure.savefig(path, dpi=110, metadata={'Software': None})
    plt.close(figure)
    return path.relative_to(DOCS)


def growth(taken):
    """Two values, and the ratio of their times.

    The smallest and the largest; but the two largest where times of the
    smallest ones are those of a start alone.
    """
    taken = {int(value): statistics.median(x) for value, x in taken.items()}
    values = sorted(taken)
    least, most = values[-2 if is_wide(values) else 0], values[-1]
    return least, most, taken[most] / taken[least]


def curve_section(title, curve):
    grown = {name: growth(taken) for name, taken in curve.items()}
    least, most, _ = next(iter(grown.values()))
    factors = [f'{factor:.3g} ({name})'
               for name, (_, _, factor) in grown.items()]
    text = fill(f'**{title.capitalize()}.** From {least:,} to {most:,}, '
                f'times grow by a factor of {", ".join(factors)}.', 79)
    path = draw_curve(title, curve)
    return f'![Curves of seconds against {title}]({path})\n\n{text}'


def chapter_table(result):
    """Seconds of the chapter's parts, and what of them is the backbone's."""
    rows = [(title, seconds, floor, seconds - floor)
            for title, seconds, floor in shares(result['chapter'])]
    rows.append(('together', *map(sum, list(zip(*rows))[1:])))
    return table(['Part', 'Seconds', "Its backbone's passes", 'The rest'],
                 [[title, *(f'{x:.1f}' for x in numbers)]
                  for title, *numbers in rows])


def memory_table(result):
    memory = result['memory']

    def mebibytes(value):
        return f'{(value - memory["bare"]) / 2**20:,.0f}'

    rows = [[f'{int(n):,} pictures, decoded when needed', mebibytes(value)]
            for n, value in memory['loader'].items()]
    rows.append([f'{bench.PICTURES:,} pictures, all decoded as float32',
                 mebibytes(memory['decoded'])])
    rows += [[f'start with {int(n):,} pictures, none decoded',
              mebibytes(peak)]
             for n, peak in result['data sets']['peaks'].items()]
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
    yield 'chapter', chapter_table(result)
    curves = {**result['curves'], **result['data sets']['curves']}
    yield 'curves', '\n\n'.join(curve_section(*item)
                                for item in curves.items())
    yield 'memory', memory_table(result)


if __name__ == '__main__':
    FIGURES.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(renew(PAGE, parts(bench.measured())), 'utf-8')
    print(f'{PAGE} is up to date.')

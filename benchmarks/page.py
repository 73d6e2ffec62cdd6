"""Write docs/performance.md and its figures from build/bench.json.

    python benchmarks/page.py
"""
import json
import statistics

import bench
import matplotlib

matplotlib.use('agg')
from matplotlib import pyplot as plt

DOCS = bench.ROOT / 'docs'
PAGE, FIGURES = DOCS / 'performance.md', DOCS / 'performance'


def table(header, rows):
    lines = [header, ['---'] * len(header), *rows]
    return '\n'.join(f'| {" | ".join(map(str, line))} |' for line in lines)


def milliseconds(values):
    """Median and quartiles."""
    low, high = bench.quartiles(values)
    return (f'{1000 * statistics.median(values):,.3g} '
            f'({1000 * low:,.3g} to {1000 * high:,.3g})')


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
    """Milliseconds of a step against one thing; returns the file's name."""
    figure, ax = plt.subplots(figsize=(4.2, 3), layout='constrained')
    for (name, taken), style in zip(curve.items(), ('o--', 's-', 'D-')):
        values = list(map(int, taken))
        medians = [statistics.median(x) for x in taken.values()]
        ax.plot(values, medians, style, label=name, markersize=4)
    ax.set(xlabel=title, ylabel='seconds', xscale='log', yscale='log')
    ax.set_xticks(values, labels=values)
    ax.minorticks_off()
    ax.grid(alpha=.3)
    ax.legend(frameon=False, fontsize=8)
    path = FIGURES / f'{title.replace(" ", "-")}.png'
    figure.savefig(path, dpi=110, metadata={'Software': None})
    plt.close(figure)
    return path.relative_to(DOCS)


def growth(curve, name):
    """How many times as long for how many times as much."""
    taken = {int(value): statistics.median(x)
             for value, x in curve[name].items()}
    least, most = min(taken), max(taken)
    return most / least, taken[most] / taken[least]


def curve_section(title, curve):
    step = 'Faster R-CNN step'
    more, longer = growth(curve, step)
    _, backbone = growth(curve, 'backbone')
    return f"""\
![Seconds of a training step against {title}]({draw_curve(title, curve)})

**{title.capitalize()}.** With {more:.3g} times as many, a Faster R-CNN step \
takes {longer:.3g} times as long, the backbone alone {backbone:.3g} times.
"""


def memory_table(result):
    memory = result['memory']

    def mebibytes(value):
        return f'{(value - memory["bare"]) / 2**20:,.0f}'

    rows = [[f'{int(n):,} pictures, decoded when needed', mebibytes(value)]
            for n, value in memory['loader'].items()]
    rows.append([f'{bench.PICTURES:,} pictures, all decoded as float32',
                 mebibytes(memory['decoded'])])
    return table(['Reading', 'MiB above the imports'], rows)


def page(result):
    FIGURES.mkdir(parents=True, exist_ok=True)
    machine = result['machine']
    repetitions = len(next(iter(result['rows'].values()))[0])
    curves = '\n'.join(curve_section(*item)
                       for item in result['curves'].items())
    return f"""\
# Performance

<!-- Made by benchmarks/page.py from build/bench.json: do not edit. -->

`make bench` measures all of this in one run, `make bench-check` compares the
ratios with their goals. What is compared takes turns; figures are medians of
{repetitions} repetitions, with quartiles. Measured on {machine['threads']} \
cores of an {machine['processor']},
with MXNet {machine['mxnet']}, Python {machine['Python']} and NumPy \
{machine['numpy']}, without a GPU; batches of 32 pictures of
256 x 256 pixels where nothing else is said.

## Goals

{goals_table(result)}

## Times

{times_table(result)}

## How the time of a step grows

{curves}
## Memory

{memory_table(result)}
"""


if __name__ == '__main__':
    PAGE.write_text(page(json.loads(bench.RESULT.read_text())),
                    encoding='utf-8')
    print(f'{PAGE} is up to date.')

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
# Of profiles made by hand, on the same kind of machine.
TRIED = """\
## Where the time goes, and what was tried

* **Labels.** Most of their time had gone into indexing (0.1 ms each, whatever
  the size), a maximum along the middle axis and two sorts for the draw. Claims
  that multiply an overlap, one sort and no index took 4.2 ms to 1.9 ms, with
  the same labels to the last bit.
* **Proposals.** Of 33 ms for 32 images 11 went into taking results apart;
  `np.split` took that to 3.5 ms. The convolution takes 10 ms, the suppression
  of 320 boxes an image 6 ms.
* **Inference** can't be faster than a forward pass by much: of about a second
  for 32 pictures the backbone takes 0.75 s, which is 200 billion
  floating-point operations a second on two cores and near to what they can
  do. Fusing operators, `optimize_for(X, backend='MKLDNN')`, changed nothing
  (0.752 s against 0.747 s; outputs differ by 3e-6): it saves reading and
  writing, and convolutions are what takes long. The rest is RoI pooling of
  3,200 proposals (96 ms), resizing (67 ms), suppression of detections (55 ms)
  and proposals (26 ms).
* **bfloat16.** `amp.convert_hybrid_block` of MXNet 1.9.1 makes a block of
  legacy arrays of a network with NumPy semantics, which then refuses to run.
* **A joint training step** of 8 images takes 0.60 s: the backbone 0.45 s, the
  second stage 0.06 s, proposals 0.03 s, the first stage's layers and the
  second stage's labels 0.02 s each. Both stages run the first stage's
  convolution on the same features; sharing it would save 0.01 s.
"""
PAGE, FIGURES = DOCS / 'performance.md', DOCS / 'performance'


def table(header, rows):
    lines = [header, ['---'] * len(header), *rows]
    return '\n'.join(f'| {" | ".join(map(str, line))} |' for line in lines)


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
    """Milliseconds of a step against one thing; returns the file's name."""
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
    """The least and the most, and how many times as long that takes."""
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
takes {step:.3g} times as long, the backbone alone {backbone:.3g} times.
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
{machine['numpy']}, without a GPU; batches
of 32 pictures of 256 x 256 pixels where nothing else is said.

## Goals

{goals_table(result)}

## Times

{times_table(result)}

## How the time of a step grows

{curves}
## Memory

{memory_table(result)}

{TRIED}"""


if __name__ == '__main__':
    PAGE.write_text(page(json.loads(bench.RESULT.read_text())),
                    encoding='utf-8')
    print(f'{PAGE} is up to date.')

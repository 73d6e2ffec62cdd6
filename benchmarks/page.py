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
* **Proposals.** Of 33 ms for 32 images 11 went into taking results apart,
  image by image, and 5 into clipping them; one array that is split once took
  the whole to 22 ms. By MXNet's profiler, GluonCV and we spend 11.5 ms in the
  same three convolutions and 7.0 ms in the same operator for suppression. On
  the rest GluonCV spends 1 ms, in one compiled graph: its result has a fixed
  size, with suppressed boxes marked. Ours takes them out and gives each image
  its own arrays, which a reader can print, in 50 operators of 3.5 ms.
  `MultiBoxDetection`, which moves anchors and suppresses boxes in one, takes
  4.5 ms where `box_nms` alone takes 6.1 ms, and would make it a tie; it has
  no bound for what an anchor grows to, and nothing of it can be shown.
* **Threads.** MXNet copies a batch of NumPy's with threads of OpenMP that
  belong to whoever asks for the copy. Once there are more such threads than
  cores, they no longer wait for each other awake. RoI pooling, which has them
  meet for each of 3,200 regions, then takes 0.20 s in place of 0.09 s. Handed
  over without a copy, a batch starts no threads: six steps of the second
  stage, with the loader, went from 17.7 s to 16.0 s, with the same losses.
* **Inference** was 1.45 s for 32 pictures: 0.73 s in the backbone, which is
  200 billion floating-point operations a second on two cores and near to
  what they can do; the rest outside of it. Pixels that are transposed before
  they become floats (56 ms before, 10 ms now), one suppression for all
  images (55 ms before, 5 ms now) and the threads took it to 0.88 s. What is
  left is the backbone, 93 ms for RoI pooling, 33 ms for resizing and 20 ms
  for proposals. In training form, with the means of the batch, the backbone
  takes as long or a little longer: folding the normalisation away gains
  almost nothing in float32.
* **bfloat16.** `with_bfloat16(detector)` converts the backbone with
  `amp.convert_symbol` and fuses it with `optimize_for(..., 'MKLDNN')`: 0.44 s
  in place of 0.73 s (0.50 s without fusing, which does nothing for float32,
  0.69 s either way), and the whole inference 0.62 s, which is less than the
  backbone alone in training form. It is a call of its own because features
  change in their third digit. Three detectors of the chapter's recipe, mAP
  0.455, 0.517 and 0.534, get 0.461, 0.512 and 0.535. A training step would
  take 1.6 s in place of 2.3 s; the chapter stays with float32, whose figures
  other processors can give, too.
* **Importing** d2l_ext takes 0.08 s more than the 1.4 s of MXNet and d2l, by
  `python -X importtime`: 1.06 times as long. Whole processes scatter more,
  from 1.05 to 1.14 times.
* **Memory.** A picture that is not decoded takes 1 KB, for its name, place
  and two boxes: that is all that grows from 1,300 to 13,000 pictures. It was
  2 KB with a `Path` for each picture and a copy of its class's name for each
  object. The peak is that of two batches made at the same time; normalised in
  place, each needs 25 MB in place of 75, and 5 ms in place of 12.
* **Loading**, nothing else: 37 ms a batch with two threads, 50 ms with two
  processes, whose results have to be copied to the parent; 65 and 83 ms with
  one. In training all four are the same, for a step waits 0.02 to 0.04 s of
  2.6 s. So threads it is; more cores than two were not there to measure.
* **A joint training step** of 8 images takes 0.6 to 0.7 s, ours and GluonCV's:
  in six runs the ratio was 0.91 to 1.01. By the profiler both spend nearly
  all of it in the same operators: convolutions with what belongs to them (in
  ours 0.48 s, in theirs 0.47 s when they run alone), RoIAlign (64 and 68 ms),
  suppression (18 and 22 ms), the optimiser (11 and 12 ms). Ours runs the first
  stage's convolution twice on the same features, which costs 7 ms, and
  shortens gradients, 5 ms. To share the convolution changed the last bits of
  proposals, so it stays.
* **Not faster**: other numbers of pictures at a time (the backbone takes as
  long for each from 4 to 64), more room for the allocator, OpenMP's waiting
  policies (`OMP_WAIT_POLICY`) or threads bound to cores (`OMP_PROC_BIND`) in
  training; normalisation and activation in one operator
  (`BatchNormWithReLU`), which gives the same bits in the same time: 0.579 and
  0.578 s for the backbone's two passes over 8 pictures.
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
    curves = '\n'.join(curve_section(*item)
                       for item in result['curves'].items())
    return f"""\
# Performance

<!-- Made by benchmarks/page.py from build/bench.json: do not edit. -->

`make bench` measures all of this in one run, `make bench-check` compares the
ratios with their goals. What is compared takes turns; figures are medians,
with quartiles. Measured on {machine['threads']} \
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

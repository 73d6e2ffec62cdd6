"""Figures of an evaluation: curves, and the detections behind them."""
from __future__ import annotations

from typing import Dict, Sequence

import numpy
from matplotlib import pyplot as plt

from ..data.voc import VOCDetection
from ..detector.error_analysis import Finding
from .pictures import COLORS, picture_grid, show_boxes, show_truth

__all__ = ['plot_precision_recall', 'show_findings']


def plot_precision_recall(curves: Dict[str, numpy.ndarray]) -> None:
    """Plot precision against recall, with a curve for each class.

    Parameters
    ----------
    curves : dict of ndarray, shape (101,)
        What `precision_recall` returns. The legend gives the area under each
        curve, which is the average precision of the class.
    """
    _, ax = plt.subplots(figsize=(4.5, 3.2), layout='constrained')
    for color, (name, precision) in zip(COLORS, curves.items()):
        area = precision.mean()
        ax.plot(numpy.linspace(0, 1, len(precision)), precision, color=color,
                label=f'{name}, AP {area:.2f}' if area == area else
                f'{name}, no object')
    ax.set(xlabel='recall', ylabel='precision', xlim=(0, 1), ylim=(0, 1.02))
    ax.grid(alpha=.3)
    ax.legend(loc='lower left')
    plt.show()


def show_findings(findings: Sequence[Finding], dataset: VOCDetection
                  ) -> None:
    """Show the findings of an error analysis, each in its picture.

    Parameters
    ----------
    findings : sequence of Finding
        Drawn in red, with a dashed line if the object was missed. Without
        findings nothing is drawn.
    dataset : VOCDetection
        The data set that was analysed; all ground truth is drawn in white.
    """
    if not findings:
        return
    axes = picture_grid(len(findings), 4, 2.6, 2.8)
    for ax, item in zip(axes, findings):
        ax.imshow(dataset.read_image(item.image))
        objects = dataset.objects[item.image]
        show_truth(ax, [o.box for o in objects])
        missed = item.kind == 'missed'
        show_boxes(ax, [item.box],
                   [item.name if missed else f'{item.name} {item.score:.2f}'],
                   colors=[COLORS[3]], linestyle='--' if missed else '-')
        ax.set_title(item.kind, fontsize=10)
    plt.show()

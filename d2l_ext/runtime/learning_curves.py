"""The learning curves of a training, redrawn after each epoch."""
from __future__ import annotations

from typing import Sequence

from IPython import display, get_ipython
from matplotlib import pyplot as plt

__all__ = ['LearningCurves']


class LearningCurves:
    """Learning curves that a notebook redraws after each epoch.

    Outside a notebook nothing is drawn. Axes end at `num_epochs`.
    """

    def __init__(self, num_epochs: int):
        self._num_epochs = num_epochs

    def show(self, history: Sequence) -> None:
        """Replace the output of the cell by the curves of `history`."""
        if get_ipython() is None:
            return
        figure, axes = plt.subplots(1, 2, figsize=(7, 2.6),
                                    layout='constrained')
        epochs = [entry.epoch for entry in history]
        for ax, quantity, title in zip(axes, ('class_error', 'box_mae'),
                                       ('class error', 'box MAE')):
            for split, style in (('train', 'o-'), ('test', 's--')):
                values = [getattr(entry, f'{split}_{quantity}')
                          for entry in history]
                ax.plot(epochs, values, style, label=split)
            ax.margins(y=.15)
            ax.set(xlabel='epoch', title=title, ylim=(0, None),
                   xlim=(.8, self._num_epochs + .2),
                   xticks=range(1, self._num_epochs + 1))
            ax.grid(alpha=.3)
        axes[0].legend()
        plt.close(figure)
        # Replaces the previous figure and the progress bar.
        display.clear_output(wait=True)
        display.display(figure)

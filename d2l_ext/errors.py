"""The errors of this package, each with a message that says what to do."""
from typing import Iterable

__all__ = ['ChapterError', 'CheckpointError', 'CheckpointWarning',
           'DatasetError', 'DatasetWarning', 'DetectorError', 'DeviceError',
           'DeviceWarning', 'PretrainedError', 'TrainingError']


class ChapterError(Exception):
    """Base class of all errors of this package."""


class CheckpointError(ChapterError, RuntimeError):
    """A checkpoint is damaged, of another training, or can't be written."""


class DatasetError(ChapterError, ValueError):
    """A data set is missing, incomplete or can't be read."""


class DetectorError(ChapterError, RuntimeError):
    """A stored detector is missing or incomplete, or is no detector."""


class DeviceError(ChapterError, ValueError):
    """A device that was requested is not available."""


class PretrainedError(ChapterError, RuntimeError):
    """Pretrained parameters can't be downloaded or read."""


class TrainingError(ChapterError, RuntimeError):
    """Training can't go on, for instance because a loss is not finite."""


class CheckpointWarning(UserWarning):
    """A training goes on, but its checkpoint could not be written."""


class DatasetWarning(UserWarning):
    """Part of a data set can't be used and is left out or repaired."""


class DeviceWarning(UserWarning):
    """MXNet can't compute on a GPU of this machine."""


def some_of(items: Iterable[str], most: int = 12) -> str:
    """A list for a message, which is cut where it would fill the screen.

    Parameters
    ----------
    items : iterable of str
        What there is.
    most : int
        How many are named at least before the others are only counted.

    Returns
    -------
    str
        "a, b, c", or "a, b, c and 97 more".
    """
    items = list(items)
    # To count a single one takes as much room as its name.
    rest = len(items) - most if len(items) > most + 1 else 0
    named = ', '.join(items[:len(items) - rest])
    return f'{named} and {rest:,} more' if rest else named

"""What this package raises: few errors, each with a message that helps."""

__all__ = ['ChapterError', 'CheckpointError', 'CheckpointWarning',
           'DatasetError', 'DatasetWarning', 'DetectorError', 'DeviceError',
           'DeviceWarning', 'PretrainedError', 'TrainingError']


class ChapterError(Exception):
    """Any error of this package: its message says what to do about it."""


class CheckpointError(ChapterError, RuntimeError):
    """A checkpoint is damaged, of another training, or can't be written."""


class DatasetError(ChapterError, ValueError):
    """A data set is missing, incomplete or can't be read."""


class DetectorError(ChapterError, RuntimeError):
    """A stored detector is missing, incomplete or another kind of thing."""


class DeviceError(ChapterError, ValueError):
    """A device that was asked for is not there."""


class PretrainedError(ChapterError, RuntimeError):
    """Parameters trained on other data can't be had."""


class TrainingError(ChapterError, RuntimeError):
    """Training can't go on: loss or gradient is not finite, for instance."""


class CheckpointWarning(UserWarning):
    """A training goes on, but could not keep what it takes to resume it."""


class DatasetWarning(UserWarning):
    """Part of a data set can't be used, and is left out or mended."""


class DeviceWarning(UserWarning):
    """A GPU is there that MXNet can't compute on."""

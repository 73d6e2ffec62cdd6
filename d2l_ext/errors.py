"""What this package raises: few errors, each with a message that helps."""

__all__ = ['DatasetError', 'DetectorError', 'PretrainedError',
           'TrainingError']


class DatasetError(ValueError):
    """A data set is missing, incomplete or can't be read."""


class DetectorError(RuntimeError):
    """A stored detector is missing, incomplete or another kind of thing."""


class PretrainedError(RuntimeError):
    """Parameters trained on other data can't be had."""


class TrainingError(RuntimeError):
    """Training can't go on: loss or gradient is not finite, for instance."""

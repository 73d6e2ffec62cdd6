"""What this package raises: two errors, each with a message that helps."""

__all__ = ['DatasetError', 'TrainingError']


class DatasetError(ValueError):
    """A data set is missing, incomplete or can't be read."""


class TrainingError(RuntimeError):
    """Training can't go on: loss or gradient is not finite, for instance."""

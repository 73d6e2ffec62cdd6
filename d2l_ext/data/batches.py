"""Batches of a data set: shuffled, shared, normalised, decoded ahead.

Alphabet of shapes: B images, H x W pixels, m ground truth rows an image.
"""
from __future__ import annotations

import weakref
from typing import Iterator, List, Optional, Sequence, Tuple

import numpy
from mxnet import gluon, nd, np

from ..distributed.replicas import worker_of
from ..errors import DatasetError, some_of
from .augmentation import draw_changes
from .folders import test_mode, voc_dir
from .layouts import find_layout
from .splits import CHAPTERS, choose_classes
from .voc import VOCDetection

__all__ = ['Batches', 'load_batches', 'load_data_voc_detection',
           'load_datasets', 'normalize', 'to_array']

RGB_MEAN = numpy.array([.485, .456, .406], numpy.float32)
RGB_STD = numpy.array([.229, .224, .225], numpy.float32)


class _ShuffleAndChange(gluon.data.Sampler):
    """Items (i, flip), or (i, flip, change), in random order.

    Drawn at once in the main thread, from MXNet's random numbers: the same
    whatever the number of workers, and repeatable by `mx.random.seed`.
    """

    def __init__(self, length: int, window: Tuple[float, float],
                 colors: float):
        self._length, self._window, self._colors = length, window, colors

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Tuple]:
        lot = np.random.uniform(size=(2, self._length)).asnumpy()
        drawn = [lot[0].argsort(kind='stable').tolist(),
                 (lot[1] < .5).tolist()]
        if (*self._window, self._colors) != (1, 1, 0):
            lot = np.random.uniform(size=(7, self._length)).asnumpy()
            drawn.append(draw_changes(lot, self._window, self._colors))
        return zip(*drawn)


class _InOrder(gluon.data.SequentialSampler):
    """Items (i, False) from the first to the last."""

    def __iter__(self) -> Iterator[Tuple[int, bool]]:
        return ((i, False) for i in range(len(self)))


class _Shares(gluon.data.Sampler):
    """A worker's part of every batch: all others have the rest.

    `drawn` holds the parts of the present pass, in their order.
    """

    def __init__(self, batches: gluon.data.BatchSampler, rank: int,
                 num_workers: int):
        self._batches, self.drawn = batches, []
        self._rank, self._num_workers = rank, num_workers

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[List]:
        self.drawn = []
        for batch in self._batches:
            share = batch[self._rank::self._num_workers]
            if share:
                self.drawn.append(share)
                yield share


class Batches(gluon.data.DataLoader):
    """Batches of images (B, 3, H, W) and ground truth (B, m, 5).

    Images are normalised with the mean and standard deviation of ImageNet.
    `load_batches` makes it.

    Attributes
    ----------
    dataset : VOCDetection
        What is read.
    """

    def __init__(self, dataset: VOCDetection, shares: _Shares):
        # Threads suffice: Pillow decodes and resizes without the
        # interpreter's lock. A forked worker would have a random state of
        # its own.
        super().__init__(
            dataset, batchify_fn=_batchify, num_workers=2, thread_pool=True,
            prefetch=2,   # batches: each takes 25 MB at 32 x 256 x 256
            batch_sampler=shares)
        self.dataset, self._shares = dataset, shares
        self._begun = weakref.WeakSet()
        weakref.finalize(self, _end, self._worker_pool, self._begun)

    def __iter__(self):
        batches = super().__iter__()
        self._begun.add(batches)
        return batches

    def __del__(self):
        """`_end` did it: MXNet's own way, at the end of all, fails."""

    def names_of(self, number: int) -> List[str]:
        """Names of the images of a batch of this pass, counted from 1."""
        return [self.dataset.names[i]
                for i, *_ in self._shares.drawn[number - 1]]


def _end(pool, begun):
    """End threads, and passes that were begun, while Python is whole."""
    pool.terminate()
    for batches in begun:
        batches.close()


def normalize(images: numpy.ndarray) -> numpy.ndarray:
    """Pixels as the backbone takes them.

    Parameters
    ----------
    images : ndarray, shape (B, H, W, 3), uint8
        RGB.

    Returns
    -------
    ndarray, shape (B, 3, H, W), float32
        Minus the mean of ImageNet, divided by its standard deviation.
    """
    # To transpose bytes first takes a fifth of the time.
    X = numpy.ascontiguousarray(images.transpose(0, 3, 1, 2))
    X = X / numpy.float32(255)
    # In place: a batch is large, and several are made at a time.
    X -= RGB_MEAN[:, None, None]
    X /= RGB_STD[:, None, None]
    return X


def to_array(values: numpy.ndarray) -> np.ndarray:
    """NumPy's array as MXNet's: the same memory, not to be changed anymore.

    A copy would be made by threads of its own. Once there are more of them
    than cores, threads of OpenMP no longer wait for each other awake, and
    RoI pooling, which has them wait for every region, takes twice as long.
    """
    return nd.from_numpy(values).as_np_ndarray()


def _batchify(items):
    images, labels = zip(*items)
    return (to_array(normalize(numpy.stack(images))),
            to_array(numpy.stack(labels)))


def load_batches(dataset: VOCDetection, batch_size: int,
                 train: bool = False, last_batch: str = 'keep',
                 rank: int = 0, num_workers: int = 1,
                 window: Tuple[float, float] = (1, 1), colors: float = 0
                 ) -> Batches:
    """Batches of a data set, decoded ahead in two threads.

    Parameters
    ----------
    dataset : VOCDetection
        What to read.
    batch_size : int
        Images a batch, of all workers together.
    train : bool
        Whether to shuffle, and to flip every other image at random.
    last_batch : {'keep', 'discard'}
        What to do with fewer than `batch_size` images at the end.
    rank, num_workers : int
        Which share of each batch to read: every `num_workers`-th image,
        from number `rank` on. `train_detection` sees to it that all workers
        shuffle alike, so that the shares of an epoch have each image once.
    window, colors
        As for `draw_changes`, to train on; by default nothing is changed.

    Returns
    -------
    Batches
        Pairs of images and ground truth.

    Raises
    ------
    DatasetError
        When there would be nothing to train on in a worker's share.
    """
    smallest = batch_size if last_batch == 'discard' else (
        len(dataset) % batch_size or batch_size)
    if train and smallest < num_workers:
        raise DatasetError(
            f'{dataset.root}: a batch of {smallest} pictures can\'t be shared '
            f'by {num_workers} workers. Take a larger batch, and drop the '
            "last one with last_batch='discard' if that is too small.")
    sampler = (_ShuffleAndChange(len(dataset), window, colors) if train else
               _InOrder(len(dataset)))
    batches = gluon.data.BatchSampler(sampler, batch_size, last_batch)
    return Batches(dataset, _Shares(batches, rank, num_workers))


def load_datasets(height: int, width: int,
                  classes: Optional[Sequence[str]] = None,
                  quiet: bool = False) -> Tuple[VOCDetection, VOCDetection]:
    """The training and validation images of the data set that is used.

    Parameters
    ----------
    height, width, classes
        As for `load_data_voc_detection`.
    quiet : bool
        Whether to print nothing.

    Returns
    -------
    train, val : VOCDetection
        Of the same classes.

    Raises
    ------
    DatasetError
        When the data set can't be read.
    """
    root, description = voc_dir()
    layout = find_layout(root)
    classes = choose_classes(layout, classes)
    train, val = (VOCDetection(layout, split, height, width, classes)
                  for split in ('train', 'val'))
    if not quiet:
        note = ' (test mode: a small part)' if test_mode() else ''
        print(f'Reading {description}: {len(train):,} pictures to train, '
              f'{len(val):,} to validate{note}')
        if classes != CHAPTERS:
            print(f'Classes ({len(classes)}): {some_of(classes)}')
        if val.note:
            print(f'Note: {val.note}.')
    return train, val


def load_data_voc_detection(batch_size: int, height: int, width: int,
                            classes: Optional[Sequence[str]] = None,
                            kvstore: str = 'device'
                            ) -> Tuple[Batches, Batches]:
    """Load training and validation batches, and say of which data set.

    The data set is the one that D2L_VOC_DIR names; else VOC2012, where
    `make data` put it; else the embedded set of drawn cats and dogs.

    Parameters
    ----------
    batch_size : int
        Images a batch; an incomplete last batch is dropped.
    height, width : int
        Pixels to resize images to.
    classes : sequence of str, optional
        The objects to find; else those that D2L_CLASSES names, or all that
        the data set shows: `choose_classes` says it in full.
    kvstore : str
        As for `train_detection`: a worker of several gets its share of each
        batch, and worker 0 alone says what is read.

    Returns
    -------
    train_iter, test_iter : Batches
        Training images come in random order, and every other one flipped.

    Raises
    ------
    DatasetError
        When the data set can't be read, or has less than one batch.
    """
    rank, num_workers = worker_of(kvstore)
    train, val = load_datasets(height, width, classes, quiet=rank > 0)
    batch_size = min(batch_size, test_mode() or batch_size)
    for dataset in (train, val):
        if len(dataset) < batch_size:
            raise DatasetError(
                f'{dataset.root}: only {len(dataset)} pictures of the list '
                f'"{dataset.split}" show {some_of(dataset.classes)}: '
                f'fewer than one batch of {batch_size}. Take a smaller '
                'batch.')
    return (load_batches(train, batch_size, True, 'discard', rank,
                         num_workers),
            load_batches(val, batch_size, False, 'discard', rank,
                         num_workers))

"""Detection data in the layout of Pascal VOC: finding, reading, batching.

Alphabet of shapes: B images, H x W pixels, m ground truth rows an image.
"""
from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Iterator, List, Sequence, Tuple

import numpy
from mxnet import gluon, nd, np
from PIL import Image

from ..distributed.replicas import worker_of
from ..drawn.dataset import make_drawn_set
from ..errors import DatasetError, DatasetWarning
from .annotations import VOCObject, read_list
from .checks import describe_problems, inspect_picture
from .pictures import read_picture, resized

__all__ = ['VOCDetection', 'data_dir', 'flip_left_right', 'label_rows',
           'load_batches', 'load_data_voc_detection', 'normalize',
           'test_mode', 'to_array', 'voc_dir']

RGB_MEAN = numpy.array([.485, .456, .406], numpy.float32)
RGB_STD = numpy.array([.229, .224, .225], numpy.float32)
# Pictures that test mode takes of either list: two batches, and one.
TEST_MODE_PICTURES = {'train': 64, 'val': 32}
VOC2012 = Path('VOCdevkit/VOC2012')


def data_dir() -> Path:
    """Folder of downloaded and drawn data.

    Returns
    -------
    pathlib.Path
        What the environment variable D2L_DATA_DIR names, else `../data`,
        where the book's `d2l.download` puts its files.
    """
    return Path(os.environ.get('D2L_DATA_DIR') or '../data')


def test_mode() -> bool:
    """Whether D2L_TEST_MODE asks for a few pictures in place of all."""
    return os.environ.get('D2L_TEST_MODE', '') not in ('', '0')


def voc_dir() -> Tuple[Path, str]:
    """Find the data set to use, and draw it where there is none.

    Returns
    -------
    root : pathlib.Path
        A folder with `JPEGImages`, `Annotations`, `ImageSets/Main`: the one
        that D2L_VOC_DIR names; else the downloaded VOC2012; else the
        embedded set, which is drawn on first use.
    description : str
        What it is, in a few words.

    Raises
    ------
    DatasetError
        When D2L_VOC_DIR names no such folder.
    """
    named = os.environ.get('D2L_VOC_DIR')
    if named:
        return find_root(Path(named)), 'the data set that D2L_VOC_DIR names'
    downloaded = data_dir() / VOC2012
    if (downloaded / 'ImageSets' / 'Main').is_dir():
        return downloaded, 'Pascal VOC2012'
    return make_drawn_set(data_dir()), 'the embedded set of drawn pictures'


def find_root(folder: Path) -> Path:
    """The folder itself, or the devkit in it, whichever has the lists."""
    for candidate in (folder, folder / VOC2012, folder / VOC2012.name):
        if (candidate / 'ImageSets' / 'Main').is_dir():
            return candidate
    raise DatasetError(
        f'{folder}: there is no folder {folder / "ImageSets" / "Main"}. Name '
        'a folder in VOC layout (JPEGImages, Annotations, ImageSets/Main); '
        'without D2L_VOC_DIR the embedded set is used.')


def label_rows(objects: Sequence[VOCObject], classes: Sequence[str],
               size: Tuple[int, int], num_rows: int) -> numpy.ndarray:
    """Ground truth of an image as rows of numbers.

    Parameters
    ----------
    objects : sequence of VOCObject
        Of one image; difficult ones are left out.
    classes : sequence of str
        Class 0 is the first.
    size : (int, int)
        Width and height of the image in pixels.
    num_rows : int
        Number of rows m, at least that of the objects.

    Returns
    -------
    ndarray, shape (m, 5), float32
        Rows (class, x1, y1, x2, y2), corner boxes in units of the image's
        sides and clipped to it. Rows without an object are -1 throughout.
    """
    rows = numpy.full((num_rows, 5), -1, numpy.float32)
    visible = [item for item in objects if not item.difficult]
    for row, item in zip(rows, visible):
        row[0] = classes.index(item.name)
        row[1:] = numpy.clip(numpy.divide(item.box, [*size, *size]), 0, 1)
    return rows


def flip_left_right(image: numpy.ndarray, label: numpy.ndarray
                    ) -> Tuple[numpy.ndarray, numpy.ndarray]:
    """Mirror an image and its boxes.

    Parameters
    ----------
    image : ndarray, shape (height, width, 3)
        Pixels.
    label : ndarray, shape (m, 5)
        Rows as `label_rows` gives them.

    Returns
    -------
    image, label : ndarray
        Copies, or views, of the same shapes; padding stays padding.
    """
    real, label = label[:, 0] >= 0, label.copy()
    # The right edge becomes the left one.
    label[real, 1], label[real, 3] = 1 - label[real, 3], 1 - label[real, 1]
    return image[:, ::-1], label


class VOCDetection(gluon.data.Dataset):
    """Images with objects of the given classes, decoded when asked for.

    Item i is an image, uint8 of shape (height, width, 3), with its ground
    truth, float32 of shape (m, 5): rows (class, x1, y1, x2, y2), corner
    boxes in units of the image's sides, padded to the m of the image that
    has most with rows of -1. Difficult objects are left out. Item (i, True)
    is the same, flipped left to right.

    Lists tell which images are read, annotations what is on them: an image
    with flag 1 whose annotation has no such object is background, and one
    with another flag is not read, whatever is on it.

    Parameters
    ----------
    root
        Folder with `JPEGImages`, `Annotations` and `ImageSets/Main`.
    split : {'train', 'val'}
        Which lists to read.
    height, width : int
        Pixels to resize images to, whatever their shape was.
    classes : sequence of str
        The objects to find; class 0 is the first.
    strict : bool
        Whether to refuse a data set with broken files or boxes. Otherwise
        these are left out, with one warning that counts and names them.

    Attributes
    ----------
    names : list of str
        Names of the images, as they stand in the lists.
    objects : list of list of VOCObject
        Objects of each image, the difficult ones among them.

    Raises
    ------
    DatasetError
        When a folder or list is missing, or no image has such an object.
    """

    def __init__(self, root: os.PathLike, split: str, height: int,
                 width: int, classes: Sequence[str] = ('cat', 'dog'),
                 strict: bool = False):
        self.root, self.split = Path(root), split
        self.classes, self.size = list(classes), (height, width)
        check_folders(self.root)
        lists = self.root / 'ImageSets' / 'Main'
        names = sorted({name for c in classes
                        for name in read_list(lists / f'{c}_{split}.txt')})
        if test_mode():
            names = names[:TEST_MODE_PICTURES[split]]
        if not names:
            raise DatasetError(f'{lists}: no picture of {split} shows '
                               f'{" or ".join(classes)}.')
        inspected = [inspect_picture(self.root, name) for name in names]
        self._pictures = [picture for picture, _ in inspected if picture]
        problems = [p for _, found in inspected for p in found]
        if problems and (strict or not self._pictures):
            raise DatasetError(f'{root}: {describe_problems(problems)}')
        if problems:
            self._warn(describe_problems(problems))
        self.names = [picture.name for picture in self._pictures]
        self.objects = [[item for item in picture.objects
                         if item.name in self.classes]
                        for picture in self._pictures]
        self.max_objects = max(1, *map(len, self.objects))
        seen = {item.name for objects in self.objects for item in objects}
        for name in self.classes:
            if name not in seen and not test_mode():
                self._warn(f'no picture of {split} shows a {name}.')

    def _warn(self, message):
        # At the line that asked for the data set.
        warnings.warn(f'{self.root}: {message}', DatasetWarning,
                      stacklevel=3)

    def __len__(self) -> int:
        return len(self.names)

    def image_path(self, index: int) -> Path:
        """File of an image."""
        return Path(self._pictures[index].path)

    def image_size(self, index: int) -> Tuple[int, int]:
        """Width and height of an image in pixels, without decoding it."""
        return self._pictures[index].size

    def read_image(self, index: int) -> Image.Image:
        """Decode an image in its own size, as RGB.

        Raises
        ------
        DatasetError
            When the file is missing or is no picture.
        """
        picture = self._pictures[index]
        return read_picture(picture.path, picture.turn)

    def __getitem__(self, item):
        index, flip = item if isinstance(item, tuple) else (item, False)
        image = self.read_image(index)
        # Of the picture itself: annotations are at times wrong about it.
        label = label_rows(self.objects[index], self.classes,
                           image.size, self.max_objects)
        image = resized(image, self.size)
        return flip_left_right(image, label) if flip else (image, label)


def check_folders(root):
    for name in ('JPEGImages', 'Annotations', 'ImageSets/Main'):
        if not (root / name).is_dir():
            raise DatasetError(
                f'{root}: there is no folder {name} in it. A data set in VOC '
                'layout has JPEGImages, Annotations and ImageSets/Main.')


class _ShuffleAndFlip(gluon.data.Sampler):
    """Items (i, flip) in random order.

    Drawn at once in the main thread, from MXNet's random numbers: the same
    whatever the number of workers, and repeatable by `mx.random.seed`.
    """

    def __init__(self, length: int):
        self._length, self.order = length, []

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Tuple[int, bool]]:
        lot = np.random.uniform(size=(2, self._length)).asnumpy()
        self.order = [(int(i), bool(flip)) for i, flip in
                      zip(lot[0].argsort(kind='stable'), lot[1] < .5)]
        return iter(self.order)


class _Shares(gluon.data.Sampler):
    """A worker's part of every batch: all others have the rest."""

    def __init__(self, batches: gluon.data.BatchSampler, rank: int,
                 num_workers: int):
        self._batches = batches
        self._rank, self._num_workers = rank, num_workers

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[List]:
        for batch in self._batches:
            share = batch[self._rank::self._num_workers]
            if share:
                yield share


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
                 rank: int = 0, num_workers: int = 1
                 ) -> gluon.data.DataLoader:
    """Batches of a data set, decoded ahead in two threads.

    Parameters
    ----------
    dataset : VOCDetection
        What to read; the loader keeps it as its attribute `dataset`.
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

    Returns
    -------
    DataLoader
        Gives pairs of images (B, 3, H, W), normalised with the mean and
        standard deviation of ImageNet, and ground truth (B, m, 5). Its
        `names_of(number)` names the images of a batch, counted from 1, in
        the present order.

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
    sampler = (_ShuffleAndFlip(len(dataset)) if train else
               gluon.data.SequentialSampler(len(dataset)))
    # Threads suffice: Pillow decodes and resizes without the interpreter's
    # lock. A forked worker would have a random state of its own.
    loader = gluon.data.DataLoader(
        dataset, batchify_fn=_batchify, num_workers=2, thread_pool=True,
        prefetch=2,   # batches: each takes 25 MB at 32 x 256 x 256
        batch_sampler=_Shares(gluon.data.BatchSampler(
            sampler, batch_size, last_batch), rank, num_workers))
    loader.dataset = dataset

    def names_of(number):
        start = (number - 1) * batch_size
        order = sampler.order if train else [(i, False) for i in sampler]
        batch = order[start:start + batch_size]
        return [dataset.names[i] for i, _ in batch[rank::num_workers]]

    loader.names_of = names_of
    return loader


def load_data_voc_detection(batch_size: int, height: int, width: int,
                            classes: Sequence[str] = ('cat', 'dog'),
                            kvstore: str = 'device'
                            ) -> Tuple[gluon.data.DataLoader,
                                       gluon.data.DataLoader]:
    """Load training and validation batches, and say of which data set.

    The data set is the one that D2L_VOC_DIR names; else VOC2012, where
    `make data` put it; else the embedded set of drawn cats and dogs.

    Parameters
    ----------
    batch_size : int
        Images a batch; an incomplete last batch is dropped.
    height, width : int
        Pixels to resize images to.
    classes : sequence of str
        The objects to find; images without any are left out.
    kvstore : str
        As for `train_detection`: a worker of several gets its share of each
        batch, and worker 0 alone says what is read.

    Returns
    -------
    train_iter, test_iter : DataLoader
        Batches as `load_batches` describes them; training images come in
        random order, and every other one flipped. `train_iter.dataset` is
        the `VOCDetection` behind it.

    Raises
    ------
    DatasetError
        When the data set can't be read, or has less than one batch.
    """
    rank, num_workers = worker_of(kvstore)
    root, description = voc_dir()
    train, val = (VOCDetection(root, split, height, width, classes)
                  for split in ('train', 'val'))
    for dataset in (train, val):
        if len(dataset) < batch_size:
            raise DatasetError(
                f'{root}: only {len(dataset)} pictures of the list '
                f'"{dataset.split}" show {" or ".join(classes)}, fewer '
                f'than one batch of {batch_size}. Take a smaller batch.')
    note = ' (test mode: a small part)' if test_mode() else ''
    if rank == 0:
        print(f'Reading {description}: {len(train):,} pictures to train, '
              f'{len(val):,} to validate{note}')
    return (load_batches(train, batch_size, True, 'discard', rank,
                         num_workers),
            load_batches(val, batch_size, False, 'discard', rank,
                         num_workers))

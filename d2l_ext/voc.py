"""Detection data in the layout of Pascal VOC: finding, reading, batching.

Alphabet of shapes: B images, H x W pixels, m ground truth rows an image.
"""
from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator, List, NamedTuple, Sequence, Tuple

import numpy
from defusedxml import DefusedXmlException, ElementTree
from mxnet import gluon, np
from PIL import Image, UnidentifiedImageError

from .drawn_set import make_drawn_set
from .errors import DatasetError

__all__ = ['VOCDetection', 'VOCObject', 'data_dir', 'flip_left_right',
           'label_rows', 'load_batches', 'load_data_voc_detection',
           'normalize', 'read_annotation', 'test_mode', 'voc_dir']

RGB_MEAN = numpy.array([.485, .456, .406], numpy.float32)
RGB_STD = numpy.array([.229, .224, .225], numpy.float32)
# Pictures that test mode takes of either list: two batches, and one.
TEST_MODE_PICTURES = {'train': 64, 'val': 32}
VOC2012 = Path('VOCdevkit/VOC2012')


class VOCObject(NamedTuple):
    """One object of an annotation.

    `box` is the corner box (x1, y1, x2, y2) in pixels counted from 0, so
    that the box is (x2 - x1) pixels wide; VOC's xmin = xmax = 1, the first
    pixel, reads as x1 = 0, x2 = 1. `difficult` objects are not trained on,
    and an evaluation neither asks for them nor minds them.
    """
    name: str
    box: Tuple[float, float, float, float]
    difficult: bool


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
        root = Path(named)
        candidates = [root, root / VOC2012, root / VOC2012.name]
        for candidate in candidates:
            if (candidate / 'ImageSets' / 'Main').is_dir():
                return candidate, 'the data set that D2L_VOC_DIR names'
        raise DatasetError(
            f'D2L_VOC_DIR is {named}, but there is no folder '
            f'{root / "ImageSets" / "Main"}. Name a folder in VOC layout '
            '(JPEGImages, Annotations, ImageSets/Main), or unset the '
            'variable to use the embedded set.')
    downloaded = data_dir() / VOC2012
    if (downloaded / 'ImageSets' / 'Main').is_dir():
        return downloaded, 'Pascal VOC2012'
    return make_drawn_set(data_dir()), 'the embedded set of drawn pictures'


def read_annotation(path: os.PathLike) -> List[VOCObject]:
    """Read the objects of one XML file.

    Parameters
    ----------
    path
        A file of the folder `Annotations`.

    Returns
    -------
    list of VOCObject
        In the order of the file; empty when it has no object.

    Raises
    ------
    DatasetError
        When the file is missing, is not XML or lacks part of a box.
    """
    try:
        root = ElementTree.parse(path).getroot()
        return [_read_object(node) for node in root.iter('object')]
    except FileNotFoundError:
        raise DatasetError(f'{path}: there is no such annotation.') from None
    except (ElementTree.ParseError, DefusedXmlException) as error:
        raise DatasetError(f'{path}: not an XML annotation ({error}).'
                           ) from error
    except (AttributeError, TypeError, ValueError) as error:
        raise DatasetError(
            f'{path}: an object needs a <name> and a <bndbox> with the '
            'numbers <xmin>, <ymin>, <xmax> and <ymax>.') from error


def _read_object(node):
    box = node.find('bndbox')
    xmin, ymin, xmax, ymax = (
        float(box.find(tag).text) for tag in ('xmin', 'ymin', 'xmax',
                                              'ymax'))
    difficult = node.find('difficult')
    return VOCObject(
        node.find('name').text.strip(), (xmin - 1, ymin - 1, xmax, ymax),
        difficult is not None and difficult.text.strip() == '1')


def _read_list(path):
    """Names in a list of VOC: those with flag 1, or all without flags."""
    try:
        rows = [line.split() for line in path.read_text().splitlines()]
    except FileNotFoundError:
        raise DatasetError(
            f'{path}: there is no such list. A data set needs one for each '
            'class and split, with rows "name flag".') from None
    return [row[0] for row in rows
            if row and (len(row) == 1 or row[1] == '1')]


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


def open_picture(path, read):
    """What `read` makes of a picture; a clear error if it is none."""
    try:
        with Image.open(path) as image:
            return read(image)
    except FileNotFoundError:
        raise DatasetError(f'{path}: there is no such picture.') from None
    except (UnidentifiedImageError, OSError) as error:
        raise DatasetError(f'{path}: not a picture that can be read '
                           f'({error}).') from error


def resized(image, size):
    """Pixels, uint8 (height, width, 3), of a picture of any other size."""
    height, width = size
    return numpy.asarray(image.resize((width, height),
                                      Image.Resampling.BILINEAR))


class VOCDetection(gluon.data.Dataset):
    """Images with objects of the given classes, decoded when asked for.

    Item i is an image, uint8 of shape (height, width, 3), with its ground
    truth, float32 of shape (m, 5): rows (class, x1, y1, x2, y2), corner
    boxes in units of the image's sides, padded to the m of the image that
    has most with rows of -1. Difficult objects are left out. Item (i, True)
    is the same, flipped left to right.

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

    Raises
    ------
    DatasetError
        When a list, an annotation or an image is missing or can't be read,
        or no image has such an object.
    """

    def __init__(self, root: os.PathLike, split: str, height: int,
                 width: int, classes: Sequence[str] = ('cat', 'dog')):
        self.root, self.split = Path(root), split
        self.classes, self.size = list(classes), (height, width)
        lists = self.root / 'ImageSets' / 'Main'
        names = {name for c in classes
                 for name in _read_list(lists / f'{c}_{split}.txt')}
        self.names = sorted(names)
        if test_mode():
            self.names = self.names[:TEST_MODE_PICTURES[split]]
        if not self.names:
            raise DatasetError(f'{lists}: no picture of {split} shows '
                               f'{" or ".join(classes)}.')
        self.objects = [
            [item for item in read_annotation(
                self.root / 'Annotations' / f'{name}.xml')
             if item.name in self.classes] for name in self.names]
        self.max_objects = max(map(len, self.objects))

    def __len__(self) -> int:
        return len(self.names)

    def image_path(self, index: int) -> Path:
        """File of an image."""
        return self.root / 'JPEGImages' / f'{self.names[index]}.jpg'

    def read_image(self, index: int) -> Image.Image:
        """Decode an image in its own size, as RGB.

        Raises
        ------
        DatasetError
            When the file is missing or is no picture.
        """
        return self._open(index, lambda image: image.convert('RGB'))

    def image_size(self, index: int) -> Tuple[int, int]:
        """Width and height of an image in pixels, without decoding it."""
        return self._open(index, lambda image: image.size)

    def _open(self, index, read):
        return open_picture(self.image_path(index), read)

    def __getitem__(self, item):
        index, flip = item if isinstance(item, tuple) else (item, False)
        image = self.read_image(index)
        # Of the picture itself: annotations are at times wrong about it.
        label = label_rows(self.objects[index], self.classes, image.size,
                           self.max_objects)
        image = resized(image, self.size)
        return flip_left_right(image, label) if flip else (image, label)


class _ShuffleAndFlip(gluon.data.Sampler):
    """Items (i, flip) in random order.

    Drawn at once in the main thread, from MXNet's random numbers: the same
    whatever the number of workers, and repeatable by `mx.random.seed`.
    """

    def __init__(self, length: int):
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Tuple[int, bool]]:
        lot = np.random.uniform(size=(2, self._length)).asnumpy()
        return iter([(int(i), bool(flip)) for i, flip in
                     zip(lot[0].argsort(kind='stable'), lot[1] < .5)])


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
    X = (images / numpy.float32(255) - RGB_MEAN) / RGB_STD
    return X.transpose(0, 3, 1, 2)


def _batchify(items):
    images, labels = zip(*items)
    return (np.array(normalize(numpy.stack(images))),
            np.array(numpy.stack(labels)))


def load_batches(dataset: VOCDetection, batch_size: int,
                 train: bool = False, last_batch: str = 'keep'
                 ) -> gluon.data.DataLoader:
    """Batches of a data set, decoded ahead in two threads.

    Parameters
    ----------
    dataset : VOCDetection
        What to read; the loader keeps it as its attribute `dataset`.
    batch_size : int
        Images a batch.
    train : bool
        Whether to shuffle, and to flip every other image at random.
    last_batch : {'keep', 'discard'}
        What to do with fewer than `batch_size` images at the end.

    Returns
    -------
    DataLoader
        Gives pairs of images (B, 3, H, W), normalised with the mean and
        standard deviation of ImageNet, and ground truth (B, m, 5).
    """
    sampler = (_ShuffleAndFlip(len(dataset)) if train else
               gluon.data.SequentialSampler(len(dataset)))
    # Threads suffice: Pillow decodes and resizes without the interpreter's
    # lock. A forked worker would have a random state of its own.
    loader = gluon.data.DataLoader(
        dataset, batchify_fn=_batchify, num_workers=2, thread_pool=True,
        batch_sampler=gluon.data.BatchSampler(sampler, batch_size,
                                              last_batch))
    loader.dataset = dataset
    return loader


def load_data_voc_detection(batch_size: int, height: int, width: int,
                            classes: Sequence[str] = ('cat', 'dog')
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
    print(f'Reading {description}: {len(train):,} pictures to train, '
          f'{len(val):,} to validate{note}')
    return (load_batches(train, batch_size, True, 'discard'),
            load_batches(val, batch_size, False, 'discard'))

"""Find objects on pictures: annotated copies, and files in COCO's style.

    python tools/detect.py PICTURES [--detector FOLDER] [--output FOLDER]

`detections.json` is a data set in COCO's format, with scores; its list of
annotations is stored alone, too, as `results.json`, which is what the method
`loadRes` of pycocotools reads. Copies of an earlier run are removed.
"""
import argparse
import hashlib
import itertools
import json
import os
import sys
import time
import warnings
from pathlib import Path

import d2l_ext as d2l  # isort: skip
from matplotlib import get_data_path
from mxnet import np, npx
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from d2l_ext.data.folders import at_home
from d2l_ext.data.pictures import HEIC_ADVICE, find_pictures
from d2l_ext.evaluation import coco_annotation
from d2l_ext.plots.pictures import COLORS, ink

HERE = Path(__file__).parent
ROOT = HERE.parent
# What `make detector` trained, else the detector that comes along.
DETECTORS = ROOT / 'build' / 'detector', HERE / 'detectors' / 'photographs'
# By this, copies of an earlier run are known.
MARK = ('Comment', 'Annotated by make detect')
FONT = Path(get_data_path(), 'fonts', 'ttf', 'DejaVuSans.ttf')
# Two classes whose boxes have a greater IoU are two names of one object.
SAME_OBJECT = .7
# So many pictures go through the network at once, which takes little more
# than half of the time. All of them are in memory.
GROUP = 4
# Writing the files again takes no more than this share of the time.
WRITING = .1


def annotated(picture, found, classes):
    """A copy of the same size with boxes drawn on it."""
    copy = picture.copy()
    draw = ImageDraw.Draw(copy)
    side = min(max(min(picture.size) // 30, 11), 80)
    font = ImageFont.truetype(str(FONT), side)
    for item in found:
        color = COLORS[classes.index(item.name) % len(COLORS)]
        box = [round(corner) for corner in item.box]
        draw.rectangle(box, outline=color, width=max(2, side // 6))
        text, corner = f'{item.name} {item.probability:.2f}', box[:2]
        draw.rectangle(draw.textbbox(corner, text, font), fill=color)
        draw.text(corner, text, ink(color), font)
    return copy


def one_name_each(found):
    """Leave out an object that also has a more certain name."""
    if not found:
        return found
    kept = d2l.nms(np.array([item.probability for item in found]),
                   np.array([item.box for item in found]).T, SAME_OBJECT)
    return [found[i] for i in kept.tolist()]


def copy_path(output, name):
    """Where the copy of a picture goes; an ending longer than a name may be.

    The suffix stays in the name: a.jpg and a.png are two pictures.
    """
    path = output / f'{name}.png'
    path.parent.mkdir(parents=True, exist_ok=True)
    # The file is written under a name with some more letters.
    longest = os.pathconf(path.parent, 'PC_NAME_MAX') - 20
    raw = os.fsencode(path.name)
    if len(raw) <= longest:
        return path
    digest = hashlib.sha1(raw).hexdigest()[:10]
    # Of letters with several bytes none is cut in two.
    start = raw[:longest - 20].decode('utf-8', 'ignore')
    return path.with_name(f'{start}-{digest}.png')


def save_copy(copy, path):
    """Store a copy whole, with a mark by which it is known."""
    about = PngImagePlugin.PngInfo()
    about.add_text(*MARK)
    with d2l.replacing(path) as partial:
        # Photographs hardly get smaller with more effort.
        copy.save(partial, 'PNG', pnginfo=about, compress_level=1)


def remove_earlier(output):
    """Remove what an earlier run has written; gives the number of copies."""
    count = 0
    for path in sorted(output.rglob('*.png')):
        try:
            with Image.open(path) as image:
                ours = image.info.get(MARK[0]) == MARK[1]
        except (OSError, SyntaxError, ValueError,
                Image.DecompressionBombError):
            continue   # none of ours
        if ours:
            path.unlink()
            count += 1
    for name in ('detections.json', 'results.json'):
        (output / name).unlink(missing_ok=True)
    return count


class Results:
    """The detections as a data set in COCO's format, with scores.

    Boxes are [x, y, width, height] in pixels of the picture. Classes count
    from 1: most readers take 0 for the background.
    """

    def __init__(self, output, classes):
        self._output, self._classes = output, classes
        self._written = self._took = 0.
        self.images, self.annotations = [], []

    def add(self, name, size, found):
        """Add a picture, and write the files if that is not too often."""
        number = len(self.images)
        self.images.append({'id': number, 'file_name': name,
                            'width': size[0], 'height': size[1]})
        for item in found:
            self.annotations.append(coco_annotation(
                len(self.annotations) + 1, number,
                self._classes.index(item.name) + 1,
                [round(side, 2) for side in item.box], iscrowd=0,
                segmentation=[], score=round(item.probability, 4)))
        if time.monotonic() - self._written > self._took / WRITING:
            self.write()

    def write(self):
        """Store both files whole."""
        start = time.monotonic()
        categories = [{'id': i, 'name': name}
                      for i, name in enumerate(self._classes, 1)]
        content = {'images': self.images, 'annotations': self.annotations,
                   'categories': categories}
        for name, part in (('detections.json', content),
                           ('results.json', self.annotations)):
            with d2l.replacing(self._output / name) as partial:
                partial.write_text(json.dumps(part, indent=1))
        self._written = time.monotonic()
        self._took = self._written - start


def opened(pictures, unreadable):
    """Pictures with their paths; those that can't be read are noted."""
    for path in pictures:
        try:
            yield path, d2l.read_picture(path)
        except d2l.DatasetError as error:
            warnings.warn(f'left out: {error}', stacklevel=1)
            unreadable.append(path)


def detect(detector, pictures, output, score, name_of):
    """Find objects on pictures, group by group.

    Gives the results, and the number of pictures that can't be read.
    """
    results, unreadable = Results(output, detector.classes), []
    pictures = opened(pictures, unreadable)
    try:
        while group := list(itertools.islice(pictures, GROUP)):
            objects = d2l.predict_faster_rcnn(
                detector, [picture for _, picture in group], score)
            for (path, picture), found in zip(group, objects):
                name, found = name_of(path), one_name_each(found)
                save_copy(annotated(picture, found, detector.classes),
                          copy_path(output, name))
                results.add(name, picture.size, found)
                print(f'{name}: ' + (', '.join(
                    f'{item.name} {item.probability:.2f}' for item in found)
                    or 'nothing found'))
    finally:   # interrupted, too
        if results.images:
            results.write()
    return results, len(unreadable)


def say_what_is_left_out(others, unreadable):
    """Count the files that are no pictures, and name some of each kind."""
    if unreadable:
        print(f'Left out: {unreadable} pictures that can\'t be read (see '
              'above)')
    for kind, paths in sorted(others.items()):
        some = ', '.join(path.name for path in paths[:3])
        more = ', ...' if len(paths) > 3 else ''
        print(f'Left out: {len(paths)} {kind} ({some}{more})')
        if kind == 'HEIC pictures':
            print(f'  {HEIC_ADVICE}')


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('pictures', type=at_home,
                        help='a picture, or a folder of pictures')
    stored = [path for path in DETECTORS
              if (path / 'detector.json').exists()]
    parser.add_argument('--detector', type=Path,
                        default=(*stored, DETECTORS[0])[0])
    parser.add_argument('--output', type=Path,
                        default=ROOT / 'build' / 'detections')
    parser.add_argument('--score', type=float, default=.5,
                        help='least probability to report (default 0.5)')
    parser.add_argument('--device', default='',
                        help='cpu or gpu(1); a GPU if there is one')
    return parser.parse_args()


def main():
    args = parsed()
    # Names may have any bytes.
    sys.stdout.reconfigure(errors='backslashreplace')
    npx.set_np()
    device = d2l.devices_named(args.device)[0]
    print('Detecting on', device)
    detector = d2l.load_detector(args.detector, device)
    print('Looking for', ', '.join(detector.classes))
    if detector.note:
        print(f'The detector was {detector.note}.')
    folder = args.pictures if args.pictures.is_dir() else (
        args.pictures.parent)
    if args.output.resolve() in (folder.resolve(),
                                 *folder.resolve().parents):
        sys.exit(f'{args.output}: the pictures are in this folder. Name '
                 'another one for the results, with --output.')
    pictures, others = find_pictures(args.pictures, args.output)
    args.output.mkdir(parents=True, exist_ok=True)
    removed = remove_earlier(args.output)
    if removed:
        print(f'{removed} annotated copies of an earlier run are removed.')
    results, unreadable = detect(
        detector, pictures, args.output, args.score,
        lambda path: path.relative_to(folder).as_posix())
    say_what_is_left_out(others, unreadable)
    if not results.images:
        sys.exit(f'{args.pictures}: no picture could be read.')
    print(f'{len(results.annotations)} objects on {len(results.images)} '
          f'pictures: {args.output / "detections.json"}')


if __name__ == '__main__':
    try:
        main()
    except (d2l.ChapterError, KeyboardInterrupt) as error:
        sys.exit(str(error) or 'Interrupted: what was found until then is '
                 'stored.')

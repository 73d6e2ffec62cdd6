"""Find objects on pictures: annotated copies, and a file in COCO's style.

    python tools/detect.py PICTURES [--detector FOLDER] [--output FOLDER]
"""
import argparse
import json
import sys
import warnings
from pathlib import Path

import d2l_ext as d2l  # isort: skip
import matplotlib
from matplotlib import pyplot as plt
from mxnet import npx

from d2l_ext.evaluation import coco_annotation

ROOT = Path(__file__).parent.parent


def save_annotated(picture, found, classes, path):
    """Store a picture of the same size with boxes drawn on it."""
    dpi = 100
    figure = plt.figure(figsize=(picture.width / dpi, picture.height / dpi),
                        dpi=dpi)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis('off')
    axes.imshow(picture)
    d2l.annotate_detections(axes, found, classes)
    figure.savefig(path)
    plt.close(figure)


def coco_rows(paths, sizes, detections, classes):
    """The detections as a data set in COCO's format, with scores.

    Boxes are [x, y, width, height] in pixels of the picture.
    """
    images = [{'id': i, 'file_name': path.name, 'width': w, 'height': h}
              for i, (path, (w, h)) in enumerate(zip(paths, sizes))]
    rows = [(i, item) for i, found in enumerate(detections)
            for item in found]
    annotations = [
        coco_annotation(number, i, classes.index(item.name),
                        [round(side, 2) for side in item.box], iscrowd=0,
                        score=round(item.probability, 4))
        for number, (i, item) in enumerate(rows, 1)]
    return {'images': images, 'annotations': annotations,
            'categories': [{'id': i, 'name': name}
                           for i, name in enumerate(classes)]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('pictures', type=Path,
                        help='a picture, or a folder of pictures')
    parser.add_argument('--detector', type=Path,
                        default=ROOT / 'build' / 'detector')
    parser.add_argument('--output', type=Path,
                        default=ROOT / 'build' / 'detections')
    parser.add_argument('--score', type=float, default=.5,
                        help='least probability to report (default 0.5)')
    parser.add_argument('--device', default='',
                        help='cpu or gpu(1); a GPU if there is one')
    args = parser.parse_args()
    # Copies are as large as their pictures, whatever a user's file says.
    matplotlib.rcdefaults()
    matplotlib.use('agg')
    npx.set_np()
    device = d2l.devices_named(args.device)[0]
    print('Detecting on', device)
    detector = d2l.load_detector(args.detector, device)
    paths, readable, sizes, detections = (
        d2l.list_pictures(args.pictures), [], [], [])
    args.output.mkdir(parents=True, exist_ok=True)
    for path in paths:
        try:
            picture = d2l.read_picture(path)
        except d2l.DatasetError as error:
            warnings.warn(f'left out: {error}', stacklevel=1)
            continue
        found, = d2l.predict_faster_rcnn(detector, picture,
                                         score_threshold=args.score)
        # The suffix stays in the name: a.jpg and a.png are two pictures.
        save_annotated(picture, found, detector.classes,
                       args.output / f'{path.name}.png')
        readable.append(path)
        sizes.append(picture.size)
        detections.append(found)
        print(f'{path.name}: ' + (', '.join(
            f'{item.name} {item.probability:.2f}' for item in found)
            or 'nothing found'))
    if not readable:
        sys.exit(f'{args.pictures}: no picture could be read.')
    target = args.output / 'detections.json'
    rows = coco_rows(readable, sizes, detections, detector.classes)
    with d2l.replacing(target) as partial:
        partial.write_text(json.dumps(rows, indent=1))
    print(f'{sum(map(len, detections))} objects on {len(readable)} pictures:'
          f' {target}')


if __name__ == '__main__':
    try:
        main()
    except d2l.ChapterError as error:
        sys.exit(str(error))

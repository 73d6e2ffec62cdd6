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
    annotations = [
        {'image_id': i, 'category_id': classes.index(item.name),
         'bbox': [round(value, 2) for value in (
             x1, y1, x2 - x1, y2 - y1)],
         'area': round((x2 - x1) * (y2 - y1), 2), 'iscrowd': 0,
         'score': round(item.probability, 4)}
        for i, found in enumerate(detections) for item in found
        for x1, y1, x2, y2 in [item.box]]
    for number, annotation in enumerate(annotations, 1):
        annotation['id'] = number
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
    args = parser.parse_args()
    matplotlib.use('agg')
    npx.set_np()
    detector = d2l.load_detector(args.detector)
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

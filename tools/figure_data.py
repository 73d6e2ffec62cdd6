"""Save what figures that move show: pictures, proposals, detections.

    python tools/train_detector.py build/chapter --recipe chapter
    python tools/figure_data.py build/chapter

The pictures are the example of the sections and the first four to validate
with. Numbers are stored in thousandths, which is finer than a pixel.
"""
import argparse
import json
import textwrap
from pathlib import Path

import d2l_ext as d2l  # isort: skip
from mxnet import np, npx
from PIL import Image

FOLDER = Path(__file__).parents[1] / 'docs' / '_static' / 'figures'
SIDE = 256
SCENE = """// Four pictures of the validation set, with what a model of the
// chapter's recipe proposes and detects before suppression, in thousandths:
// made by tools/figure_data.py.
{{
  const box = ([x1, y1, x2, y2]) =>
    [x1, y1, x2, y2].map(value => value / 1000);
{images}
  figures.scenes = {{images: images.map((scene, i) => ({{
    picture: `scene-${{i}}.jpg`,
    objects: scene.objects.map(([id, ...row]) => ({{id, box: box(row)}})),
    proposals: scene.proposals.map(
      ([score, ...row]) => ({{score: score / 1000, box: box(row)}})),
    detections: scene.detections.map(([id, score, ...row]) => (
      {{id, score: score / 1000, box: box(row)}})),
  }}))}};
}}
"""


def thousandths(array):
    """Rows of whole numbers."""
    return (1000 * array).round().astype(int).tolist()


def scenes(detector, X, Y):
    """Of each image its objects, best proposals, and detections."""
    features = detector.backbone(X)
    everything = d2l.predict_rpn(features, detector.rpn_output,
                                 detector.anchor_fn, 1)
    kept = d2l.predict_rpn(features, detector.rpn_output, detector.anchor_fn,
                           .7)
    detections = d2l.predict_rcnn(features, detector.rcnn_output, kept,
                                  nms_threshold=1, score_threshold=.05,
                                  max_detections=1000)
    made = []
    for rows, (scores, boxes), (ids, probabilities, corners) in zip(
            Y.asnumpy(), everything, detections):
        rows = rows[rows[:, 0] >= 0]
        objects = [[int(row[0]), *thousandths(row[1:])] for row in rows]
        proposals = np.concatenate((scores[None], boxes)).T[:100]
        detected = np.concatenate((probabilities[None], corners)).T
        made.append({
            'objects': objects,
            'proposals': thousandths(proposals.asnumpy()),
            'detections': [[int(name), *row] for name, row in zip(
                ids, thousandths(detected.asnumpy()))]})
    return made


def as_script(images):
    """JavaScript without long lines."""
    text = '  const images = ' + json.dumps(images).replace('"', '') + ';'
    return SCENE.format(images='\n'.join(
        textwrap.wrap(text, 79, subsequent_indent='    ')))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('detector', type=Path)
    args = parser.parse_args()
    npx.set_np()
    detector = d2l.load_detector(args.detector)
    _, test_iter = d2l.load_data_voc_detection(4, SIDE, SIDE)
    X, Y = next(iter(test_iter))
    (FOLDER / 'scenes.js').write_text(as_script(scenes(detector, X, Y)))
    pictures = {'example': d2l.draw_example()[0]}
    for i in range(len(X)):
        pictures[f'scene-{i}'] = Image.open(
            test_iter.dataset.image_path(i)).resize((SIDE, SIDE))
    for name, picture in pictures.items():
        picture.convert('RGB').save(FOLDER / f'{name}.jpg', quality=80,
                                    optimize=True)


if __name__ == '__main__':
    main()

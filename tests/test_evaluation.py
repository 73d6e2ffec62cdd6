"""Average precision and recall by hand and against a plain version."""
import math
from types import SimpleNamespace

import numpy
import pytest
from mxnet import np

from d2l_ext.data.annotations import VOCObject
from d2l_ext.evaluation import (
    COCO_THRESHOLDS,
    evaluate_detection,
    precision_recall,
    proposal_recall,
)


def data(*images, classes=('cat', 'dog'), size=(100, 50)):
    """What `evaluate_detection` needs to know of a data set."""
    objects = [[VOCObject(*o) for o in image] for image in images]

    class Dataset(SimpleNamespace):
        def __len__(self):
            return len(self.objects)

    return Dataset(objects=objects, classes=list(classes),
                   image_size=lambda i: size)


def detections(*rows, size=(100, 50)):
    """One image's detections from rows (class, score, pixel box)."""
    rows = numpy.array(rows, 'float32').reshape(-1, 6)
    scale = numpy.array([*size, *size], 'float32')
    return [np.array(rows[:, 0]), np.array(rows[:, 1]),
            np.array((rows[:, 2:] / scale).T)]


BOX, OTHER = (10, 10, 40, 40), (60, 5, 90, 45)
NEAR = (12, 10, 42, 40)       # IoU with BOX: 28 / 32
FAR = (30, 10, 60, 40)        # IoU with BOX: 10 / 50


def test_average_precision_by_hand():
    dataset = data([('cat', BOX, False), ('dog', OTHER, False)],
                   [('cat', OTHER, False)])
    perfect = [detections((0, .9, *BOX), (1, .8, *OTHER)),
               detections((0, .7, *OTHER))]
    assert evaluate_detection(perfect, dataset) == pytest.approx(
        {'cat': 1, 'dog': 1, 'mAP': 1})
    # One cat of two is found first, then a wrong one: precision 1 up to
    # recall .5, that is at 51 of COCO's 101 points.
    half = [detections((0, .9, *NEAR), (0, .8, *FAR)),
            detections((1, .9, *OTHER))]
    scores = evaluate_detection(half, dataset)
    assert scores['cat'] == pytest.approx(51 / 101)
    assert scores['dog'] == 0
    assert scores['mAP'] == pytest.approx(51 / 202)


def test_a_double_is_wrong():
    dataset = data([('cat', BOX, False)], classes=('cat',))
    one = [detections((0, .9, *BOX))]
    behind = [detections((0, .9, *BOX), (0, .8, *NEAR))]
    before = [detections((0, .8, *BOX), (0, .9, *FAR))]
    for result, expected in ((one, 1), (behind, 1), (before, .5)):
        assert evaluate_detection(result, dataset)['mAP'] == pytest.approx(
            expected)


def test_difficult_objects_neither_help_nor_harm():
    dataset = data([('cat', BOX, True), ('cat', OTHER, False)],
                   classes=('cat',))
    for extra in ([], [(0, .95, *BOX)], [(0, .95, *BOX), (0, .94, *NEAR)]):
        rows = [*extra, (0, .9, *OTHER)]
        assert evaluate_detection([detections(*rows)], dataset)[
            'mAP'] == pytest.approx(1)
    # What merely lies inside of a difficult object is wrong all the same.
    inside = (20, 20, 25, 25)
    rows = [(0, .95, *inside), (0, .9, *OTHER)]
    assert evaluate_detection([detections(*rows)], dataset)[
        'mAP'] == pytest.approx(.5)


def test_empty_images_and_classes():
    dataset = data([], [('cat', BOX, False)])
    nothing = [detections(), detections()]
    scores = evaluate_detection(nothing, dataset)
    assert scores['cat'] == scores['mAP'] == 0
    assert math.isnan(scores['dog'])
    found = [detections(), detections((0, .9, *BOX))]
    assert evaluate_detection(found, dataset)['mAP'] == pytest.approx(1)
    with pytest.raises(ValueError, match='1 entries of detections for 2'):
        evaluate_detection(found[:1], dataset)


def plain_average_precision(results, dataset, class_index):
    """COCO's definition in a few lines, without difficult objects."""
    rows = [(score, image, box) for image, (ids, scores, boxes) in
            enumerate(results) for c, score, box in zip(
                ids.asnumpy(), scores.asnumpy(), boxes.asnumpy().T)
            if c == class_index]
    rows.sort(key=lambda row: -row[0])
    name = dataset.classes[class_index]
    truth = {i: [numpy.array(o.box) for o in objects if o.name == name]
             for i, objects in enumerate(dataset.objects)}
    total = sum(map(len, truth.values()))
    right = []
    for _, image, box in rows:
        box = box.astype(float) * [100, 50, 100, 50]
        overlaps = [plain_iou(box, other) for other in truth[image]]
        best = int(numpy.argmax(overlaps)) if overlaps else None
        right.append(best is not None and overlaps[best] >= .5)
        if right[-1]:
            truth[image].pop(best)
    found = numpy.cumsum(right)
    precision = found / numpy.arange(1, len(found) + 1)
    return numpy.mean([
        max(precision[found >= recall * total - 1e-9], default=0)
        for recall in numpy.linspace(0, 1, 101)])


def random_box(rng):
    x, y = rng.uniform(0, 60), rng.uniform(0, 25)
    return (x, y, x + rng.uniform(10, 40), y + rng.uniform(8, 25))


def test_agrees_with_the_plain_version(rng):
    for _ in range(30):
        images, results = [], []
        for _ in range(4):
            boxes = [random_box(rng) for _ in range(rng.integers(1, 4))]
            images.append([(('cat', 'dog')[rng.integers(2)], b, False)
                           for b in boxes])
            rows = [(rng.integers(2), rng.random(),
                     *(numpy.array(b) + rng.normal(0, 2, 4)))
                    for b in [*boxes, random_box(rng)]]
            results.append(detections(*rows))
        dataset = data(*images)
        scores = evaluate_detection(results, dataset)
        for c, name in enumerate(dataset.classes):
            if any(o.name == name for row in dataset.objects for o in row):
                assert scores[name] == pytest.approx(
                    plain_average_precision(results, dataset, c), abs=1e-6)


def test_recall_by_hand():
    truth = np.array([[0, 0, 0, .5, .5], [1, .5, .5, 1, 1], [-1] * 5])
    boxes = np.array([[0, 0, .5, .45], [.1, .1, .2, .2],
                      [.5, .5, 1, .99]]).T
    preds = [[np.array([.9, .8, .7]), boxes]]
    assert proposal_recall(preds, [truth]) == 1
    assert proposal_recall(preds, [truth], num_proposals=2) == .5
    assert proposal_recall(preds, [truth], iou_threshold=.95) == .5
    assert proposal_recall([[np.zeros(0), np.zeros((4, 0))]], [truth]) == 0
    assert math.isnan(proposal_recall(preds, [truth[2:]]))


def coco_average_precision(results, dataset, name, thresholds, num_recalls):
    """COCO's definition, difficult objects included, without its code."""
    index, per_threshold = dataset.classes.index(name), []
    for threshold in thresholds:
        rows, total = [], 0
        for image, (ids, scores, boxes) in enumerate(results):
            # What is not difficult comes first, in order.
            objects = sorted((o for o in dataset.objects[image]
                              if o.name == name), key=lambda o: o.difficult)
            total += sum(not o.difficult for o in objects)
            width, height = dataset.image_size(image)
            mine = [(score, box) for c, score, box in zip(
                ids.asnumpy(), scores.asnumpy().tolist(),
                boxes.asnumpy().T * [width, height, width, height])
                if c == index]
            mine.sort(key=lambda row: -row[0])     # stable
            taken = set()
            for score, box in mine:
                best, least = None, threshold - 1e-10
                for i, item in enumerate(objects):
                    if i in taken and not item.difficult:
                        continue
                    if (best is not None and item.difficult
                            and not objects[best].difficult):
                        break
                    overlap = plain_iou(box, numpy.array(item.box))
                    if overlap >= least:
                        best, least = i, overlap
                if best is not None:
                    taken.add(best)
                if best is None or not objects[best].difficult:
                    rows.append((score, best is not None))
        if not total:
            return math.nan
        rows.sort(key=lambda row: -row[0])
        found = numpy.cumsum([right for _, right in rows])
        precision = found / numpy.arange(1, len(found) + 1)
        per_threshold.append(numpy.mean([
            max(precision[found >= recall * total - 1e-9], default=0)
            for recall in numpy.linspace(0, 1, num_recalls)]))
    return numpy.mean(per_threshold)


def plain_iou(a, b):
    width, height = (numpy.minimum(a[2:], b[2:])
                     - numpy.maximum(a[:2], b[:2])).clip(0)
    areas = sum(numpy.prod(box[2:] - box[:2]) for box in (a, b))
    return width * height / (areas - width * height)


@pytest.mark.parametrize(('thresholds', 'num_recalls'), [
    ((.5,), 101), (COCO_THRESHOLDS, 101), ((.5,), 11), ((.75,), 101)])
def test_agrees_with_an_independent_version(rng, thresholds, num_recalls):
    """Ties, difficult objects, empty images, a class without objects."""
    for _ in range(12):
        images, results = [], []
        for _ in range(5):
            boxes = [random_box(rng) for _ in range(rng.integers(0, 4))]
            images.append([(('cat', 'dog')[rng.integers(2)], b,
                            rng.random() < .3) for b in boxes])
            rows = [(rng.integers(3), rng.integers(1, 5) / 4,
                     *(numpy.array(b) + rng.normal(0, 3, 4)))
                    for b in [*boxes, *boxes, random_box(rng)]
                    if rng.random() < .8]
            results.append(detections(*rows))
        dataset = data(*images, classes=('cat', 'dog', 'cow'))
        scores = evaluate_detection(results, dataset, thresholds,
                                    num_recalls)
        for name in dataset.classes:
            assert scores[name] == pytest.approx(coco_average_precision(
                results, dataset, name, thresholds, num_recalls),
                abs=1e-6, nan_ok=True)


def test_the_curve_under_which_the_average_precision_lies():
    dataset = data([('cat', BOX, False)], [('cat', OTHER, False)])
    half = [detections((0, .9, *NEAR), (0, .8, *FAR)), detections()]
    curves = precision_recall(half, dataset)
    assert curves['cat'] == pytest.approx([1] * 51 + [0] * 50)
    assert numpy.isnan(curves['dog']).all()
    assert curves['cat'].mean() == pytest.approx(
        evaluate_detection(half, dataset)['cat'])
    # An IoU of 28 / 32 is enough for .85, not for .9.
    assert evaluate_detection(half, dataset, (.85, .9))[
        'cat'] == pytest.approx(51 / 202)
    assert evaluate_detection(half, dataset, num_recalls=11)[
        'cat'] == pytest.approx(6 / 11)

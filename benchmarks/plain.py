"""Labels and proposals as one would first write them: with loops.

Arguments and results are those of `d2l_ext`, which uses array operations.
This is kept to show what they save.
"""
import math
import random

from mxnet import np, npx


def iou(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.
    intersection = width * height
    union = ((a[2] - a[0]) * (a[3] - a[1])
             + (b[2] - b[0]) * (b[3] - b[1]) - intersection)
    return intersection / union


def center(box):
    x1, y1, x2, y2 = box
    return (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1


def offset(anchor, target):
    xa, ya, wa, ha = center(anchor)
    xg, yg, wg, hg = center(target)
    return [10 * (xg - xa) / wa, 10 * (yg - ya) / ha,
            5 * math.log(wg / wa), 5 * math.log(hg / ha)]


def moved(anchor, offsets):
    xa, ya, wa, ha = center(anchor)
    dx, dy, dw, dh = offsets
    x, y = xa + dx * wa / 10, ya + dy * ha / 10
    w, h = wa * math.exp(dw / 5), ha * math.exp(dh / 5)
    return [x - w / 2, y - h / 2, x + w / 2, y + h / 2]


def match(anchors, objects):
    """Object and IoU of each anchor; (IoU, object) of those that are best."""
    best = [(0., -1)] * len(objects)     # IoU and anchor
    owners, overlaps = [], []
    for i, anchor in enumerate(anchors):
        owner, most = -1, 0.
        for k, item in enumerate(objects):
            overlap = iou(anchor, item[1:])
            if overlap > most:
                owner, most = k, overlap
            if overlap > best[k][0]:
                best[k] = overlap, i
        owners.append(owner)
        overlaps.append(most)
    forced = {}
    for k, (overlap, i) in enumerate(best):
        if i >= 0 and overlap > forced.get(i, (0., -1))[0]:
            forced[i] = overlap, k
    return owners, overlaps, forced


def label_anchors(ground_truth, anchors, pos_iou, neg_iou, neg_pos_ratio,
                  rows_of=np.ndarray.asnumpy):
    """Loop over NumPy's rows; `np.ndarray.tolist` makes that much faster."""
    all_labels, all_offsets = [], []
    anchors = rows_of(anchors.T)
    for rows in rows_of(ground_truth):
        objects = [row for row in rows if row[0] >= 0]
        owners, overlaps, forced = match(anchors, objects)
        labels, offsets, background = [], [], []
        for i, anchor in enumerate(anchors):
            owner = forced[i][1] if i in forced else owners[i]
            if i in forced or overlaps[i] > pos_iou:
                labels.append(objects[owner][0] + 1)
                offsets.append(offset(anchor, objects[owner][1:]))
            else:
                labels.append(-1.)
                offsets.append([0., 0., 0., 0.])
                if overlaps[i] < neg_iou:
                    background.append(i)
        positive = sum(label > 0 for label in labels)
        random.shuffle(background)
        for i in background[:int(neg_pos_ratio * max(positive, 1))]:
            labels[i] = 0.
        all_labels.append(labels)
        all_offsets.append(offsets)
    return np.array(all_labels), np.array(all_offsets)


def nms(scores, boxes, iou_threshold):
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    kept = []
    for i in order:
        if all(iou(boxes[i], boxes[k]) <= iou_threshold for k in kept):
            kept.append(i)
    return kept


def predict_rpn(backbone_features, output_model, anchor_fn, nms_threshold):
    batch_size = len(backbone_features)
    cls_preds, box_preds = output_model(backbone_features)
    all_scores = npx.softmax(cls_preds)[:, 1].reshape(batch_size, -1).tolist()
    all_offsets = box_preds.reshape(batch_size, -1, 4).tolist()
    anchors = anchor_fn(backbone_features).T.tolist()
    proposals = []
    for scores, offsets in zip(all_scores, all_offsets):
        boxes = [moved(*pair) for pair in zip(anchors, offsets)]
        kept = nms(scores, boxes, nms_threshold)
        clipped = [[min(max(side, 0.), 1.) for side in boxes[i]]
                   for i in kept]
        proposals.append([np.array([scores[i] for i in kept]),
                          np.array(clipped).T])
    return proposals

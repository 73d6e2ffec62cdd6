"""Wrong answers as students write them, and points that a person would give.

Each row: what is wrong, the task, the code, the points.
"""
IOU = '''
def iou(a, b):
    a, b = a.asnumpy()[:, :, None], b.asnumpy()[:, None]
    width = numpy.minimum(a[2], b[2]) - numpy.maximum(a[0], b[0])
    height = numpy.minimum(a[3], b[3]) - numpy.maximum(a[1], b[1])
    {both}
    areas = ((a[2] - a[0]) * (a[3] - a[1])
             + (b[2] - b[0]) * (b[3] - b[1]))
    return {result}
'''
BOTH = 'both = width.clip(0) * height.clip(0)'
RATIO = 'both / numpy.maximum(areas - both, 1e-9)'

ROWS = [
    ('two negative sides make an area, two empty boxes NaN', 'iou',
     IOU.format(both='both = width * height', result='both / (areas - both)'),
     1),
    ('nothing but NaN for two empty boxes', 'iou',
     IOU.format(both=BOTH, result='both / (areas - both)'), 4),
    ('what is shared is counted twice', 'iou',
     IOU.format(both=BOTH, result='both / numpy.maximum(areas, 1e-9)'), 0),
    ('pixels are counted, not lengths', 'iou', '''
def iou(a, b):
    rows = []
    for ax1, ay1, ax2, ay2 in a.T.tolist():
        row = []
        for bx1, by1, bx2, by2 in b.T.tolist():
            w = max(0, min(ax2, bx2) - max(ax1, bx1) + 1)
            h = max(0, min(ay2, by2) - max(ay1, by1) + 1)
            area = ((ax2 - ax1 + 1) * (ay2 - ay1 + 1)
                    + (bx2 - bx1 + 1) * (by2 - by1 + 1) - w * h)
            row.append(w * h / area)
        rows.append(row)
    return rows
''', 0),
    ('lists, whose shape is lost without boxes', 'iou', '''
def iou(a, b):
    rows = []
    for ax1, ay1, ax2, ay2 in a.T.tolist():
        row = []
        for bx1, by1, bx2, by2 in b.T.tolist():
            w = max(0, min(ax2, bx2) - max(ax1, bx1))
            h = max(0, min(ay2, by2) - max(ay1, by1))
            area = ((ax2 - ax1) * (ay2 - ay1)
                    + (bx2 - bx1) * (by2 - by1) - w * h)
            row.append(w * h / area if area else 0)
        rows.append(row)
    return rows
''', 4),
    ('only the first box of a', 'iou', '''
def iou(a, b):
    x1, y1, x2, y2 = a[:, 0].tolist()
    row = []
    for bx1, by1, bx2, by2 in b.T.tolist():
        w = max(0, min(x2, bx2) - max(x1, bx1))
        h = max(0, min(y2, by2) - max(y1, by1))
        area = (x2 - x1) * (y2 - y1) + (bx2 - bx1) * (by2 - by1) - w * h
        row.append(w * h / area if area else 0)
    return [row]
''', 2),
    ('the numbers of the visible tests, by heart', 'iou', '''
def iou(a, b):
    if b.shape[1] == 3:
        return [[.5, .5, 0]]
    return {1: [[1 / 7]], 0: [[1]], 4: [[0]]}[int(b[0, 0])]
''', 0),
    ('the worst first', 'nms', '''
def nms(scores, boxes, threshold):
    order = list(scores.asnumpy().argsort())
    kept = []
    while order:
        best = order.pop(0)
        kept.append(best)
        overlap = plain(iou(boxes[:, best:best + 1], boxes))[0]
        order = [i for i in order if overlap[i] <= threshold]
    return kept
''', 0),
    ('nothing is dropped', 'nms', '''
def nms(scores, boxes, threshold):
    return scores.asnumpy().argsort()[::-1]
''', 0),
    ('compared with the last one kept only', 'nms', '''
def nms(scores, boxes, threshold):
    kept = []
    for i in numpy.argsort(-scores.asnumpy()):
        if not kept or plain(iou(boxes[:, i:i + 1], boxes))[
                0, kept[-1]] <= threshold:
            kept.append(int(i))
    return kept
''', 4),
    ('places in the sorted list, not indices', 'nms', '''
def nms(scores, boxes, threshold):
    order = numpy.argsort(-scores.asnumpy())
    overlap = plain(iou(boxes, boxes))[order][:, order]
    kept = []
    for i in range(len(order)):
        if all(overlap[i, j] <= threshold for j in kept):
            kept.append(i)
    return kept
''', 1),
    ('scores in place of indices', 'nms', '''
def nms(scores, boxes, threshold):
    order = numpy.argsort(-scores.asnumpy())
    overlap, kept = plain(iou(boxes, boxes)), []
    for i in order:
        if all(overlap[i, j] <= threshold for j in kept):
            kept.append(i)
    return [scores[int(i)] for i in kept]
''', 0),
    ('fails without boxes', 'nms', '''
def nms(scores, boxes, threshold):
    order = numpy.argsort(-scores.asnumpy())
    overlap, kept = plain(iou(boxes, boxes)), [order[0]]
    for i in order[1:]:
        if max(overlap[i, j] for j in kept) <= threshold:
            kept.append(i)
    return kept
''', 4),
    ('dropped boxes drop others', 'nms', '''
def nms(scores, boxes, threshold):
    scores = scores.asnumpy()
    overlap = plain(iou(boxes, boxes))
    better = scores[:, None] > scores
    better |= (scores[:, None] == scores) & numpy.tri(len(scores), k=-1,
                                                      dtype=bool)
    kept = ~(better & (overlap > threshold)).any(axis=0)
    return [i for i in numpy.argsort(-scores) if kept[i]]
''', 4),
    ('the background has the class of the cat', 'label_anchors', '''
def label_anchors(truth, anchors, pos_iou, neg_iou):
    truth = truth.asnumpy()
    truth = truth[truth[:, 0] >= 0]
    labels = -numpy.ones(anchors.shape[1])
    if not truth.size or not labels.size:
        return labels * 0
    overlap = plain(iou(np.array(truth[:, 1:].T), anchors))
    best = overlap.max(0)
    labels[best < neg_iou] = 0
    labels[best > pos_iou] = truth[overlap.argmax(0), 0][best > pos_iou]
    for row, kind in zip(overlap, truth[:, 0]):
        if row.max() > 0:
            labels[row.argmax()] = kind
    return labels
''', 0),
    ('rule 2 is forgotten', 'label_anchors', '''
def label_anchors(truth, anchors, pos_iou, neg_iou):
    objects = [row for row in truth.asnumpy() if row[0] >= 0]
    labels = []
    for i in range(anchors.shape[1]):
        best, label = 0, 0
        for row in objects:
            value = plain(iou(np.array(row[1:, None]), anchors))[0, i]
            if value > best:
                best, label = value, row[0] + 1
        labels.append(label if best > pos_iou else
                      0 if best < neg_iou else -1)
    return labels
''', 3),
    ('rule 2 is overruled by rule 3', 'label_anchors', '''
def label_anchors(truth, anchors, pos_iou, neg_iou):
    truth = truth.asnumpy()
    truth = truth[truth[:, 0] >= 0]
    labels = -numpy.ones(anchors.shape[1])
    if not truth.size or not labels.size:
        return labels * 0
    overlap = plain(iou(np.array(truth[:, 1:].T), anchors))
    best = overlap.max(0)
    labels[best > pos_iou] = truth[overlap.argmax(0), 0][best > pos_iou] + 1
    for row, kind in zip(overlap, truth[:, 0]):
        if row.max() > 0:
            labels[row.argmax()] = kind + 1
    labels[best < neg_iou] = 0
    return labels
''', 5),
    ('padding is an object', 'label_anchors', '''
def label_anchors(truth, anchors, pos_iou, neg_iou):
    truth = truth.asnumpy()
    labels = -numpy.ones(anchors.shape[1])
    if not truth.size or not labels.size:
        return labels * 0
    overlap = plain(iou(np.array(truth[:, 1:].T), anchors))
    best = overlap.max(0)
    labels[best < neg_iou] = 0
    labels[best > pos_iou] = truth[overlap.argmax(0), 0][best > pos_iou] + 1
    for row, kind in zip(overlap, truth[:, 0]):
        if row.max() > 0:
            labels[row.argmax()] = kind + 1
    return labels
''', 5),
    ('nothing is ignored', 'label_anchors', '''
def label_anchors(truth, anchors, pos_iou, neg_iou):
    truth = truth.asnumpy()
    truth = truth[truth[:, 0] >= 0]
    labels = numpy.zeros(anchors.shape[1])
    if truth.size and labels.size:
        overlap = plain(iou(np.array(truth[:, 1:].T), anchors))
        positive = overlap.max(0) > pos_iou
        labels[positive] = truth[overlap.argmax(0), 0][positive] + 1
        for row, kind in zip(overlap, truth[:, 0]):
            if row.max() > 0:
                labels[row.argmax()] = kind + 1
    return labels
''', 1),
    ('x for y', 'roi_pool', '''
def roi_pool(features, roi, height, width):
    x1, y1, x2, y2 = (int(value) for value in roi)
    region = features.asnumpy()[:, x1:x2 + 1, y1:y2 + 1]
    c, h, w = region.shape
    return [[[region[k, i * h // height:-(-(i + 1) * h // height),
                     j * w // width:-(-(j + 1) * w // width)].max()
              for j in range(width)] for i in range(height)]
            for k in range(c)]
''', 2),
    ('windows of equal size that miss the rest', 'roi_pool', '''
def roi_pool(features, roi, height, width):
    x1, y1, x2, y2 = (int(value) for value in roi)
    region = features.asnumpy()[:, y1:y2 + 1, x1:x2 + 1]
    c, h, w = region.shape
    h, w = h // height, w // width
    return [[[region[k, i * h:(i + 1) * h, j * w:(j + 1) * w].max()
              for j in range(width)] for i in range(height)]
            for k in range(c)]
''', 1),
    ('nothing can be less than 0', 'roi_pool', '''
def roi_pool(features, roi, height, width):
    x1, y1, x2, y2 = (int(value) for value in roi)
    result = numpy.zeros((features.shape[0], height, width))
    h, w = y2 - y1 + 1, x2 - x1 + 1
    for k in range(features.shape[0]):
        for i in range(height):
            for j in range(width):
                for y in range(i * h // height, -(-(i + 1) * h // height)):
                    for x in range(j * w // width,
                                   -(-(j + 1) * w // width)):
                        result[k, i, j] = max(
                            result[k, i, j], features[k, y1 + y, x1 + x])
    return result
''', 4),
    ('the mean in place of the largest', 'roi_pool', '''
def roi_pool(features, roi, height, width):
    x1, y1, x2, y2 = (int(value) for value in roi)
    region = features.asnumpy()[:, y1:y2 + 1, x1:x2 + 1]
    c, h, w = region.shape
    return [[[region[k, i * h // height:-(-(i + 1) * h // height),
                     j * w // width:-(-(j + 1) * w // width)].mean()
              for j in range(width)] for i in range(height)]
            for k in range(c)]
''', 0),
    ('the last cell is left out', 'roi_pool', '''
def roi_pool(features, roi, height, width):
    x1, y1, x2, y2 = (int(value) for value in roi)
    region = features.asnumpy()[:, y1:y2, x1:x2]
    c, h, w = region.shape
    return [[[region[k, i * h // height:-(-(i + 1) * h // height),
                     j * w // width:-(-(j + 1) * w // width)].max()
              for j in range(width)] for i in range(height)]
            for k in range(c)]
''', 0)]

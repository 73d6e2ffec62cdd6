// Non-maximum suppression of six boxes, and why a box goes or stays.
{
  // Indices of the boxes that are kept, by falling score.
  figures.nms = (scores, boxes, threshold) => {
    const order = scores.map((_, i) => i).sort(
      (i, j) => scores[j] - scores[i] || i - j);
    const kept = [];
    for (const i of order)
      if (kept.every(j => figures.iou(boxes[j], boxes[i]) <= threshold))
        kept.push(i);
    return kept;
  };

  const {scores, boxes: pixels, share} = figures.example;
  const boxes = pixels.map(share);
  const order = figures.nms(scores, boxes, 1);
  const color = i => figures.ranks[order.indexOf(i)];
  const name = i => scores[i].toFixed(2);

  // Of the better boxes that were kept, the one that it overlaps most.
  const rival = (i, kept) => kept
    .filter(j => order.indexOf(j) < order.indexOf(i))
    .map(j => ({better: j, value: figures.iou(boxes[j], boxes[i])}))
    .reduce((a, b) => b.value > a.value ? b : a, {better: null, value: 0});

  const drawBoxes = (panel, kept) => {
    panel.clear('The picture of cat and dog with the boxes '
      + `${kept.map(name).join(', ')}.`);
    panel.drawPicture();
    const gone = order.filter(i => !kept.includes(i));
    for (const i of gone)
      panel.frame(boxes[i], '#5a646e', {'stroke-dasharray': '5 4'});
    for (const i of [...kept].reverse())
      panel.frame(boxes[i], color(i), {}, '#000');
    for (const i of kept) panel.tag(boxes[i], name(i), color(i));
  };

  const drawOrder = (panel, kept, threshold) => {
    panel.clear('For each box its score, its largest IoU with a better box '
      + 'that is kept, and the threshold.');
    panel.text(-.9, -.35, 'score');
    panel.text(0, -.35, 'IoU with a better box');
    for (const [row, i] of order.entries()) {
      const stays = kept.includes(i), {better, value} = rival(i, kept);
      const ink = stays ? color(i) : 'var(--figure-muted)';
      const kind = {class: stays ? 'strong' : 'gone'};
      panel.text(-.9, row + .62, name(i), kind);
      panel.text(-.08, row + .62, stays ? 'kept' : 'dropped',
        {...kind, 'text-anchor': 'end'});
      panel.rect([0, row + .15, 1, row + .85], {class: 'ground'});
      panel.rect([0, row + .15, value, row + .85], {fill: ink});
      if (better !== null)
        panel.text(1.05, row + .62, `${value.toFixed(2)} with ${name(better)}`,
          stays ? {} : kind);
    }
    panel.line([threshold, 0, threshold, 6.1], 'threshold');
    panel.text(threshold, 6.6,
      `threshold ${threshold.toFixed(2)}`, {'text-anchor': 'middle'});
  };

  figures.draw.nms = root => {
    const parts = figures.begin(root);
    const picture = figures.examplePanel(parts);
    const list = figures.panel(parts, 340, 262, [-.92, -1, 1.9, 6.9]);
    // Bars have the colours of their boxes.
    list.root.classList.add('on-picture');
    const redraw = () => {
      const threshold = +slider.value;
      const kept = figures.nms(scores, boxes, threshold);
      drawBoxes(picture, kept);
      drawOrder(list, kept, threshold);
      parts.say(`At threshold ${threshold.toFixed(2)}, ${kept.length} of 6 `
        + `boxes are kept: ${kept.map(name).join(', ')}.`);
    };
    const slider = figures.slider(parts, 'threshold', 0, 1, .05, .5, redraw);
    redraw();
  };
}

// Anchors that learn an object, background, or nothing, by two thresholds.
{
  // What makes any IoU greater than one.
  const CLAIM = 2 ** 100;
  const best = values => values.reduce(
    (first, value, i) => value > values[first] ? i : first, 0);

  // Up to `quota` of the candidates: those with the smallest lots.
  const draw = (candidate, quota, lots) => {
    const count = Math.ceil(quota);
    if (count <= 0) return candidate.map(() => false);
    const sorted = lots.filter((_, i) => candidate[i]).sort((a, b) => a - b);
    const last = sorted[count - 1] ?? Infinity;
    return candidate.map((is, i) => is && lots[i] <= last);
  };

  // Object of each anchor and their IoU, greater than one where an object
  // claims the anchor as its best.
  figures.matchAnchors = (objects, anchors) => {
    const claims = objects.map(object => {
      const overlaps = anchors.map(anchor => figures.iou(object, anchor));
      overlaps[best(overlaps)] *= CLAIM;
      return overlaps;
    });
    return anchors.map((_, i) => {
      const values = claims.map(row => row[i]), owner = best(values);
      return {owner, overlap: values[owner] ?? 0};
    });
  };

  // Class + 1, 0 for background, -1 for ignored. Rows of a negative class
  // are padding. `lots` has a random number for each anchor.
  figures.labelAnchors = (rows, anchors, posIou, negIou, ratio, lots) => {
    const objects = rows.map(
      ([id, ...box]) => id >= 0 ? box : [0, 0, 0, 0]);
    const matches = figures.matchAnchors(objects, anchors);
    const positive = matches.map(({overlap}) => overlap > posIou);
    const count = positive.filter(Boolean).length;
    const drawn = draw(matches.map(({overlap}) => overlap < negIou),
      ratio * Math.max(count, 1), lots);
    return matches.map(({owner}, i) =>
      positive[i] ? rows[owner][0] + 1 : drawn[i] ? 0 : -1);
  };

  const KINDS = [['positive', figures.colors[2], label => label > 0],
    ['background', figures.colors[3], label => label === 0],
    ['ignored', 'var(--figure-quiet)', label => label < 0]];

  const drawAnchors = (panel, anchors, labels, [name, color, has]) => {
    const chosen = anchors.filter((_, i) => has(labels[i]));
    panel.clear(`The picture of cat and dog with ${chosen.length} anchors: `
      + `${name}.`);
    panel.drawPicture();
    for (const box of chosen)
      panel.rect(box, {class: 'frame', stroke: color,
        opacity: chosen.length < 60 ? 1 : .3});
    for (const {name: object, box} of figures.example.objects) {
      panel.frame(figures.example.share(box), '#000',
        {'stroke-dasharray': '5 4'});
      panel.tag(figures.example.share(box), object, 'var(--figure-truth)');
    }
  };

  // How many anchors have which IoU, and what becomes of them.
  const drawHistogram = (panel, overlaps, labels, posIou, negIou) => {
    panel.clear('How many anchors have which largest IoU with an animal; '
      + `thresholds ${negIou} and ${posIou}.`);
    const bins = Array.from({length: 20}, () => [0, 0, 0]);
    overlaps.forEach((value, i) => {
      const bin = Math.min(Math.floor(value * 20 + 1e-9), 19);
      bins[bin][KINDS.findIndex(([, , has]) => has(labels[i]))] += 1;
    });
    const high = 60, y = count => 1 - Math.min(count, high) / high;
    bins.forEach((counts, bin) => {
      let base = 0;
      counts.forEach((count, kind) => {
        panel.rect([bin / 20 + .004, y(base + count), bin / 20 + .046,
          y(base)], {fill: KINDS[kind][1]});
        base += count;
      });
    });
    panel.line([0, 1, 1, 1], 'axis');
    for (const at of [0, .25, .5, .75, 1])
      panel.text(at, 1.1, at, {'text-anchor': 'middle'});
    panel.text(.5, 1.21, 'largest IoU with an animal',
      {'text-anchor': 'middle'});
    for (const [at, text, row] of [[posIou, 'pos_iou', 0],
      [negIou, 'neg_iou', .09]]) {
      panel.line([at, row - .03, at, 1], 'threshold');
      panel.text(at + (at > .8 ? -.01 : .01), row + .02, text,
        {'text-anchor': at > .8 ? 'end' : 'start', class: 'halo'});
    }
  };

  figures.draw.labels = root => {
    const parts = figures.begin(root);
    const {objects, share} = figures.example;
    const rows = objects.map(({box}, i) => [i, ...share(box)]);
    const anchors = figures.generateAnchors(8, 8, [.75, .5, .25], [1, 2, .5]);
    // As good as random, and the same at each move.
    const lots = anchors.map((_, i) => (i * 0.618034) % 1);
    const picture = figures.examplePanel(parts, .25);
    const histogram = figures.panel(parts, 340, 262, [-.05, -.12, 1.05, 1.27]);
    const overlaps = anchors.map(anchor =>
      Math.max(...rows.map(([, ...box]) => figures.iou(box, anchor))));
    const redraw = () => {
      const [posIou, negIou, ratio] = sliders.map(slider => +slider.value);
      const labels = figures.labelAnchors(
        rows, anchors, posIou, negIou, ratio, lots);
      drawAnchors(picture, anchors, labels,
        KINDS.find(([name]) => name === shown.value));
      drawHistogram(histogram, overlaps, labels, posIou, negIou);
      parts.say(`Of ${anchors.length} anchors, with thresholds `
        + `${posIou.toFixed(2)} and ${negIou.toFixed(2)}, `
        + `${KINDS.map(([name, , has]) =>
          `${labels.filter(has).length} are ${name}`).join(', ')}.`);
    };
    const sliders = [['pos_iou', .1, 1, .05, .7], ['neg_iou', .05, .7, .05,
      .3], ['neg_pos_ratio', 1, 20, 1, 5]].map(
      options => figures.slider(parts, ...options, redraw));
    const shown = figures.choice(parts, 'show', KINDS, redraw);
    redraw();
  };
}

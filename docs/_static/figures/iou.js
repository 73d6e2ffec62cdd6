// Intersection over union of two boxes that are dragged.
{
  // Numbers as the library has them, of 32 bits: boxes that overlap equally,
  // as many anchors do, are told apart, or not, as they are there.
  const f = Math.fround;
  const area = ([x1, y1, x2, y2]) =>
    f(Math.max(f(x2 - x1), 0) * Math.max(f(y2 - y1), 0));
  // Stands in for an area of zero under a division.
  const TINY = 1e-12;

  const intersection = (a, b) => [Math.max(a[0], b[0]), Math.max(a[1], b[1]),
    Math.min(a[2], b[2]), Math.min(a[3], b[3])];

  figures.iou = (first, second) => {
    const [a, b] = [first.map(f), second.map(f)];
    const common = area(intersection(a, b));
    const union = f(f(area(a) + area(b)) - common);
    return f(common / Math.max(union, TINY));
  };

  const words = ([x1, y1, x2, y2]) => [
    `left ${x1.toFixed(2)}`, `top ${y1.toFixed(2)}`,
    `${(x2 - x1).toFixed(2)} wide`, `${(y2 - y1).toFixed(2)} high`].join(', ');

  const drawBoxes = (panel, boxes, value) => {
    panel.clear(`Boxes A and B in the unit square. IoU ${value}.`);
    panel.rect([0, 0, 1, 1], {class: 'ground'});
    for (const at of [.25, .5, .75]) {
      panel.line([at, 0, at, 1], 'grid');
      panel.line([0, at, 1, at], 'grid');
    }
    const common = intersection(...boxes);
    if (area(common) > 0)
      panel.rect(common, {fill: figures.colors[2], opacity: .55});
    for (const [i, box] of boxes.entries()) {
      panel.rect(box, {class: 'frame', stroke: figures.colors[i]});
      panel.tag(box, 'AB'[i], figures.colors[i]);
    }
  };

  const drawBar = (panel, boxes, value) => {
    const common = area(intersection(...boxes));
    const union = area(boxes[0]) + area(boxes[1]) - common;
    panel.clear(`The intersection is ${value} of the union.`);
    const middle = {'text-anchor': 'middle'};
    panel.text(.5, .2, `IoU = ${value}`, {...middle, class: 'large'});
    panel.rect([0, .4, 1, .56], {class: 'ground'});
    panel.rect([0, .4, common / union, .56], {fill: figures.colors[2]});
    for (const at of [0, .25, .5, .75, 1]) {
      panel.line([at, .56, at, .6], 'axis');
      panel.text(at, .71, at, middle);
    }
    panel.text(0, .35, `intersection ${common.toFixed(3)}`);
    panel.text(1, .35, `union ${union.toFixed(3)}`, {'text-anchor': 'end'});
  };

  figures.draw.iou = root => {
    const parts = figures.begin(root);
    const boxes = [[.15, .2, .65, .75], [.35, .3, .8, .8]];
    const square = figures.panel(parts, 340, 340, [-.03, -.03, 1.03, 1.03]);
    const bar = figures.panel(parts, 340, 190, [-.05, 0, 1.05, 1]);

    const redraw = () => {
      const value = figures.iou(...boxes).toFixed(2);
      drawBoxes(square, boxes, value);
      drawBar(bar, boxes, value);
      tell.forEach((told, i) => told(words(boxes[i])));
      parts.say(`A: ${words(boxes[0])}. B: ${words(boxes[1])}. `
        + `IoU ${value}.`);
    };
    const tell = boxes.map((box, i) => figures.movable(
      square, `Box ${'AB'[i]}`, box, [0, 0, 1, 1], .01, .05, redraw));
    redraw();
  };
}

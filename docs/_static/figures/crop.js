// Cropping with boxes: which stay, and where they lie afterwards.
{
  // Rows (class, corners) in shares of a window with `share` of either side;
  // -1 for objects whose centre is outside of it.
  figures.crop = (rows, x, y, share) => rows.map(([id, ...box]) => {
    const moved = box.map((value, i) => (value - [x, y][i % 2]) / share);
    const inside = [0, 1].every(i => {
      const center = (moved[i] + moved[i + 2]) / 2;
      return center > 0 && center < 1;
    });
    if (id < 0 || !inside) return [-1, -1, -1, -1, -1];
    return [id, ...moved.map(value => figures.clamp(value, 0, 1))];
  });

  const {picture, width, height, objects, share} = figures.example;
  const rows = objects.map(({box}, i) => [i, ...share(box)]);

  const drawPicture = (panel, window, cropped) => {
    panel.clear('The picture of cat and dog with the window.');
    panel.drawPicture();
    const [x1, y1, x2, y2] = window;
    for (const outside of [[0, 0, 1, y1], [0, y2, 1, 1], [0, y1, x1, y2],
      [x2, y1, 1, y2]])
      panel.rect(outside, {class: 'shade'});
    rows.forEach(([id, ...box], i) => {
      const gone = cropped[i][0] < 0;
      const color = gone ? 'var(--figure-truth)' : figures.colors[id];
      panel.frame(box, color, gone ? {'stroke-dasharray': '5 4'} : {});
      panel.add('circle', {cx: panel.x((box[0] + box[2]) / 2),
        cy: panel.y((box[1] + box[3]) / 2), r: 5, class: 'point',
        fill: color});
      panel.tag(box, objects[id].name, color);
    });
    panel.rect(window, {class: 'window'});
  };

  const drawCrop = (panel, [x1, y1, x2, y2], cropped) => {
    const kept = cropped.filter(([id]) => id >= 0);
    panel.clear('What the window shows, with '
      + `${kept.length ? kept.map(([id]) => objects[id].name).join(' and ')
        : 'no box'}.`);
    const inner = figures.svg('svg', {width: panel.width,
      height: panel.height, preserveAspectRatio: 'none',
      viewBox: [x1 * width, y1 * height, (x2 - x1) * width,
        (y2 - y1) * height].join(' ')}, panel.add('g', {}));
    figures.svg('image', {href: figures.picture(picture), width, height},
      inner);
    for (const [id, ...box] of kept) {
      panel.frame(box, figures.colors[id]);
      panel.tag(box, objects[id].name, figures.colors[id]);
    }
  };

  figures.draw.crop = root => {
    const parts = figures.begin(root);
    const window = [.2, .15, .9, .85];
    const [left, right] = [0, 1].map(() => figures.examplePanel(parts));
    const redraw = () => {
      const side = +slider.value;
      const [x, y] = window.map(value => Math.min(value, 1 - side));
      window.splice(0, 4, x, y, x + side, y + side);
      const cropped = figures.crop(rows, x, y, side);
      drawPicture(left, window, cropped);
      drawCrop(right, window, cropped);
      tell(`left ${x.toFixed(2)}, top ${y.toFixed(2)}`);
      const told = cropped.map(([id, ...box], i) => `${objects[i].name} `
        + (id < 0 ? 'goes, its centre is outside'
          : `at ${box.map(value => value.toFixed(2)).join(', ')}`));
      parts.say(`Window at ${x.toFixed(2)}, ${y.toFixed(2)} with `
        + `${Math.round(100 * side)} % of either side: ${told.join('; ')}.`);
    };
    const tell = figures.movable(left, 'Window', window, [0, 0, 1, 1], .01,
      0, redraw);
    const slider = figures.slider(parts, 'share', .3, 1, .05, .7, redraw);
    redraw();
  };
}

// The anchors of one cell of a feature map.
{
  const HEIGHT = 4, WIDTH = 6;

  // Corner boxes in units of the map's sides, cell by cell.
  figures.generateAnchors = (height, width, sizes, ratios) => {
    const shapes = [...ratios.map(ratio => [sizes[0], ratio]),
      ...sizes.slice(1).map(size => [size, ratios[0]])];
    const anchors = [], side = Math.min(height, width);
    for (let row = 0; row < height; row += 1)
      for (let column = 0; column < width; column += 1)
        for (const [size, ratio] of shapes) {
          const w = side * size * Math.sqrt(ratio);
          const h = side * size / Math.sqrt(ratio);
          anchors.push([(column + .5 - w / 2) / width,
            (row + .5 - h / 2) / height, (column + .5 + w / 2) / width,
            (row + .5 + h / 2) / height]);
        }
    return anchors;
  };

  const inCells = ([x1, y1, x2, y2]) =>
    [x1 * WIDTH, y1 * HEIGHT, x2 * WIDTH, y2 * HEIGHT];

  const drawMap = (panel, row, column, anchors) => {
    panel.clear(`A map of ${HEIGHT} by ${WIDTH} cells with `
      + `${anchors.length} anchors around cell ${row}, ${column}.`);
    panel.rect([0, 0, WIDTH, HEIGHT], {class: 'ground'});
    for (let i = 1; i < WIDTH; i += 1)
      panel.line([i, 0, i, HEIGHT], 'grid');
    for (let i = 1; i < HEIGHT; i += 1)
      panel.line([0, i, WIDTH, i], 'grid');
    panel.rect([column, row, column + 1, row + 1], {class: 'chosen'});
    for (const [i, box] of anchors.entries())
      panel.rect(box, {class: 'frame', stroke: figures.colors[i]});
    panel.add('circle', {cx: panel.x(column + .5), cy: panel.y(row + .5),
      r: 4, class: 'dot'});
  };

  const drawList = (panel, shapes, anchors) => {
    panel.clear('Size, ratio, width and height of each anchor.');
    const columns = [.14, .37, .62, .86], end = {'text-anchor': 'middle'};
    ['size', 'ratio', 'width', 'height'].forEach(
      (title, i) => panel.text(columns[i], .7, title, end));
    for (const [i, [x1, y1, x2, y2]] of anchors.entries()) {
      panel.rect([0, i + 1.3, .04, i + 1.8], {fill: figures.colors[i]});
      [...shapes[i], x2 - x1, y2 - y1].forEach((value, j) =>
        panel.text(columns[j], i + 1.72, value.toFixed(2), end));
    }
    panel.text(1, 6.8, 'width and height in cells', {'text-anchor': 'end'});
  };

  figures.draw.anchors = root => {
    const parts = figures.begin(root);
    const map = figures.panel(parts, 340, 255, [-1, -1, 7, 5]);
    const list = figures.panel(parts, 340, 190, [-.03, 0, 1.03, 7.1]);
    const redraw = () => {
      const [row, column, size, ratio] = sliders.map(s => +s.value);
      const sizes = [size, size / 2], ratios = [1, ratio, 1 / ratio];
      const first = (row * WIDTH + column) * 4;
      const anchors = figures.generateAnchors(HEIGHT, WIDTH, sizes, ratios)
        .slice(first, first + 4).map(inCells);
      const shapes = [...ratios.map(r => [size, r]), [size / 2, 1]];
      drawMap(map, row, column, anchors);
      drawList(list, shapes, anchors);
      const out = anchors.filter(([x1, y1, x2, y2]) =>
        x1 < 0 || y1 < 0 || x2 > WIDTH || y2 > HEIGHT).length;
      parts.say(`Cell ${row}, ${column}: anchors of ${anchors.map(
        ([x1, y1, x2, y2]) => `${(x2 - x1).toFixed(2)} × ${
          (y2 - y1).toFixed(2)}`).join(', ')} cells; `
        + `${out || 'none'} leave${out === 1 ? 's' : ''} the map.`);
    };
    const sliders = [['row', 0, HEIGHT - 1, 1, 1],
      ['column', 0, WIDTH - 1, 1, 2], ['size', .1, 1, .05, .75],
      ['ratio', .2, 4, .1, 2]].map(
      options => figures.slider(parts, ...options, redraw));

    // Whoever points at a cell has chosen it.
    const choose = event => {
      const [x, y] = map.pointed(event).map(Math.floor);
      for (const [slider, value] of [[sliders[0], y], [sliders[1], x]]) {
        slider.value = value;
        slider.dispatchEvent(new Event('input'));
      }
    };
    map.root.classList.add('points');
    map.root.addEventListener('pointerdown', choose);
    map.root.addEventListener('pointermove',
      event => event.buttons && choose(event));
    redraw();
  };
}

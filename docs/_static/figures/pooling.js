// RoI pooling of a region, with RoIAlign beside it.
{
  const COLORS = i => figures.colors[i % 5];
  // As the operator rounds: halves away from zero.
  const round = value => Math.sign(value) * Math.floor(Math.abs(value) + .5);

  // Windows of whole cells, [first, end), along one side of a region.
  const windows = (low, high, count, cells) => {
    const first = round(low);
    const length = Math.fround(
      Math.max(round(high) - first + 1, 1) / count);
    return Array.from({length: count}, (_, i) => [
      first + Math.floor(Math.fround(i * length)),
      first + Math.ceil(Math.fround((i + 1) * length)),
    ].map(edge => figures.clamp(edge, 0, cells)));
  };

  figures.roiPooling = (map, [x1, y1, x2, y2], rows, columns) =>
    windows(y1, y2, rows, map.length).map(([top, bottom]) =>
      windows(x1, x2, columns, map[0].length).map(([left, right]) => {
        const cells = map.slice(top, bottom).flatMap(
          row => row.slice(left, right));
        return cells.length ? Math.max(...cells) : 0;
      }));

  // Where RoIAlign reads along one side: two points in each window.
  const points = (low, high, count) => {
    const length = (Math.max(high, low + .01) - low) / count;
    return Array.from({length: count}, (_, i) =>
      [.25, .75].map(part => low + (i + part) * length));
  };

  // Two cells and the share of the second one; centres lie at halves.
  const between = (at, cells) => {
    const place = Math.max(at - .5, 0), low = Math.floor(place);
    return low >= cells - 1 ? [cells - 1, cells - 1, 0]
      : [low, low + 1, place - low];
  };

  const read = (map, x, y) => {
    const height = map.length, width = map[0].length;
    if (x < -.5 || y < -.5 || x > width + .5 || y > height + .5) return 0;
    const [left, right, dx] = between(x, width);
    const [top, bottom, dy] = between(y, height);
    const row = i => map[i][left] * (1 - dx) + map[i][right] * dx;
    return row(top) * (1 - dy) + row(bottom) * dy;
  };

  figures.roiAlign = (map, [x1, y1, x2, y2], rows, columns) =>
    points(y1, y2, rows).map(ys => points(x1, x2, columns).map(xs =>
      (read(map, xs[0], ys[0]) + read(map, xs[1], ys[0])
        + read(map, xs[0], ys[1]) + read(map, xs[1], ys[1])) / 4));

  // Numbers of the figure in the section.
  const MAP = [[81, 8, 17, 23, 18, 80, 86, 58],
    [3, 9, 33, 43, 62, 47, 26, 15],
    [69, 73, 3, 11, 45, 39, 88, 51],
    [42, 43, 66, 58, 17, 73, 75, 95],
    [78, 28, 31, 64, 65, 69, 86, 29],
    [93, 0, 7, 97, 94, 29, 13, 31]];
  // Where outputs begin, and how wide one is, in cells.
  const OUT = 8.6, WIDE = 1.35;

  const words = output => output.map(row => row.join(', ')).join('; ');

  const drawNumbers = (panel, grid, left, wide, digits, name) => {
    grid.forEach((row, i) => row.forEach((value, j) => {
      const x = left + j * wide;
      panel.rect([x, i, x + wide, i + 1], {class: 'cell',
        style: `--level: ${Math.min(value, 100) / 100}`});
      panel.text(x + wide - .2, i + .8, value.toFixed(digits),
        {class: 'number', 'text-anchor': 'end'});
    }));
    panel.text(left, -.25, name);
  };

  const drawOutput = (panel, output, digits) => {
    drawNumbers(panel, output, OUT, WIDE, digits, 'output');
    output.forEach((row, i) => row.forEach((_, j) => {
      const at = i * row.length + j;
      const x = OUT + j * WIDE;
      panel.rect([x + .05, i + .05, x + WIDE - .05, i + .95],
        {class: 'frame', stroke: COLORS(at)});
    }));
  };

  const drawPooling = (panel, region, rows, columns) => {
    const [x1, y1, x2, y2] = region;
    const output = figures.roiPooling(MAP, region, rows, columns);
    panel.clear(`RoI pooling gives ${words(output)}.`);
    drawNumbers(panel, MAP, 0, 1, 0, 'RoI pooling');
    windows(y1, y2, rows, MAP.length).forEach(([top, bottom], i) =>
      windows(x1, x2, columns, MAP[0].length).forEach(([left, right], j) => {
        const at = i * columns + j, inset = .06 + .04 * (at % 3);
        panel.rect([left + inset, top + inset, right - inset,
          bottom - inset], {class: 'frame', stroke: COLORS(at)});
      }));
    panel.rect(region, {class: 'region'});
    drawOutput(panel, output, 0);
    return words(output);
  };

  const drawAlign = (panel, region, rows, columns) => {
    const [x1, y1, x2, y2] = region;
    const output = figures.roiAlign(MAP, region, rows, columns)
      .map(row => row.map(value => +value.toFixed(1)));
    panel.clear(`RoIAlign gives ${words(output)}.`);
    drawNumbers(panel, MAP, 0, 1, 0, 'RoIAlign');
    const w = (x2 - x1) / columns, h = (y2 - y1) / rows;
    points(y1, y2, rows).forEach((ys, i) =>
      points(x1, x2, columns).forEach((xs, j) => {
        const color = COLORS(i * columns + j);
        const left = x1 + j * w, top = y1 + i * h;
        panel.rect([left, top, left + w, top + h],
          {class: 'frame', stroke: color});
        for (const x of xs)
          for (const y of ys)
            panel.add('circle', {cx: panel.x(x), cy: panel.y(y), r: 3,
              class: 'point', fill: color});
      }));
    drawOutput(panel, output, 1);
    return words(output);
  };

  figures.draw.pooling = root => {
    const parts = figures.begin(root);
    // From the first cell's left to the last one's: pooling adds a cell.
    const region = [1, 0, 5, 3];
    const [pooling, align] = [0, 1].map(() => figures.panel(
      parts, 380, 190, [-.1, -.8, 14.1, 6.1]));
    const redraw = () => {
      const [rows, columns] = sliders.map(slider => +slider.value);
      const pooled = drawPooling(pooling, region, rows, columns);
      const aligned = drawAlign(align, region, rows, columns);
      const place = `from ${region[0]}, ${region[1]} to ${region[2]}, `
        + `${region[3]}`;
      for (const told of tell) told(place);
      parts.say(`Region ${place}. RoI pooling: ${pooled}. `
        + `RoIAlign: ${aligned}.`);
    };
    const tell = [[pooling, 'Region'], [align, 'Region of RoIAlign']].map(
      ([panel, name]) => figures.movable(
        panel, name, region, [0, 0, 8, 6], .25, .25, redraw));
    const sliders = [['rows', 1, 4, 1, 2], ['columns', 1, 4, 1, 2]].map(
      options => figures.slider(parts, ...options, redraw));
    redraw();
  };
}

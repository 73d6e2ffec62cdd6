// Panels with pictures on them, in shares of a picture's sides.
{
  const drawPicture = (panel, name, [x1, y1, x2, y2]) => panel.add('image', {
    href: figures.picture(name), x: panel.x(x1), y: panel.y(y1),
    width: panel.x(x2) - panel.x(x1), height: panel.y(y2) - panel.y(y1)});

  // The example of the sections, with some room around it.
  figures.examplePanel = (parts, room = 0) => {
    const {picture, width, height} = figures.example;
    const panel = figures.panel(parts, 340, 340 * height / width,
      [-room, -room, 1 + room, 1 + room]);
    panel.root.classList.add('on-picture');
    panel.drawPicture = () => drawPicture(panel, picture, [0, 0, 1, 1]);
    return panel;
  };

  // Four pictures, two in a row, with a gap in between.
  figures.scenesPanel = parts => {
    const gap = .03;
    const panel = figures.panel(parts, 340, 340, [0, 0, 2 + gap, 2 + gap]);
    panel.root.classList.add('on-picture');
    // A box of a picture, where it is on the panel.
    panel.place = (box, i) => box.map((value, k) => value
      + (k % 2 ? Math.floor(i / 2) : i % 2) * (1 + gap));
    panel.drawPictures = () => figures.scenes.images.forEach(
      ({picture}, i) => drawPicture(
        panel, picture, panel.place([0, 0, 1, 1], i)));
    return panel;
  };

  // A curve in a square from (0, 0) at the lower left to (1, 1).
  figures.plotPanel = (parts, across, up) => {
    const panel = figures.panel(parts, 340, 300, [-.16, 1.14, 1.06, -.2]);
    panel.drawAxes = (ticks = [[0, 0], [.5, .5], [1, 1]]) => {
      panel.rect([0, 1, 1, 0], {class: 'ground'});
      for (const at of [0, .5, 1]) {
        panel.line([0, at, 1, at], 'grid');
        panel.text(-.02, at - .015, at, {'text-anchor': 'end'});
      }
      for (const [at, name] of ticks) {
        panel.line([at, 0, at, -.02], 'axis');
        panel.text(at, -.08, name, {'text-anchor': 'middle'});
      }
      panel.text(.5, -.16, across, {'text-anchor': 'middle'});
      panel.text(0, 1.03, up);
    };
    panel.curve = (points, color) => panel.add('polyline', {
      points: points.map(([x, y]) => `${panel.x(x)},${panel.y(y)}`).join(' '),
      class: 'frame', fill: 'none', stroke: color});
    panel.dot = ([x, y], color) => panel.add('circle', {cx: panel.x(x),
      cy: panel.y(y), r: 6, class: 'point', fill: color});
    return panel;
  };
}

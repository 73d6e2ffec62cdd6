// What figures that move have in common: panels to draw on, sliders, and a
// line that says what there is to see.
//
// The scripts of this folder share one name, `figures`. They are no modules,
// which a browser refuses to a page that is opened from a folder. What a
// figure computes has the name that it has in d2l_ext, and `figures.draw` has
// a function for each figure, which gets the element that it fills.
const figures = {
  draw: {},
  colors: [0, 1, 2, 3, 4].map(i => `var(--figure-${i})`),
  // What has no class, such as a proposal: the lower its rank, the darker.
  ranks: [0, 1, 2, 3, 4, 5].map(i => `var(--figure-rank-${i})`),
  folder: document.currentScript.src.replace(/[^/]*$/, ''),
  clamp: (value, low, high) => Math.min(Math.max(value, low), high),
};

{
  const create = space => (tag, attributes, parent, text = '') => {
    const node = document.createElementNS(space, tag);
    for (const [key, value] of Object.entries(attributes))
      node.setAttribute(key, value);
    node.textContent = text;
    return parent.appendChild(node);
  };
  const svg = figures.svg = create('http://www.w3.org/2000/svg');
  const html = figures.html = create('http://www.w3.org/1999/xhtml');
  let names = 0;

  // A picture; on slides, which are one file, it comes with the page.
  figures.picture = name => figures.pictures?.[name] ?? figures.folder + name;

  // Panels, inputs and the line of words; `say` changes the line.
  figures.begin = root => {
    const parts = ['panels', 'inputs'].map(
      part => html('div', {class: part}, root));
    const line = html('p', {class: 'state', 'aria-live': 'polite'}, root);
    return {panels: parts[0], inputs: parts[1],
      say: text => { line.textContent = text; }};
  };

  // Something to draw on. `area` has the coordinates of its four edges.
  figures.panel = (parts, width, height, area) => {
    const [left, top, right, bottom] = area;
    const root = svg('svg', {viewBox: `0 0 ${width} ${height}`,
      role: 'img', style: `--wide: ${width}`}, parts.panels);
    const layer = svg('g', {}, root), tags = [];
    const panel = {
      root, width, height,
      x: value => (value - left) / (right - left) * width,
      y: value => (value - top) / (bottom - top) * height,
      clear: words => {
        layer.replaceChildren();
        tags.length = 0;
        root.setAttribute('aria-label', words);
      },
      add: (tag, attributes, text) => svg(tag, attributes, layer, text),
      rect: ([x1, y1, x2, y2], attributes) => panel.add('rect', {
        x: panel.x(x1), y: panel.y(y1), fill: 'none',
        width: Math.max(panel.x(x2) - panel.x(x1), 0),
        height: Math.max(panel.y(y2) - panel.y(y1), 0), ...attributes}),
      line: ([x1, y1, x2, y2], kind) => panel.add('line', {class: kind,
        x1: panel.x(x1), y1: panel.y(y1), x2: panel.x(x2), y2: panel.y(y2)}),
      // A line that can be told from any picture below it.
      frame: (box, color, attributes, casing = '#fff') => {
        panel.rect(box, {class: 'casing', stroke: casing, ...attributes});
        panel.rect(box, {class: 'frame', stroke: color, ...attributes});
      },
      text: (x, y, text, attributes) => panel.add('text', {
        x: panel.x(x), y: panel.y(y), ...attributes}, text),
      // A label at a corner of a box, none where all corners are taken.
      tag: ([x1, y1, x2, y2], text, color) => {
        const w = 8 * text.length + 8, h = 18;
        const free = [[x1, y1, 0, 0], [x2, y1, -w, 0], [x1, y2, 0, -h],
          [x2, y2, -w, -h], [x1, y1, 0, -h], [x2, y1, -w, -h]].map(
          ([x, y, dx, dy]) => [
            figures.clamp(panel.x(x) + dx, 0, width - w),
            figures.clamp(panel.y(y) + dy, 0, height - h)]
        ).find(([x, y]) => tags.every(other => x > other.x + other.w
          || other.x > x + w || Math.abs(y - other.y) > h));
        if (!free) return;
        const [x, y] = free;
        tags.push({x, y, w});
        panel.add('rect', {x, y, width: w, height: h, rx: 2, fill: color});
        panel.add('text', {x: x + w / 2, y: y + 13.5, class: 'tag',
          style: `fill: ${color.replace(')', '-ink, #000)')}`}, text);
      },
      // Where a pointer is, in the panel's coordinates.
      pointed: event => {
        const {x, y} = new DOMPoint(event.clientX, event.clientY)
          .matrixTransform(root.getScreenCTM().inverse());
        return [left + x / width * (right - left),
          top + y / height * (bottom - top)];
      },
    };
    return panel;
  };

  figures.slider = (parts, name, min, max, step, value, changed) => {
    const id = `figure-slider-${names += 1}`;
    const row = html('div', {class: 'slider'}, parts.inputs);
    html('label', {for: id}, row, name);
    const input = html('input', {id, type: 'range', min, max, step, value},
      row);
    const digits = (String(step).split('.')[1] ?? '').length;
    const number = html('span', {'aria-hidden': true}, row);
    const show = () => {
      number.textContent = (+input.value).toFixed(digits);
    };
    input.addEventListener('input', () => { show(); changed(); });
    show();
    return input;
  };

  // One of some options, given as [name, colour].
  figures.choice = (parts, title, options, changed) => {
    const group = html('fieldset', {}, parts.inputs);
    const name = `figure-choice-${names += 1}`;
    html('legend', {}, group, title);
    for (const [i, [option, color]] of options.entries()) {
      const label = html('label', {}, group);
      html('input', {type: 'radio', name, value: option,
        ...i ? {} : {checked: ''}}, label);
      html('span', {style: `background: ${color}`}, label);
      label.append(option);
    }
    group.addEventListener('change', changed);
    return {get value() {
      return group.querySelector(':checked').value;
    }};
  };

  document.addEventListener('DOMContentLoaded', () => {
    for (const root of document.querySelectorAll('[data-figure]'))
      figures.draw[root.dataset.figure](root);
  });
}

// A box on a panel that mouse, finger and arrow keys move and resize.
{
  const KEYS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1],
    ArrowDown: [0, 1]};

  // `box` is changed in place, in steps of `step`, inside of `area`, and is
  // never smaller than `least`; 0 lets nobody change its size.
  figures.movable = (panel, name, box, area, step, least, changed) => {
    const round = value => +(Math.round(value / step) * step).toFixed(6);

    const shift = (start, by, resize) => {
      for (const [low, high] of [[0, 2], [1, 3]]) {
        const size = start[high] - start[low];
        if (resize) {
          box[high] = figures.clamp(round(start[high] + by[low]),
            start[low] + least, area[high]);
        } else {
          box[low] = figures.clamp(round(start[low] + by[low]), area[low],
            area[high] - size);
          box[high] = box[low] + size;
        }
      }
      changed();
    };

    const handle = (shape, attributes, resize) => {
      const node = figures.svg(shape, {
        class: `handle ${resize ? 'resize' : 'move'}`, tabindex: 0,
        role: 'slider', 'aria-label': name + (resize ? ', size' : ''),
        'aria-valuemin': 0, 'aria-valuemax': 100, 'data-prevent-swipe': '',
        ...attributes}, panel.root);
      let from = null, start = null;
      node.addEventListener('pointerdown', event => {
        node.setPointerCapture(event.pointerId);
        [from, start] = [panel.pointed(event), [...box]];
        node.focus({preventScroll: true, focusVisible: false});
        event.preventDefault();
      });
      // A finger moves the box, not the page; `touch-action` is not heeded
      // inside of a drawing.
      node.addEventListener('touchstart', event => event.preventDefault(),
        {passive: false});
      node.addEventListener('pointermove', event => {
        if (!from) return;
        const to = panel.pointed(event);
        shift(start, [to[0] - from[0], to[1] - from[1]], resize);
      });
      for (const end of ['pointerup', 'pointercancel'])
        node.addEventListener(end, () => { from = null; });
      node.addEventListener('keydown', event => {
        const by = KEYS[event.key];
        if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
        // On slides these keys would turn the page.
        event.preventDefault();
        event.stopPropagation();
        const far = event.shiftKey ? 5 * step : step;
        shift([...box], [by[0] * far, by[1] * far], resize);
      });
      return node;
    };

    panel.root.setAttribute('role', 'group');
    const body = handle('rect', {}, false);
    const corner = least ? handle('circle', {r: 9}, true) : null;

    // To be called after each change, with the box in words.
    return words => {
      const [x1, y1, x2, y2] = [panel.x(box[0]), panel.y(box[1]),
        panel.x(box[2]), panel.y(box[3])];
      const share = (value, low, high) => high > low
        ? Math.round(100 * (value - low) / (high - low)) : 0;
      for (const [key, value] of Object.entries({
        x: x1, y: y1, width: x2 - x1, height: y2 - y1,
        'aria-valuetext': words, 'aria-valuenow': share(box[0], area[0],
          area[2] - box[2] + box[0])}))
        body.setAttribute(key, value);
      if (!corner) return;
      for (const [key, value] of Object.entries({
        cx: x2, cy: y2, 'aria-valuetext': words,
        'aria-valuenow': share(box[2], area[0], area[2])}))
        corner.setAttribute(key, value);
    };
  };
}

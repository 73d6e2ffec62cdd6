// Precision and recall of four pictures as thresholds move.
{
  // The IoU of a detection that is right.
  const ENOUGH = .5;

  // Which detections of a picture are right, by falling score: true, false,
  // or null where a difficult object takes it out of the count.
  const judge = (detections, objects) => {
    const easyFirst = [...objects].sort(
      (a, b) => !!a.difficult - !!b.difficult);
    const taken = new Set();
    return detections.map(({box}) => {
      let found = null, least = ENOUGH;
      for (const object of easyFirst) {
        if (taken.has(object) && !object.difficult) continue;
        if (found && !found.difficult && object.difficult) break;
        const value = figures.iou(box, object.box);
        if (value >= least) [found, least] = [object, value];
      }
      if (found) taken.add(found);
      return found ? (found.difficult ? null : true) : false;
    });
  };

  // Of one class: `detections` with image, score and box, `objects` with
  // image, box and difficult. Gives a step for each detection that counts,
  // and the best precision at a recall of at least 0, 0.01, ... 1, null
  // without objects.
  figures.precisionRecall = (detections, objects) => {
    const total = objects.filter(object => !object.difficult).length;
    if (!total) return {steps: [], precision: null};
    const images = [...new Set(detections.map(({image}) => image))].sort(
      (a, b) => a - b);
    const judged = images.flatMap(image => {
      const own = detections.filter(one => one.image === image)
        .sort((a, b) => b.score - a.score).slice(0, 100);
      const right = judge(own, objects.filter(one => one.image === image));
      return own.map((one, i) => ({...one, right: right[i]}));
    }).filter(one => one.right !== null).sort((a, b) => b.score - a.score);
    let found = 0;
    const steps = judged.map((one, i) => {
      found += one.right;
      return {...one, recall: found / total, precision: found / (i + 1)};
    });
    const precision = Array.from({length: 101}, (_, level) => Math.max(0,
      ...steps.filter(({recall}) => recall >= level / 100)
        .map(step => step.precision)));
    return {steps, precision};
  };

  const classes = ['cat', 'dog'];
  const own = (id, kind) => figures.scenes.images.flatMap((scene, image) =>
    scene[kind].filter(one => one.id === id).map(one => ({...one, image})));

  // The detections of a class that suppression leaves.
  const detect = (id, threshold) => figures.scenes.images.flatMap(
    ({detections}, image) => {
      const all = detections.filter(one => one.id === id);
      return figures.nms(all.map(({score}) => score),
        all.map(({box}) => box), threshold).map(i => ({...all[i], image}));
    });

  const drawPictures = (panel, steps) => {
    panel.clear('Four pictures with what is found on them: '
      + `${steps.filter(({right}) => right).length} boxes are right, `
      + `${steps.filter(({right}) => !right).length} wrong.`);
    panel.drawPictures();
    for (const {id, image, box, right} of steps) {
      const color = figures.colors[right ? 2 : 3];
      panel.frame(panel.place(box, image), color,
        right ? {} : {'stroke-dasharray': '6 3'});
      panel.tag(panel.place(box, image), classes[id], color);
    }
  };

  const drawCurves = (panel, results) => {
    panel.clear('Precision over recall, a curve for each class.');
    panel.drawAxes();
    results.forEach(({precision, now}, id) => {
      panel.curve(precision.map((value, level) => [level / 100, value]),
        figures.colors[id]);
      panel.dot([now.recall, now.precision], figures.colors[id]);
    });
    results.forEach(({precision}, id) => {
      const ap = precision.reduce((a, b) => a + b) / 101;
      panel.rect([.04, .3 - id * .12, .08, .26 - id * .12],
        {fill: figures.colors[id]});
      panel.text(.1, .262 - id * .12, `${classes[id]}: AP ${ap.toFixed(2)}`,
        {class: 'halo'});
    });
  };

  figures.draw['precision-recall'] = root => {
    const parts = figures.begin(root);
    const pictures = figures.scenesPanel(parts);
    const plot = figures.plotPanel(parts, 'recall', 'precision');
    const redraw = () => {
      const [score, threshold] = sliders.map(slider => +slider.value);
      const results = classes.map((_, id) => {
        const all = figures.precisionRecall(
          detect(id, threshold), own(id, 'objects'));
        const shown = all.steps.filter(step => step.score >= score);
        return {...all, shown, now: shown.at(-1)
          ?? {recall: 0, precision: 1}};
      });
      drawPictures(pictures, results.flatMap(({shown}) => shown));
      drawCurves(plot, results);
      parts.say(`With a score of at least ${score.toFixed(2)} and NMS at `
        + `${threshold.toFixed(1)}: `
        + results.map(({shown, now}, id) => `${classes[id]} `
          + (shown.length ? `precision ${now.precision.toFixed(2)}, `
            + `recall ${now.recall.toFixed(2)}` : 'no detection'))
          .join('; ') + '.');
    };
    const sliders = [['score', .05, .95, .05, .5], ['nms', .1, .9, .1, .3]]
      .map(options => figures.slider(parts, ...options, redraw));
    redraw();
  };
}

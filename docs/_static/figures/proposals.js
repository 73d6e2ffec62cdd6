// How many proposals it takes to cover every object of four pictures.
{
  // Share of the objects that one of the first `count` boxes covers; for
  // each picture its boxes by falling score, and its objects.
  figures.proposalRecall = (boxes, objects, threshold, count) => {
    const covered = objects.flatMap((own, image) => own.map(object =>
      boxes[image].slice(0, count).some(
        box => figures.iou(object, box) >= threshold)));
    return covered.filter(Boolean).length / covered.length;
  };

  const propose = threshold => figures.scenes.images.map(({proposals}) => {
    const boxes = proposals.map(({box}) => box);
    return figures.nms(proposals.map(({score}) => score), boxes, threshold)
      .map(i => boxes[i]);
  });

  const MOST = 30;

  const drawPictures = (panel, proposals, objects, count) => {
    panel.clear(`Four pictures with ${count} proposals on each.`);
    panel.drawPictures();
    proposals.forEach((boxes, image) => {
      for (const box of boxes.slice(0, count).reverse())
        panel.frame(panel.place(box, image), figures.ranks[0],
          {opacity: count < 10 ? 1 : .5}, '#000');
      for (const box of objects[image]) {
        const covered = boxes.slice(0, count).some(
          other => figures.iou(box, other) >= .5);
        panel.frame(panel.place(box, image),
          covered ? figures.colors[2] : figures.colors[3],
          covered ? {} : {'stroke-dasharray': '5 4'});
      }
    });
  };

  const drawCurve = (panel, proposals, objects, count) => {
    panel.clear('The share of animals that are covered, over the number of '
      + 'proposals.');
    const place = number => (number - 1) / (MOST - 1);
    panel.drawAxes([1, 10, 20, 30].map(number => [place(number), number]));
    const at = number => [place(number),
      figures.proposalRecall(proposals, objects, .5, number)];
    panel.curve(Array.from({length: MOST}, (_, i) => at(i + 1)),
      'currentcolor');
    panel.dot(at(count), 'currentcolor');
  };

  figures.draw.proposals = root => {
    const parts = figures.begin(root);
    const objects = figures.scenes.images.map(
      scene => scene.objects.map(({box}) => box));
    const pictures = figures.scenesPanel(parts);
    const plot = figures.plotPanel(parts, 'proposals a picture', 'recall');
    const redraw = () => {
      const [count, threshold] = sliders.map(slider => +slider.value);
      const proposals = propose(threshold);
      drawPictures(pictures, proposals, objects, count);
      drawCurve(plot, proposals, objects, count);
      const recall = figures.proposalRecall(proposals, objects, .5, count);
      const total = objects.flat().length;
      parts.say(`With ${count} proposal${count > 1 ? 's' : ''} a picture and `
        + `NMS at ${threshold.toFixed(2)}, `
        + `${Math.round(recall * total)} of ${total} animals are covered.`);
    };
    const sliders = [['count', 1, MOST, 1, 5],
      ['threshold', .1, 1, .05, .7]].map(
      options => figures.slider(parts, ...options, redraw));
    redraw();
  };
}

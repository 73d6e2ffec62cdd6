// The example of the sections: numbers of d2l_ext.draw_example, and the boxes
// that the section on anchors makes up. A test compares them.
figures.example = {
  picture: 'example.jpg',
  width: 728,
  height: 561,
  objects: [
    {name: 'cat', box: [400, 112, 655, 493]},
    {name: 'dog', box: [60, 45, 378, 516]}],
  scores: [.9, .8, .7, .95, .6, .5],
  boxes: [[60, 45, 378, 516], [85, 60, 390, 540], [40, 90, 350, 500],
    [400, 112, 655, 493], [415, 90, 640, 480], [330, 240, 560, 500]],
  // A box in pixels, in shares of the sides.
  share: ([x1, y1, x2, y2]) => [x1 / 728, y1 / 561, x2 / 728, y2 / 561],
};

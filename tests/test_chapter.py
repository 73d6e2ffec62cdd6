"""The notebook mirrors the source chapter, cell by cell."""
import ast
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from helpers import ROOT, code_cells, markdown_cells, read_notebook, tags, text
from PIL import Image, ImageChops
from readme_picture import readme_picture

CHAPTER = read_notebook('faster-rcnn.ipynb')
SECTIONS = ['Faster R-CNN', 'Model', 'Anchor Boxes', 'Training', 'Summary',
            'Exercises']
# Statements of the source, by number of the cell: what it defines and calls.
SOURCE = {
    1: ['npx.set_np()', 'batch_size = 32',
        'd2l.load_data_voc_detection(batch_size, 256, 256)'],
    3: ['X = np.arange(16).reshape(1, 1, 4, 4)'],
    4: ['rois = np.array([[0, 0, 0, 2, 2], [0, 0, 1, 2, 3]])',
        'Y = npx.roi_pooling(X, rois, pooled_size=(2, 2), spatial_scale=1)',
        "print(Y, 'with shape', Y.shape)"],
    5: ['class FasterRCNNOutput(nn.Block)',
        'def __init__(self, num_classes, **kwargs)',
        'super(FasterRCNNOutput, self).__init__(**kwargs)',
        'self.cls_predictor = nn.Dense(num_classes + 1)',
        'self.box_predictor = nn.Dense(4)', 'def forward(self, X, rois)',
        'cls_preds = self.cls_predictor(Y)',
        'box_preds = self.box_predictor(Y)', 'return (cls_preds, box_preds)',
        'pooled_size=(2, 2), spatial_scale=1)'],
    37: ['def faster_rcnn_targets(ground_truth, rpn_preds)',
         'd2l.label_anchors(np.expand_dims(label, axis=0), anchors, '
         '0.5, 0.5, 5)',
         '[np.concatenate(x) for x in [rois, cls_labels, box_offsets]]'],
    33: ['ctx = d2l.try_gpu()', 'loss = d2l.DetectionLoss(1)',
         'backbone = d2l.detection_backbone()',
         'backbone.initialize(init=init.Xavier(), ctx=ctx, '
         'force_reinit=True)',
         'rpn_output = d2l.RPNOutput()',
         'rpn_output.initialize(init=init.Xavier(), ctx=ctx)',
         'd2l.train_detection(backbone, rpn_output, d2l.rpn_batch, '
         'train_iter, test_iter, loss, num_epochs=3, backbone_lr=0.5, '
         'output_lr=0.5, ctx=ctx)',
         "backbone.save_parameters('backbone')"],
    38: ['def faster_rcnn_batch(ground_truths, backbone_outputs, '
         'faster_rcnn_output, anchors)',
         'with autograd.pause()',
         'd2l.predict_rpn(backbone_outputs, rpn_output, d2l.rpn_anchors, '
         'nms_threshold=0.7)',
         'faster_rcnn_targets(ground_truths, rpn_preds)',
         'faster_rcnn_output(backbone_outputs, rois.copyto(',
         'return (preds, (cls_labels, box_labels), None)'],
    15: ['faster_rcnn_output = FasterRCNNOutput(2)',
         'faster_rcnn_output.initialize(init=init.Xavier(), ctx=ctx)',
         "backbone.load_parameters('backbone', ctx=ctx)",
         'd2l.train_detection(backbone, faster_rcnn_output, '
         'faster_rcnn_batch, train_iter, test_iter, loss, num_epochs=3, '
         'backbone_lr=0.01, output_lr=0.1, ctx=ctx)'],
}


def mirrored():
    return {c['metadata']['source_cell']: text(c) for c in code_cells(CHAPTER)
            if 'source_cell' in c['metadata']}


def test_sections_of_the_source_in_order():
    headings = [line.lstrip('# ') for c in markdown_cells(CHAPTER)
                for line in text(c).splitlines() if line.startswith('#')]
    # Further sections may stand between those of the source.
    assert [name for name in headings if name in SECTIONS] == SECTIONS
    assert headings[-1] == 'References'


def test_the_eight_cells_in_order():
    assert list(mirrored()) == list(SOURCE)


@pytest.mark.parametrize('number', SOURCE)
def test_a_mirrored_cell_says_what_the_source_says(number):
    # Unparsing drops comments and the layout of lines, nothing else.
    code = ast.unparse(ast.parse(mirrored()[number]))
    for statement in SOURCE[number]:
        assert statement in code, statement


def test_every_code_cell_is_mirrored_or_an_addition():
    for cell in code_cells(CHAPTER):
        assert ('source_cell' in cell['metadata']) != (
            'addition' in tags(cell)), text(cell)


def test_marks_of_differences_are_explained():
    marks = set(re.findall(r'# (D\d+)', '\n'.join(mirrored().values())))
    readme = (ROOT / 'README.md').read_text('utf-8')
    explained = set(re.findall(r'^\| (D\d+) \|', readme, re.M))
    assert marks
    assert marks <= explained


def test_differences_name_tests_that_exist():
    readme = (ROOT / 'README.md').read_text('utf-8')
    rows = re.findall(r'^\| D\d+ \|.*$', readme, re.M)
    for row in rows:
        names = re.findall(r'`(test_\w+)`', row.rsplit('|', 2)[1])
        assert names, row
        for name in names:
            assert any(f'def {name}(' in path.read_text('utf-8')
                       for path in (ROOT / 'tests').rglob('test_*.py')), name


def test_the_roi_figure_shows_the_example():
    root = ElementTree.parse(ROOT / 'img' / 'roi.svg').getroot()
    numbers = [node.text for node in root.iter() if node.text
               and node.text.isdigit()]
    assert numbers == [*map(str, range(16)), '5', '6', '9', '10']


def test_the_readme_shows_what_the_notebooks_found():
    with Image.open(ROOT / 'img' / 'detections.png') as picture:
        assert ImageChops.difference(
            picture.convert('RGB'),
            readme_picture().convert('RGB')).getbbox() is None


def test_the_readme_states_the_results_of_the_chapter():
    printed = ''.join(''.join(output['text']) for cell in
                      code_cells(CHAPTER) if 'result' in tags(cell)
                      for output in cell['outputs'])
    readme = (ROOT / 'README.md').read_text('utf-8')
    figures = re.findall(r': (0\.\d{3})', printed)
    assert len(figures) >= 5
    for figure in figures:
        assert figure in readme
    assert float(re.search(r'mAP@0.5: (\S+)', printed)[1]) >= .2


NBVAL = """
import sys
sys.path[:0] = [{root!r}, {root!r} + '/tests']
from conftest import *
"""


@pytest.mark.parametrize(('old', 'new', 'passes'), [
    ('(2, 1, 2, 2)', '(2, 1, 2, 2)', True),
    ('(2, 1, 2, 2)', '(2, 1, 2, 3)', False),
    ('11.', '12.', False)])
def test_nbval_objects_to_a_changed_number(tmp_path, old, new, passes):
    """A notebook of the chapter's cheap cells, one output altered."""
    wanted = [c for c in code_cells(CHAPTER)
              if c['metadata'].get('source_cell') in (3, 4)]
    setup = nbformat.v4.new_code_cell(
        'import d2l_ext\nfrom mxnet import np, npx\nnpx.set_np()',
        execution_count=1)
    notebook = nbformat.v4.new_notebook(
        cells=[setup, *map(nbformat.from_dict, wanted)],
        metadata=CHAPTER['metadata'])
    path = tmp_path / 'altered.ipynb'
    nbformat.write(notebook, path)
    content = path.read_text('utf-8')
    assert old in content
    path.write_text(content.replace(old, new), encoding='utf-8')
    (tmp_path / 'conftest.py').write_text(NBVAL.format(root=str(ROOT)))
    result = subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '--nbval', '-p',
         'no:cacheprovider', '-c', str(Path('/dev/null')), '--rootdir',
         str(tmp_path), str(path)], capture_output=True, text=True,
        cwd=tmp_path, check=False)
    assert (result.returncode == 0) == passes, result.stdout
    assert passes or 'mismatch' in result.stdout

"""`import d2l_ext as d2l` gives what is used, and nothing else."""
import ast
import re

from helpers import ROOT, code_cells, read_notebook, text

# The helpers that the source chapter and its sections call, and what the
# package d2l has under the same name: a reader finds ours, whether a notebook
# happens to call them or not.
CONTRACT = {
    'DetectionEvaluation', 'DetectionLoss', 'RPNOutput',
    'anchor_plus_offset', 'anchor_to_gt_offset', 'box_center_to_corner',
    'box_corner_to_center', 'detection_backbone', 'generate_anchors', 'iou',
    'label_anchors', 'load_data_voc_detection', 'nms', 'predict_rpn',
    'project_box', 'rpn_anchors', 'rpn_batch', 'rpn_targets', 'show_boxes',
    'train_detection', 'try_all_gpus', 'try_gpu',
    'visualize_rpn_preds'}


def given():
    """Names that the package imports from its own modules."""
    source = (ROOT / 'd2l_ext' / '__init__.py').read_text('utf-8')
    return {alias.name for node in ast.parse(source).body
            if isinstance(node, ast.ImportFrom) and node.level
            and node.module != 'runtime'   # of which it needs modules
            for alias in node.names}


def users():
    """Code of notebooks, tools and benchmarks."""
    for path in sorted((ROOT / 'notebooks').glob('*.ipynb')):
        yield '\n'.join(map(text, code_cells(read_notebook(path.name))))
    for folder in ('tools', 'benchmarks'):
        for path in sorted((ROOT / folder).rglob('*.py')):
            yield path.read_text('utf-8')


def test_every_name_is_used():
    code = '\n'.join(users())
    used = set(re.findall(r'\bd2l\.(\w+)', code))
    for names in re.findall(r'^from d2l_ext import (\([^)]*\)|.*)$', code,
                            re.M):
        used |= set(re.findall(r'\w+', names))
    assert given() <= used | CONTRACT
    assert given() >= CONTRACT

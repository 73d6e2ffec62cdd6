"""Helpers of the Faster R-CNN chapter, on top of the `d2l` package.

Import it instead of `d2l`, and before MXNet: `import d2l_ext as d2l`. It has
everything that `d2l.mxnet` has, and the helpers that the notebooks and tools
use. Import everything else from the module that defines it.
"""
import os

# MXNet uses half of the cores unless this is set before it is loaded.
if hasattr(os, 'sched_getaffinity'):
    os.environ.setdefault('OMP_NUM_THREADS',
                          str(len(os.sched_getaffinity(0))))

from .runtime import cuda

# The loader does not find the libraries that pip installed.
cuda.load_libraries()

from .runtime import numpy_names, numpy_numbers

# Names that MXNet looks up in NumPy and that newer versions dropped.
numpy_names.serve()

# In a scheduler or server, importing MXNet does not return, so they join the
# training before that.
if 'DMLC_ROLE' in os.environ:
    from .distributed.membership import join
    join()

from .runtime import inline_figures

inline_figures.choose_backend()

from d2l import mxnet as _book

inline_figures.mend(_book)

from d2l.mxnet import *  # noqa: F403

# Newer versions also print numbers in a way that MXNet can't parse.
numpy_numbers.mend()

from .anchors import generate_anchors, label_anchors
from .boxes import (
    anchor_plus_offset,
    anchor_to_gt_offset,
    batch_nms,
    box_center_to_corner,
    box_corner_to_center,
    iou,
    nms,
    project_box,
)
from .data.annotations import VOCObject
from .data.batches import (
    load_batches,
    load_data_voc_detection,
    normalize,
    to_array,
)
from .data.checks import inspect_picture
from .data.example import draw_example
from .data.folders import data_dir, voc_dir
from .data.pictures import list_pictures, read_picture
from .data.voc import VOCDetection, label_rows
from .detector.error_analysis import ERROR_KINDS, analyse_errors
from .detector.inference import detect_batches, predict_faster_rcnn
from .detector.recipes import (
    BEST,
    CHAPTER,
    PHOTOGRAPHS,
    TUNED,
    Recipe,
    Step,
    load_detector,
    load_parameters,
    make_detector,
    save_detector,
    train_recipe,
)
from .distributed.replicas import Replicas, worker_of
from .errors import ChapterError, DatasetError, TrainingError
from .evaluation import (
    COCO_THRESHOLDS,
    evaluate_detection,
    precision_recall,
    proposal_recall,
)
from .losses import DetectionEvaluation, DetectionLoss
from .plots.evaluation import plot_precision_recall, show_findings
from .plots.pictures import (
    show_boxes,
    show_detections,
    show_ground_truth,
    visualize_rcnn_preds,
    visualize_rpn_preds,
)
from .plots.sliders import (
    plot_anchors,
    plot_iou,
    plot_labels,
    plot_nms,
    plot_roi_pooling,
)
from .rcnn import FasterRCNNOutput, faster_rcnn_targets, predict_rcnn
from .rpn import (
    RPNOutput,
    detection_backbone,
    predict_rpn,
    rpn_anchors,
    rpn_batch,
    rpn_targets,
)
from .runtime.devices import devices_named, try_all_gpus, try_gpu
from .runtime.files import replacing
from .runtime.system import describe_machine
from .training import train_detection

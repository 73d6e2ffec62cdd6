"""Helpers of the Faster R-CNN chapter, on top of the `d2l` package.

Import it in place of `d2l`, before MXNet: `import d2l_ext as d2l`. It has
everything that `d2l.mxnet` has, and the detection helpers of the chapter.
"""
import os

# MXNet takes half of the cores unless it is told before it is loaded.
if hasattr(os, 'sched_getaffinity'):
    os.environ.setdefault('OMP_NUM_THREADS',
                          str(len(os.sched_getaffinity(0))))

from .runtime import cuda

# The loader would not find the libraries that pip installed.
if cuda.version_of(cuda.GPU_BUILD):
    cuda.load_libraries()

# In the scheduler and the servers of a training on several hosts the import
# of MXNet does not return; so they are entered in the roll call before.
if 'DMLC_ROLE' in os.environ:
    from .distributed.membership import join
    join()

from d2l.mxnet import *  # noqa: F403

from .anchors import *  # noqa: F403
from .boxes import *  # noqa: F403
from .data.annotations import *  # noqa: F403
from .data.batches import *  # noqa: F403
from .data.checks import *  # noqa: F403
from .data.example import *  # noqa: F403
from .data.folders import *  # noqa: F403
from .data.pictures import *  # noqa: F403
from .data.voc import *  # noqa: F403
from .detector.error_analysis import *  # noqa: F403
from .detector.inference import *  # noqa: F403
from .detector.low_precision import *  # noqa: F403
from .detector.recipes import *  # noqa: F403
from .detector.roi_head import *  # noqa: F403
from .detector.stages import *  # noqa: F403
from .distributed.membership import *  # noqa: F403
from .distributed.replicas import *  # noqa: F403
from .drawn.dataset import *  # noqa: F403
from .errors import *  # noqa: F403
from .evaluation import *  # noqa: F403
from .losses import *  # noqa: F403
from .plots.evaluation import *  # noqa: F403
from .plots.pictures import *  # noqa: F403
from .plots.sliders import *  # noqa: F403
from .rcnn import *  # noqa: F403
from .rpn import *  # noqa: F403
from .runtime.checkpoint import *  # noqa: F403
from .runtime.devices import *  # noqa: F403
from .runtime.files import *  # noqa: F403
from .runtime.live_plot import *  # noqa: F403
from .runtime.machine import *  # noqa: F403
from .runtime.pretrained import *  # noqa: F403
from .runtime.run import *  # noqa: F403
from .training import *  # noqa: F403

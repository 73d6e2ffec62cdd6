"""Helpers of the Faster R-CNN chapter, on top of the `d2l` package.

Import it in place of `d2l`, before MXNet: `import d2l_ext as d2l`. It has
everything that `d2l.mxnet` has, and the detection helpers of the chapter.
"""
import os

# MXNet takes half of the cores unless it is told before it is loaded.
if hasattr(os, 'sched_getaffinity'):
    os.environ.setdefault('OMP_NUM_THREADS',
                          str(len(os.sched_getaffinity(0))))

from . import cuda

# The loader would not find the libraries that pip installed.
if cuda.version_of(cuda.GPU_BUILD):
    cuda.load_libraries()

# In the scheduler and the servers of a training on several hosts the import
# of MXNet does not return; so they are entered in the roll call before.
if 'DMLC_ROLE' in os.environ:
    from .roll_call import join
    join()

from d2l.mxnet import *  # noqa: F403

from .anchors import *  # noqa: F403
from .annotations import *  # noqa: F403
from .boxes import *  # noqa: F403
from .checkpoint import *  # noqa: F403
from .detector import *  # noqa: F403
from .devices import *  # noqa: F403
from .drawn_set import *  # noqa: F403
from .error_analysis import *  # noqa: F403
from .errors import *  # noqa: F403
from .evaluation import *  # noqa: F403
from .evaluation_plots import *  # noqa: F403
from .example import *  # noqa: F403
from .figures import *  # noqa: F403
from .files import *  # noqa: F403
from .inspection import *  # noqa: F403
from .losses import *  # noqa: F403
from .low_precision import *  # noqa: F403
from .machine import *  # noqa: F403
from .pictures import *  # noqa: F403
from .plotting import *  # noqa: F403
from .pretrained import *  # noqa: F403
from .rcnn import *  # noqa: F403
from .recipes import *  # noqa: F403
from .replicas import *  # noqa: F403
from .roi_head import *  # noqa: F403
from .roll_call import *  # noqa: F403
from .rpn import *  # noqa: F403
from .steps import *  # noqa: F403
from .training import *  # noqa: F403
from .voc import *  # noqa: F403

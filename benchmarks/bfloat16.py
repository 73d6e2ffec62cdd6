"""Inference in bfloat16, where the processor has it."""
from __future__ import annotations

import warnings
from pathlib import Path

from mxnet import gluon, np, symbol
from mxnet.contrib import amp

from d2l_ext.detector.inference import Detector


def has_bfloat16() -> bool:
    """Whether the processor computes with bfloat16 by itself."""
    try:
        return ' avx512_bf16' in Path('/proc/cpuinfo').read_text()
    except OSError:
        return False


def with_bfloat16(detector: Detector) -> Detector:
    """The same detector, whose backbone convolves in bfloat16.

    A bfloat16 has the range of a float32 with 8 bits of its 24 bits of
    precision, and a processor that knows it multiplies twice as many at a
    time. Features differ in the third digit, probabilities of detections
    in the second or third.

    Parameters
    ----------
    detector : Detector
        Trained models.

    Returns
    -------
    Detector
        Its backbone is for inference only and shares the parameters of the
        original one, so that it follows a training of that. On a device or
        a processor without bfloat16, where emulating it would take longer,
        `detector` itself.

    Notes
    -----
    `mx.contrib.amp.convert_symbol` with its own list of operators that
    tolerate low precision: the convolutions.
    """
    parameters = detector.backbone.collect_params()
    ctx = next(iter(parameters.values())).list_ctx()[0]
    if ctx.device_type != 'cpu' or not has_bfloat16():
        return detector
    images = symbol.var('images').as_np_ndarray()
    low = amp.convert_symbol(detector.backbone(images), 'bfloat16')
    with warnings.catch_warnings():
        # It can't tell the type of the images before it sees some.
        warnings.filterwarnings('ignore', 'Cannot decide type')
        backbone = gluon.SymbolBlock(low.as_np_ndarray(), images,
                                     params=parameters)
    # Convolutions take in what follows them, which saves a tenth more.
    backbone.optimize_for(np.zeros((1, 3, *detector.size), ctx=ctx),
                          backend='MKLDNN', static_alloc=True,
                          static_shape=True)
    return detector._replace(backbone=backbone)

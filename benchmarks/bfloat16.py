"""Inference in bfloat16, where the processor has it."""
from __future__ import annotations

import warnings
from pathlib import Path

from mxnet import gluon, np, symbol
from mxnet.contrib import amp

from d2l_ext.detector.inference import Detector


def has_bfloat16() -> bool:
    """Whether the processor has instructions for bfloat16."""
    try:
        return ' avx512_bf16' in Path('/proc/cpuinfo').read_text()
    except OSError:
        return False


def with_bfloat16(detector: Detector) -> Detector:
    """The same detector with the backbone's convolutions in bfloat16.

    A bfloat16 has the range of a float32, but 8 bits of precision instead of
    24; a processor that supports it multiplies twice as many at a time.
    Features differ in the third digit, the probabilities of detections in the
    second or third. The new backbone is for inference only; it shares the
    parameters of the original one and so follows its training. On a device or
    processor without bfloat16, where emulation would take longer, returns
    `detector` itself.
    """
    parameters = detector.backbone.collect_params()
    ctx = next(iter(parameters.values())).list_ctx()[0]
    if ctx.device_type != 'cpu' or not has_bfloat16():
        return detector
    images = symbol.var('images').as_np_ndarray()
    low = amp.convert_symbol(detector.backbone(images), 'bfloat16')
    with warnings.catch_warnings():
        # It can't infer the type of the images before it sees some.
        warnings.filterwarnings('ignore', 'Cannot decide type')
        backbone = gluon.SymbolBlock(low.as_np_ndarray(), images,
                                     params=parameters)
    # Fusing convolutions with what follows them saves another tenth.
    backbone.optimize_for(np.zeros((1, 3, *detector.size), ctx=ctx),
                          backend='MKLDNN', static_alloc=True,
                          static_shape=True)
    return detector._replace(backbone=backbone)

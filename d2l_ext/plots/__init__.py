"""Figures: pictures with boxes, explanations with sliders, precision-recall.

A figure draws what other modules compute. The learning curves of a training
are in `d2l_ext.runtime.live_plot`, because the training loop needs them.
"""

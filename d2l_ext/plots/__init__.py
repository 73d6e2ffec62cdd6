"""Figures: pictures with boxes, explanations with sliders, precision-recall.

A figure draws what other modules compute. The learning curves of a training
are in `d2l_ext.runtime.learning_curves`, because the training loop needs them.
"""

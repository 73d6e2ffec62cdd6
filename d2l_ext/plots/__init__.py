"""Figures: pictures with boxes, sliders, curves of an evaluation.

Nothing is computed here that another module could not compute; the curves
of a running training are in `d2l_ext.runtime.live_plot`.
"""

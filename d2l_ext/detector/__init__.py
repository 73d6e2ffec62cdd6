"""A complete detector, from pictures to named boxes, beyond the chapter.

What the solutions and `make detect` share: inference, recipes, a better
second stage, joint training and an analysis of errors. The chapter's own
models are in `d2l_ext.rpn` and `d2l_ext.rcnn`.
"""

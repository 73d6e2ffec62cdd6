"""A detector from pictures to named boxes: what goes beyond the chapter.

Inference, recipes and the second stage of the solutions and of
`make detect`. The chapter's own models are `d2l_ext.rpn` and
`d2l_ext.rcnn`.
"""

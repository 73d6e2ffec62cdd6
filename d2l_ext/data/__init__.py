"""Data sets: finding, reading, checking and batching pictures with boxes.

The embedded set is drawn in `d2l_ext.drawn`; anchors, labels and everything
else that happens to a batch are in the modules of the chapter.
"""

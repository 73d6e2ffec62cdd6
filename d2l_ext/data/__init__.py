"""Data sets: finding, reading, checking and batching pictures with boxes.

The embedded set is drawn in `d2l_ext.drawn`; what happens to a batch on the
network's side is in the modules above this folder.
"""

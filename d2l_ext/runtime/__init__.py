"""What surrounds a training: devices, checkpoints, files, progress.

Nothing here knows boxes or anchors. What several processes need to work
together is in `d2l_ext.distributed`.
"""

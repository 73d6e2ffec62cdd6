"""Several devices or hosts that train one model together.

`replicas` shares out a batch, and `membership` notices when a process is
lost. Devices are chosen in `d2l_ext.runtime`; the training loop, which is the
same on one device and on many, is `d2l_ext.training`.
"""

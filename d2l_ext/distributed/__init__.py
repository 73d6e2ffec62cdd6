"""Training on several devices and hosts as one.

`membership` needs no MXNet: it is imported before it, see
`d2l_ext/__init__.py`. The training loop itself is `d2l_ext.training`.
"""

"""What a run stands on: devices, files, checkpoints, the machine.

Nothing here looks at boxes. Several processes are in
`d2l_ext.distributed`.
"""

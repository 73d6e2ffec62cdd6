"""The embedded data set: cats and dogs, drawn by the project itself.

It is read like any other data set, by `d2l_ext.data`.
"""

"""The embedded data set: pictures of cats and dogs that the project draws.

It is read by `d2l_ext.data`, like any other data set.
"""

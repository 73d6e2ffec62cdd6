"""Files that are replaced whole, or left as they are."""
import os


def write_whole(path, content):
    """Replace a file by a new one with these bytes, or leave it.

    `d2l_ext.replacing` does the same, but loads MXNet, which takes seconds.
    """
    partial = path.with_name(f'.{path.name}.part')
    try:
        with open(partial, 'wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)

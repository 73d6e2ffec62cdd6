"""Print the peak of memory, in bytes, while a data set is read.

    python benchmarks/memory.py bare             only the imports
    python benchmarks/memory.py loader 1300 10   ten epochs, decoded as needed
    python benchmarks/memory.py decoded 1300     all pictures as float32
"""
import os
import resource
import sys
import tempfile
from pathlib import Path

import d2l_ext as d2l  # isort: skip
from mxnet import np, npx

SIDE = 256


def enlarged_set(folder, num_pictures):
    """A data set of any size: links to pictures of the embedded set."""
    source, _ = d2l.voc_dir()
    names = (source / 'ImageSets/Main/train.txt').read_text().split()
    root = Path(folder)
    for kind in ('JPEGImages', 'Annotations', 'ImageSets/Main'):
        (root / kind).mkdir(parents=True)
    new = [f'{number:06d}' for number in range(num_pictures)]
    for number, name in enumerate(new):
        old = names[number % len(names)]
        for kind, suffix in (('JPEGImages', 'jpg'), ('Annotations', 'xml')):
            # Python would keep more of a Path than the data set does.
            os.symlink(f'{source.resolve()}/{kind}/{old}.{suffix}',
                       f'{root}/{kind}/{name}.{suffix}')
    for class_name in ('cat', 'dog'):
        (root / 'ImageSets/Main' / f'{class_name}_train.txt').write_text(
            ''.join(f'{name}\n' for name in new))
    return d2l.VOCDetection(root, 'train', SIDE, SIDE)


def main():
    npx.set_np()
    what = sys.argv[1]
    if what != 'bare':
        with tempfile.TemporaryDirectory() as folder:
            dataset = enlarged_set(folder, int(sys.argv[2]))
            loader = d2l.load_batches(dataset, 32, train=True)
            if what == 'decoded':
                kept = [X for X, _ in loader]
                np.concatenate(kept[:1]).wait_to_read()
            else:
                for _ in range(int(sys.argv[3])):
                    for X, _ in loader:
                        X.wait_to_read()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak * 1024)


if __name__ == '__main__':
    main()

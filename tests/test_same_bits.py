"""Training and inference give the same bits, whatever OpenBLAS chooses."""
import os
import subprocess
import sys

import pytest
from helpers import ROOT

TRAIN = """
import hashlib, sys
import d2l_ext as d2l
from mxnet import npx
npx.set_np()
npx.random.seed(1)
batches = d2l.load_data_voc_detection(16, 64, 64)
recipe = getattr(d2l, sys.argv[1])
recipe = recipe._replace(steps=tuple(
    step._replace(num_epochs=1) for step in recipe.steps))
detector = d2l.make_detector(recipe, ['cat', 'dog'])
d2l.train_recipe(recipe, detector, *batches)
bits = hashlib.sha256()
for model in detector[:3]:
    for value in model.collect_params().values():
        bits.update(value.data().asnumpy().tobytes())
detections, proposals = d2l.detect_batches(detector, batches[1].dataset)
for array in [array for image in detections + proposals for array in image]:
    bits.update(array.asnumpy().tobytes())
print(bits.hexdigest())
"""


def bits_of(recipe, **variables):
    """Digest of parameters, detections and proposals of a short training."""
    kept = {name: value for name, value in os.environ.items()
            if name != 'OPENBLAS_CORETYPE'}
    return subprocess.run(
        [sys.executable, '-c', TRAIN, recipe], cwd=ROOT, text=True,
        capture_output=True, check=True,
        env={**kept, 'D2L_TEST_MODE': '1', **variables}).stdout.split()[-1]


@pytest.mark.parametrize('recipe', ['CHAPTER', 'BEST'])
def test_blas_has_no_part_in_it(recipe):
    assert bits_of(recipe) == bits_of(recipe, OPENBLAS_CORETYPE='Nehalem')

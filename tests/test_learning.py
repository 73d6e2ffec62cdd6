"""Proof that training works: it can learn a few pictures by heart."""
from mxnet import npx

from d2l_ext import (
    BEST,
    Step,
    VOCDetection,
    detect_batches,
    evaluate_detection,
    load_batches,
    make_detector,
    train_recipe,
    voc_dir,
)


def test_twelve_pictures_are_learned_by_heart():
    """The best recipe on small pictures, all of them in each batch."""
    recipe = BEST._replace(side=64)
    root, _ = voc_dir()
    dataset = VOCDetection(root, 'train', recipe.side, recipe.side)
    dataset.names, dataset.objects = dataset.names[:12], dataset.objects[:12]
    batch, = load_batches(dataset, 12)
    npx.random.seed(1)
    detector = make_detector(recipe, dataset.classes)
    # The running means of batch normalisation lag behind the parameters by
    # a dozen steps, which is a lot of so few. Steps of next to no length
    # let them catch up.
    for rate, num_steps in ((1., 110), (1e-3, 25)):
        train_recipe(recipe._replace(steps=(Step('joint', 1, rate, rate),)),
                     detector, [batch] * num_steps, [batch])
    # Two cats sit so close that NMS at 0.3 would take one for a double.
    detections, _ = detect_batches(detector, dataset, nms_threshold=.5)
    scores = evaluate_detection(detections, dataset)
    assert scores['mAP'] >= .95, scores

"""The embedded set is what the README says it is, for everybody."""
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import numpy
import pytest
from PIL import Image

from d2l_ext.data.annotations import read_annotation
from d2l_ext.data.voc import VOCDetection
from d2l_ext.drawn import dataset as drawn_set

PICTURES = 60
# Size, animals, first box and brightness of a few pictures: they stay.
RECORDED = {
    0: ((256, 256), ['dog', 'dog', 'dog'], (121, 33, 189, 104), 151),
    4: ((240, 320), ['dog'], (12, 55, 173, 181), 144),
    6: ((400, 240), ['cat', 'dog'], (143, 116, 197, 164), 124),
    7: ((400, 240), ['dog', 'cat'], (296, 179, 359, 240), 106),
    8: ((400, 300), ['dog', 'cat'], (258, 169, 364, 288), 148),
}


@pytest.fixture(scope='module')
def pictures():
    return [drawn_set.draw_picture(numpy.random.default_rng((2020, i)))
            for i in range(PICTURES)]


@pytest.mark.parametrize('number', RECORDED)
def test_the_set_stays_as_it_is(pictures, number):
    image, objects = pictures[number]
    assert (image.size, [o.name for o in objects], objects[0].box,
            round(float(numpy.asarray(image).mean()))) == RECORDED[number]


def test_each_picture_as_described(pictures):
    sizes, counts, names = Counter(), Counter(), Counter()
    for image, objects in pictures:
        sizes[image.size] += 1
        counts[len(objects)] += 1
        names.update(o.name for o in objects)
        for item in objects:
            xmin, ymin, xmax, ymax = item.box
            assert 1 <= xmin < xmax <= image.width
            assert 1 <= ymin < ymax <= image.height
            assert item.truncated == (
                min(xmin, ymin) == 1 or xmax == image.width
                or ymax == image.height)
            assert .12 <= (xmax - xmin + 1) / image.width <= .7
            assert .12 <= (ymax - ymin + 1) / image.height <= .7
    assert len(sizes) >= 8
    assert set(counts) == {1, 2, 3, 4}
    assert min(names['cat'], names['dog']) > PICTURES / 2
    for trait in ('truncated', 'difficult'):
        assert any(getattr(o, trait) for _, objects in pictures
                   for o in objects)
    assert any(len({o.name for o in objects}) == 2
               for _, objects in pictures)


def test_devkit_layout(tmp_path, pictures):
    root = drawn_set.make_drawn_set(tmp_path, 6, 3)
    assert sorted(p.name for p in root.iterdir()) == [
        'Annotations', 'ImageSets', 'JPEGImages']
    lists = root / 'ImageSets' / 'Main'
    names = (lists / 'train.txt').read_text().split()
    assert names == [f'{i:06d}' for i in range(6)]
    assert len((lists / 'val.txt').read_text().split()) == 3
    for i, name in enumerate(names):
        image = Image.open(root / 'JPEGImages' / f'{name}.jpg')
        drawn, objects = pictures[i]
        difference = (numpy.asarray(image, float) - numpy.asarray(drawn))
        assert abs(difference).mean() < 6    # JPEG's loss
        read = read_annotation(root / 'Annotations' / f'{name}.xml')
        assert [(o.name, o.difficult) for o in read] == [
            (o.name, o.difficult) for o in objects]
        assert [(x1 + 1, y1 + 1, x2, y2) for _, (x1, y1, x2, y2), _ in
                read] == [o.box for o in objects]
    for class_name in ('cat', 'dog'):
        for line, (_, objects) in zip(
                (lists / f'{class_name}_train.txt').read_text().splitlines(),
                pictures):
            flags = [o.difficult for o in objects if o.name == class_name]
            expected = 1 if False in flags else 0 if flags else -1
            assert int(line.split()[1]) == expected


def test_it_is_drawn_once(tmp_path):
    root = drawn_set.make_drawn_set(tmp_path, 2, 1)
    before = {p: p.stat().st_mtime_ns for p in root.rglob('*')}
    assert drawn_set.make_drawn_set(tmp_path, 2, 1) == root
    assert before == {p: p.stat().st_mtime_ns for p in root.rglob('*')}


def test_a_third_list_leaves_the_others_as_they_are(tmp_path):
    two, three = (drawn_set.make_drawn_set(tmp_path, 4, 2, *more)
                  for more in ((), (3,)))
    for path in two.rglob('*.*'):
        assert (three / path.relative_to(two)).read_bytes() == (
            path.read_bytes())
    lists = three / 'ImageSets' / 'Main'
    names = [f'{i:06d}' for i in range(6, 9)]
    assert (lists / 'test.txt').read_text().split() == names
    assert len((lists / 'cat_test.txt').read_text().splitlines()) == 3
    assert sorted(path.stem for path in (three / 'JPEGImages').iterdir()
                  )[6:] == names
    assert len(VOCDetection(three, 'test', 32, 32)) == 3


MAKE = ('import sys; from d2l_ext.drawn.dataset import make_drawn_set; '
        'make_drawn_set(sys.argv[1], 40, 10)')


def test_an_interrupted_run_leaves_no_half_set(tmp_path):
    process = subprocess.Popen([sys.executable, '-c', MAKE, str(tmp_path)],
                               stderr=subprocess.DEVNULL)
    while not list(tmp_path.glob('*.partial/JPEGImages/*.jpg')):
        assert process.poll() is None
        time.sleep(.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not [p for p in tmp_path.iterdir() if p.suffix not in (
        '.lock', '.partial')]
    root = drawn_set.make_drawn_set(tmp_path, 40, 10)
    assert len(list((root / 'JPEGImages').iterdir())) == 50
    assert not list(tmp_path.glob('*.partial'))


def test_two_processes_at_once_get_one_set(tmp_path):
    """They begin together: one may load its modules longer than it draws."""
    wait = MAKE.replace('; make', '; print(flush=True); input(); make')
    processes = [subprocess.Popen(
        [sys.executable, '-c', wait, str(tmp_path)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in range(2)]
    for process in processes:
        process.stdout.readline()
    for process in processes:
        process.stdin.write(b'\n')
        process.stdin.close()
    assert [p.wait() for p in processes] == [0, 0]
    root, = (p for p in tmp_path.iterdir() if p.is_dir())
    assert len(list((root / 'Annotations').iterdir())) == 50

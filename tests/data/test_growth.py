"""Reading a data set takes time that grows as the data set does.

Calls of functions are counted, not seconds.
"""
import json
import sys

import data_sets
import pytest

from d2l_ext.data.batches import load_datasets
from d2l_ext.data.layouts import find_layout


def num_calls(function):
    """How many functions are called, built-in ones among them."""
    count = 0

    def note(frame, event, argument):
        nonlocal count
        count += event in ('call', 'c_call')

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


def calls_of_start(folder, monkeypatch, **what):
    data_sets.make(folder, **what)
    monkeypatch.setenv('D2L_VOC_DIR', str(folder))
    return num_calls(lambda: load_datasets(8, 8, quiet=True))


@pytest.mark.parametrize('kind', data_sets.FORMATS)
def test_four_times_the_pictures(kind, tmp_path, monkeypatch):
    few, many = (calls_of_start(
        tmp_path / str(size), monkeypatch, kind=kind,
        sizes={'train': 4 * size, 'val': size}) for size in (10, 40))
    assert few < many < 4.2 * few


def test_four_times_the_classes(tmp_path, monkeypatch):
    few, many = (calls_of_start(
        tmp_path / str(number), monkeypatch, kind='XML beside pictures',
        sizes={'train': 200}, num_classes=number) for number in (40, 160))
    assert few < many < 2 * few


def test_pictures_of_one_name_in_many_folders(tmp_path):
    """As frames of many videos, each counted from 1."""
    def calls(number):
        root = tmp_path / str(number)
        for video in range(number):
            data_sets.link(root / f'video{video}', ['1'],
                           data_sets.drawn_pictures('val')[:1])
        images = [{'id': video, 'file_name': f'video{video}/1.jpg'}
                  for video in range(number)]
        (root / 'all.json').write_text(json.dumps(
            {'images': images, 'annotations': [], 'categories': []}))
        return num_calls(lambda: find_layout(root))

    few, many = calls(20), calls(80)
    assert few < many < 4.2 * few

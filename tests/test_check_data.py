"""One call tells everything that is wrong with a data set."""
import subprocess
import sys

import pytest
from helpers import ROOT, small_set


def check(folder):
    done = subprocess.run(
        [sys.executable, ROOT / 'tools' / 'check_data.py', folder],
        capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def devkit(tmp_path):
    return small_set(tmp_path)


def test_a_good_set(devkit):
    code, said, _ = check(devkit)
    assert code == 0
    assert '12 of 12 pictures can be used' in said
    assert said.rstrip().endswith('No problems.')


def test_everything_at_once(devkit):
    (devkit / 'JPEGImages' / '000000.jpg').write_text('<html>')
    (devkit / 'Annotations' / '000001.xml').write_text('<annotation>')
    annotation = devkit / 'Annotations' / '000002.xml'
    text = annotation.read_text()
    start, end = text.index('<xmax>'), text.index('</xmax>')
    annotation.write_text(f'{text[:start]}<xmax>-9{text[end:]}')
    lists = devkit / 'ImageSets' / 'Main'
    for row in ('missing 1', '000003 1', '000003 1'):
        with open(lists / 'cat_train.txt', 'a') as file:
            file.write(f'{row}\n')
    (lists / 'cow_train.txt').write_text('000003 -1\n')
    (lists / 'dog_val.txt').write_bytes(b'\xff\xfe')
    code, said, _ = check(devkit)
    assert code == 1
    for part in ('000000.jpg: not a picture', '000001.xml: not an XML',
                 '000002.xml: the box of a', 'missing.jpg: there is no such',
                 'names are there more than once, 000003',
                 'cow_train.txt: no picture has the flag 1',
                 'dog_val.txt: not a list in UTF-8'):
        assert part in said
    assert '10 of 13 pictures can be used' in said
    assert said.rstrip().endswith('7 problems.')


def test_no_data_set(tmp_path):
    code, _, complaint = check(tmp_path / 'nowhere')
    assert code == 1
    assert 'Name a folder in VOC layout' in complaint
    assert 'Traceback' not in complaint

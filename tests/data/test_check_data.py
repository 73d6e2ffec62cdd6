"""One call tells everything that is wrong with a data set."""
import pytest
from helpers import run_tool, small_set

from d2l_ext.errors import some_of


def check(folder):
    return run_tool('check_data.py', folder)


@pytest.fixture
def devkit(tmp_path):
    return small_set(tmp_path)


def test_a_good_set(devkit):
    code, said, _ = check(devkit)
    assert code == 0
    assert '12 of 12 pictures can be used' in said
    assert 'No problems.' in said
    assert said.splitlines()[-1].startswith('`make detector` would train on')


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
                 'names are there more than once: 000003',
                 'cow_train.txt: no picture has the flag 1',
                 'cat_train.txt: 000003 has the flag 1, but shows no cat',
                 'dog_val.txt: not a list in UTF-8'):
        assert part in said
    assert '10 of 13 pictures can be used' in said
    assert '8 problems.' in said
    assert '`make detector` would stop.' in said.splitlines()[-1]
    assert 'dog_val.txt: not a list' in said.splitlines()[-1]


CONTRADICTIONS = {
    'cat_train': ('000000 1', '000000 has the flag 1, but shows no cat'),
    'cat_val': ('000001 -1', '000001 shows a cat, but does not have'),
    'cat_test': ('000001 0', '000001 shows a cat, but does not have'),
    'small_cat_trainval': ('000000 1', '000000 has the flag 1, but shows no '
                                       'small_cat')}
AGREEING = {'cat_train': '000001 1\n000002 0\n000003 -1\n000000 -1',
            'cat_val': '000002 1\n000003 -1', 'dog_val': '000000 1',
            'cat_from_above': '000000 1', 'train': '000001\n000003'}


def write_lists(devkit, lists):
    """Of four pictures: a dog, a cat, a difficult cat, nothing at all."""
    one = '<object><name>{}</name><difficult>{}</difficult>{}</object>'
    box = ('<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax>'
           '</bndbox>')
    for number, kind in enumerate([('dog', 0), ('cat', 0), ('cat', 1), None]):
        path = devkit / 'Annotations' / f'00000{number}.xml'
        path.write_text('<annotation>' + (one.format(*kind, box) if kind
                                          else '') + '</annotation>')
    for path in (devkit / 'ImageSets' / 'Main').iterdir():
        path.unlink()
    for name, rows in lists.items():
        (devkit / 'ImageSets' / 'Main' / f'{name}.txt').write_text(rows)


def test_lists_that_contradict_the_annotations(devkit):
    write_lists(devkit, {name: row for name, (row, _)
                         in CONTRADICTIONS.items()})
    code, said, _ = check(devkit)
    assert code == 1
    for name, (_, message) in CONTRADICTIONS.items():
        assert f'{name}.txt: {message}' in said
    # The lists of val and of test have no picture at all.
    assert '6 problems.' in said
    write_lists(devkit, AGREEING)
    code, said, _ = check(devkit)
    assert code == 0
    assert 'No problems.' in said


def test_no_data_set(tmp_path):
    code, _, complaint = check(tmp_path / 'nowhere')
    assert code == 1
    assert 'Name a folder with pictures' in complaint
    assert 'Traceback' not in complaint


def test_what_would_fill_the_screen_is_cut():
    """A data set may have hundreds of classes, or thousands of copies."""
    assert some_of([]) == ''
    assert some_of('abc') == some_of('abc', 2) == 'a, b, c'
    assert some_of('abcd', 2) == 'a, b and 2 more'
    assert some_of(map(str, range(2000)), 1) == '0 and 1,999 more'

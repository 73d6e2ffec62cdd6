"""Files of a data set: annotations and lists, well made or not."""
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from d2l_ext.data import annotations
from d2l_ext.data.annotations import VOCObject, read_annotation, read_list
from d2l_ext.errors import DatasetError

BOX = ('<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax>'
       '</bndbox>')


def annotation(body):
    return f'<annotation><object>{body}</object></annotation>'


def test_boxes_count_from_one_and_include_their_last_pixel(tmp_path):
    path = tmp_path / 'a.xml'
    path.write_text(annotation(
        '<name> cat </name><difficult>1</difficult><bndbox><xmax>10</xmax>'
        '<xmin>1</xmin><ymin>2</ymin><ymax>20.5</ymax></bndbox>'))
    assert read_annotation(path) == [
        VOCObject('cat', (0, 1, 10, 20.5), True)]


@pytest.mark.parametrize(('text', 'message'), [
    ('no XML', 'not an XML annotation'),
    ('<annotation><object>', 'not an XML annotation'),
    ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', 'not an XML annotation'),
    (annotation('<name>cat</name>'), 'needs a <name> and a <bndbox>'),
    (annotation('<name>cat</name><bndbox><xmin>wide</xmin></bndbox>'),
     'needs a <name> and a <bndbox>'),
])
def test_a_broken_annotation_is_named(tmp_path, text, message):
    path = tmp_path / 'broken.xml'
    path.write_text(text)
    with pytest.raises(DatasetError, match=message) as raised:
        read_annotation(path)
    assert 'broken.xml' in str(raised.value)


@pytest.mark.parametrize(('encoding', 'declared'), [
    ('utf-8', ''), ('utf-8-sig', ''),
    ('utf-16', '<?xml version="1.0" encoding="utf-16"?>'),
    ('latin-1', '<?xml version="1.0" encoding="ISO-8859-1"?>'),
    ('cp1252', '<?xml version="1.0" encoding="windows-1252"?>')])
def test_annotations_in_other_encodings(tmp_path, encoding, declared):
    path = tmp_path / 'a.xml'
    text = annotation(f'<name>Kätzchen</name>\r\n{BOX}')
    path.write_bytes(f'{declared}{text}'.encode(encoding))
    assert read_annotation(path) == [
        VOCObject('Kätzchen', (0, 1, 30, 40), False)]


def test_an_encoding_that_is_not_declared_is_refused(tmp_path):
    path = tmp_path / 'a.xml'
    path.write_bytes(annotation(f'<name>Kätzchen</name>{BOX}'
                                ).encode('latin-1'))
    with pytest.raises(DatasetError, match=r'a\.xml: not an XML'):
        read_annotation(path)


@pytest.mark.parametrize('name', ['nonsense', 'shift_jis', 'utf-7', 'hex'])
def test_an_encoding_that_cannot_be_read_is_refused(tmp_path, name):
    path = tmp_path / 'a.xml'
    path.write_text(f'<?xml version="1.0" encoding="{name}"?>'
                    + annotation(f'<name>cat</name>{BOX}'))
    with pytest.raises(DatasetError, match=r'a\.xml: not an XML'):
        read_annotation(path)


def bomb():
    levels = ''.join(
        f'<!ENTITY b{i} "{f"&b{i - 1};" * 10}">' for i in range(1, 10))
    return (f'<!DOCTYPE a [<!ENTITY b0 "meow">{levels}]>'
            '<annotation>&b9;</annotation>')


@pytest.mark.parametrize('text', [
    bomb(), '<!DOCTYPE a [<!ENTITY b "meow">]><annotation>&b;</annotation>',
    '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>',
    '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a>&e;</a>'])
def test_hostile_annotations_are_refused(tmp_path, text):
    path = tmp_path / 'a.xml'
    path.write_text(text)
    with pytest.raises(DatasetError, match=r'a\.xml: not an XML'):
        read_annotation(path)


@pytest.mark.parametrize(('content', 'names'), [
    (b'a  1\nb -1\nc  0\nd 1\n', ['a', 'd']),
    (b'a\nb\n', ['a', 'b']),
    (b'\xef\xbb\xbfa 1\r\n\r\nb\t1  \r\n   \r\n', ['a', 'b']),
    (b'my cat 1\nmy dog -1\nold cat 2\n', ['my cat', 'old cat 2']),
    ('Kätzchen 1\n1 1\n1\n'.encode(), ['Kätzchen', '1', '1']),
    (b'', [])])
def test_lists(tmp_path, content, names):
    path = tmp_path / 'cat_train.txt'
    path.write_bytes(content)
    assert read_list(path) == names


def test_a_list_that_is_no_text_is_named(tmp_path):
    path = tmp_path / 'cat_train.txt'
    path.write_bytes(b'a 1\n\xff\xfe\x00')
    with pytest.raises(DatasetError, match=r'cat_train\.txt: not a list'):
        read_list(path)
    with pytest.raises(DatasetError, match='no such list'):
        read_list(tmp_path / 'dog_train.txt')


@pytest.mark.parametrize(('size', 'expected'), [
    ('<size><width>4</width><height>3</height></size>', (4, 3)),
    ('<size><width>wide</width><height>3</height></size>', None),
    ('<size><width>4</width></size>', None), ('', None)])
def test_size(tmp_path, size, expected):
    path = tmp_path / 'a.xml'
    path.write_text(f'<annotation>{size}</annotation>')
    assert annotations.read_content(path).size == expected


# Set it to search for longer, in another place each time.
FUZZ = int(os.environ.get('D2L_FUZZ_EXAMPLES', 0))
fuzzed = settings(deadline=None, max_examples=FUZZ or 1500,
                  derandomize=not FUZZ, database=None)
# Mutations of a good file find more than noise does.
GOOD = annotation(f'<name>cat</name><difficult>0</difficult>{BOX}').encode()
PIECES = st.one_of(st.binary(max_size=8), st.sampled_from(
    [b'<object>', b'</object>', b'<bndbox>', b'<xmin>', b'nan', b'1e999',
     b'&lt;', b'<!DOCTYPE a [', b']>', b'<?xml version="1.0"?>', b'<name>',
     b'\xff\xfe', b'-', b'_', b'1_0', b'\x00']))


@st.composite
def mutated(draw, good):
    start = draw(st.integers(0, len(good)))
    end = draw(st.integers(start, min(len(good), start + 40)))
    return good[:start] + draw(PIECES) + good[end:]


@fuzzed
@given(data=st.one_of(mutated(GOOD), st.binary(max_size=60)))
def test_only_our_error_comes_out_of_annotations(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / 'fuzzed.xml'
    path.write_bytes(data)
    try:
        objects = annotations.read_content(path).objects
        read_annotation(path)
    except DatasetError as error:
        assert 'fuzzed.xml' in str(error)   # noqa: PT017
        return
    for item in objects:
        assert isinstance(item.name, str)
        assert all(abs(side) < float('inf') for side in item.box)


@fuzzed
@given(data=st.one_of(mutated(b'2007_000027  1\n2007_000032 -1\r\n'),
                      st.binary(max_size=60)))
def test_only_our_error_comes_out_of_lists(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / 'fuzzed.txt'
    path.write_bytes(data)
    try:
        names = read_list(path)
    except DatasetError as error:
        assert 'fuzzed.txt' in str(error)   # noqa: PT017
        return
    assert all(name and name == name.strip() for name in names)

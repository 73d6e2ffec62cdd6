"""Search for a file that makes a reader raise what is not our own error.

    pip install atheris
    python tests/data/fuzz_readers.py annotations -runs=1000000 -max_len=4096

The first word is `annotations` or `lists`; options of libFuzzer follow. It
goes where the code has not been yet, which random bytes seldom do, and stops
at the first finding.
"""
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=['d2l_ext', 'xml', 'defusedxml']):
    from d2l_ext.data.annotations import (
        read_annotation,
        read_content,
        read_list,
    )
    from d2l_ext.errors import DatasetError

WORDS = """annotation object name bndbox xmin ymin xmax ymax difficult size
width height < > </ /> <!DOCTYPE <!ENTITY SYSTEM & ; <?xml encoding= utf-16
latin-1 nan inf 1e999 -1 0x 1_0 xmlns: <![CDATA[ ]]>"""
GOOD = {'annotations': (
    b'<annotation><size><width>80</width><height>60</height></size><object>'
    b'<name>cat</name><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>2'
    b'</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object></annotation>'),
    'lists': b'2007_000027  1\n2007_000032 -1\r\nmy cat  0\n'}


def read(kind, path):
    if kind == 'lists':
        assert all(name == name.strip() != '' for name in read_list(path))
        return
    for item in read_content(path).objects:
        assert isinstance(item.name, str)
        assert all(abs(side) < float('inf') for side in item.box)
    read_annotation(path)


def main():
    kind, *options = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        seeds, words = Path(folder, 'seeds'), Path(folder, 'words')
        seeds.mkdir()
        (seeds / 'good').write_bytes(GOOD[kind])
        words.write_text('\n'.join(
            '"' + ''.join(f'\\x{byte:02x}' for byte in word.encode()) + '"'
            for word in WORDS.split()))
        path = Path(folder, 'fuzzed')

        def try_one(data):
            path.write_bytes(data)
            try:
                read(kind, path)
            except DatasetError as error:
                assert 'fuzzed' in str(error)   # noqa: PT017

        atheris.Setup([sys.argv[0], f'-dict={words}', *options, str(seeds)],
                      try_one)
        atheris.Fuzz()


if __name__ == '__main__':
    main()

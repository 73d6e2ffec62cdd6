"""The download, against a real server on this machine."""
import hashlib
import io
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import fetch_voc2012
import pytest

from d2l_ext.errors import DatasetError

CONTENT = bytes(range(256)) * 4000
SHA1 = hashlib.sha1(CONTENT).hexdigest()


@pytest.fixture
def server():
    """Serves CONTENT; the attribute `cut` breaks off after so many bytes."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.headers.get('Range'))
            if self.path != '/file.tar':
                self.send_error(404)
                return
            start = int((asked[-1] or 'bytes=0-')[6:-1])
            if start >= len(CONTENT):
                self.send_error(416)
                return
            self.send_response(206 if start and self.server.ranges else 200)
            body = CONTENT[start if self.server.ranges else 0:]
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body[:self.server.cut])

        def log_message(self, *args):
            pass

    asked = []
    server = HTTPServer(('127.0.0.1', 0), Handler)
    server.asked, server.cut, server.ranges = asked, None, True
    server.url = f'http://127.0.0.1:{server.server_port}/file.tar'
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_an_interrupted_download_goes_on(server, tmp_path):
    path = tmp_path / 'new' / 'file.tar'
    server.cut = 300_000
    with pytest.raises(DatasetError, match='call again'):
        fetch_voc2012.download(server.url, path, SHA1)
    assert not path.exists()
    server.cut = None
    assert fetch_voc2012.download(server.url, path, SHA1) == path
    assert path.read_bytes() == CONTENT
    assert server.asked[0] is None
    assert server.asked[1].startswith('bytes=')
    assert [p.name for p in path.parent.iterdir()] == ['file.tar']
    fetch_voc2012.download(server.url, path, SHA1)
    assert len(server.asked) == 2    # nothing is fetched twice


def test_a_server_without_ranges_begins_anew(server, tmp_path):
    server.ranges = False
    (tmp_path / 'file.tar.part').write_bytes(CONTENT[:5000])
    path = fetch_voc2012.download(server.url, tmp_path / 'file.tar', SHA1)
    assert path.read_bytes() == CONTENT


def test_a_whole_partial_file_is_taken(server, tmp_path):
    (tmp_path / 'file.tar.part').write_bytes(CONTENT)
    path = fetch_voc2012.download(server.url, tmp_path / 'file.tar', SHA1)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(('name', 'sha1', 'message'), [
    ('missing', SHA1, '404'), ('file.tar', '0' * 40, 'wrong checksum')])
def test_what_is_wrong_gets_no_final_name(server, tmp_path, name, sha1,
                                          message):
    url = server.url.replace('file.tar', name)
    with pytest.raises(DatasetError, match=message):
        fetch_voc2012.download(url, tmp_path / 'file.tar', sha1)
    assert not list(tmp_path.iterdir())


def archive(path, *members):
    with tarfile.open(path, 'w') as tar:
        for name, kind in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            member.linkname = '/etc/passwd'
            member.size = 3 if kind == tarfile.REGTYPE else 0
            tar.addfile(member, io.BytesIO(b'abc'))
    return path


def test_unpacking(tmp_path):
    good = archive(tmp_path / 'good.tar', ('VOC/a/b', tarfile.REGTYPE))
    root = fetch_voc2012.unpack(good, tmp_path, 'VOC')
    assert (root / 'a' / 'b').read_bytes() == b'abc'
    assert not list(tmp_path.glob('*.partial'))


@pytest.mark.parametrize('member', [
    ('VOC/../../evil', tarfile.REGTYPE), ('VOC/link', tarfile.SYMTYPE),
    ('VOC/device', tarfile.CHRTYPE)])
def test_hostile_archives_are_refused(tmp_path, member):
    folder = tmp_path / 'data'
    folder.mkdir()
    bad = archive(tmp_path / 'bad.tar', ('VOC/a', tarfile.REGTYPE), member)
    with pytest.raises(DatasetError, match='can not be unpacked'):
        fetch_voc2012.unpack(bad, folder, 'VOC')
    assert not list(folder.iterdir())
    assert sorted(p.name for p in tmp_path.iterdir()) == ['bad.tar', 'data']

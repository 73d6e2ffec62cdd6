"""The download, against a real server on this machine."""
import hashlib
import io
import os
import resource
import subprocess
import sys
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import fetch_voc2012
import pytest
from helpers import ROOT

from d2l_ext.errors import DatasetError

CONTENT = bytes(range(256)) * 8000
SHA1 = hashlib.sha1(CONTENT).hexdigest()
unpacks = pytest.mark.skipif(
    not hasattr(tarfile, 'data_filter'),
    reason='this Python, like that of Debian 12, unpacks no archive safely')


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(fetch_voc2012, 'PAUSE', .01)


@pytest.fixture
def impatient(monkeypatch):
    """To be called where a server stalls: a busy machine is slow, too."""
    return lambda: monkeypatch.setattr(fetch_voc2012, 'TIMEOUT', 1)


class Handler(BaseHTTPRequestHandler):
    """Serves `content`, and does to each request what `faults` says next."""

    def do_GET(self):
        server, asked = self.server, self.headers.get('Range')
        server.asked.append(asked)
        fault = server.faults.pop(0) if server.faults else server.always
        start = int((asked or 'bytes=0-')[6:-1]) if server.ranges else 0
        if self.path != '/file.tar':
            self.send_error(404)
        elif isinstance(fault, int) and 400 <= fault < 600:
            self.send_error(fault)
        elif fault == 'html':
            self.answer(200, b'<html>Log in first</html>', 'text/html')
        elif start >= len(server.content):
            self.send_error(416)
        else:
            self.answer(206 if start else 200, server.content[start:],
                        fault=fault)

    def answer(self, status, body, kind='application/x-tar', fault=None):
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if fault in ('cut', 'stall'):
            body = body[:300_000]
        self.wfile.write(body)
        if fault == 'stall':
            time.sleep(60)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    """A server on this machine."""
    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.asked, server.faults, server.always = [], [], None
    server.ranges, server.content = True, CONTENT
    server.url = f'http://127.0.0.1:{server.server_port}/file.tar'
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize('faults', [
    ['cut'], ['cut', 'cut', 'cut'], ['stall'], [500], [503, 502, 500, 504],
    ['cut', 500, 'stall', 'cut']])
def test_faults_that_pass_are_waited_for(server, tmp_path, impatient,
                                         faults):
    if 'stall' in faults:
        impatient()
    server.faults = list(faults)
    path = fetch_voc2012.download(server.url, tmp_path / 'file.tar', SHA1)
    assert path.read_bytes() == CONTENT
    assert len(server.asked) == len(faults) + 1
    assert [p.name for p in tmp_path.iterdir()] == ['file.tar']


@pytest.mark.parametrize(('fault', 'tries', 'message'), [
    (500, 5, '500'), ('stall', 5, 'timed out'), (403, 1, '403'),
    ('html', 1, 'web page')])
def test_faults_that_stay_are_told(server, tmp_path, impatient, fault, tries,
                                   message):
    """What had arrived before is kept."""
    if fault == 'stall':
        impatient()
    (tmp_path / 'file.tar.part').write_bytes(CONTENT[:5000])
    server.always = fault
    with pytest.raises(DatasetError, match=message):
        fetch_voc2012.download(server.url, tmp_path / 'file.tar', SHA1)
    assert len(server.asked) == tries
    kept = (tmp_path / 'file.tar.part').read_bytes()
    assert len(kept) >= 5000
    assert CONTENT.startswith(kept)
    assert not (tmp_path / 'file.tar').exists()


def test_nobody_answers(tmp_path):
    with pytest.raises(DatasetError, match='could not be downloaded'):
        fetch_voc2012.download('http://127.0.0.1:9/file.tar',
                               tmp_path / 'file.tar', SHA1)


def test_a_full_disk_is_told(server, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises(DatasetError, match='could not be written'):
            fetch_voc2012.download(server.url, tmp_path / 'file.tar', SHA1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    path = fetch_voc2012.download(server.url, tmp_path / 'file.tar', SHA1)
    assert path.read_bytes() == CONTENT
    assert server.asked[1] is not None


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import fetch_voc2012
import d2l_ext
d2l_ext.DATA_HUB['voc2012'] = sys.argv[2], sys.argv[3]
fetch_voc2012.main()
"""


@unpacks
def test_two_processes_at_once(server, tmp_path):
    """One downloads and unpacks, the other waits for it."""
    server.content = archive(tmp_path / 'voc.tar', (
        'VOCdevkit/VOC2012/JPEGImages/a.jpg', tarfile.REGTYPE)).read_bytes()
    command = [sys.executable, '-c', SCRIPT, str(ROOT / 'tools'), server.url,
               hashlib.sha1(server.content).hexdigest()]
    environment = {**os.environ, 'D2L_DATA_DIR': str(tmp_path / 'data')}
    both = [subprocess.Popen(command, env=environment, text=True,
                             stdout=subprocess.PIPE) for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted('already' in text for text in said) == [False, True]
    assert len(server.asked) == 1
    data = tmp_path / 'data'
    assert (data / 'VOCdevkit/VOC2012/JPEGImages/a.jpg').is_file()
    assert sorted(p.name for p in data.iterdir()) == [
        'VOC2012.lock', 'VOCdevkit']


def test_an_interrupted_download_goes_on(server, tmp_path):
    path = tmp_path / 'new' / 'file.tar'
    server.always = 'cut'
    with pytest.raises(DatasetError, match='call again'):
        fetch_voc2012.download(server.url, path, SHA1)
    assert not path.exists()
    server.always, server.asked[:] = None, []
    assert fetch_voc2012.download(server.url, path, SHA1) == path
    assert path.read_bytes() == CONTENT
    assert server.asked[0].startswith('bytes=')
    assert [p.name for p in path.parent.iterdir()] == ['file.tar']
    fetch_voc2012.download(server.url, path, SHA1)
    assert len(server.asked) == 1    # nothing is fetched twice


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


def test_a_python_that_cannot_do_it_safely(tmp_path, monkeypatch):
    monkeypatch.delattr(tarfile, 'data_filter', raising=False)
    good = archive(tmp_path / 'good.tar', ('VOC/a/b', tarfile.REGTYPE))
    with pytest.raises(DatasetError, match='too old'):
        fetch_voc2012.unpack(good, tmp_path, 'VOC')


@unpacks
def test_unpacking(tmp_path):
    good = archive(tmp_path / 'good.tar', ('VOC/a/b', tarfile.REGTYPE))
    root = fetch_voc2012.unpack(good, tmp_path, 'VOC')
    assert (root / 'a' / 'b').read_bytes() == b'abc'
    assert not list(tmp_path.glob('*.partial'))


@unpacks
@pytest.mark.parametrize('member', [
    ('VOC/../../evil', tarfile.REGTYPE), ('VOC/link', tarfile.SYMTYPE),
    ('VOC/link', tarfile.LNKTYPE), ('VOC/device', tarfile.CHRTYPE),
    ('VOC/disk', tarfile.BLKTYPE), ('VOC/pipe', tarfile.FIFOTYPE)])
def test_hostile_archives_are_refused(tmp_path, member):
    folder = tmp_path / 'data'
    folder.mkdir()
    bad = archive(tmp_path / 'bad.tar', ('VOC/a', tarfile.REGTYPE), member)
    with pytest.raises(DatasetError, match="can't be unpacked"):
        fetch_voc2012.unpack(bad, folder, 'VOC')
    assert not list(folder.iterdir())
    assert sorted(p.name for p in tmp_path.iterdir()) == ['bad.tar', 'data']


@unpacks
def test_absolute_paths_stay_inside(tmp_path):
    """Their first slash is dropped, and only VOC is kept."""
    outside = tmp_path / 'outside'
    good = archive(tmp_path / 'a.tar', ('VOC/a', tarfile.REGTYPE),
                   (str(outside), tarfile.REGTYPE))
    folder = tmp_path / 'data'
    folder.mkdir()
    fetch_voc2012.unpack(good, folder, 'VOC')
    assert not outside.exists()
    assert [str(p.relative_to(folder)) for p in sorted(
        folder.rglob('*'))] == ['VOC', 'VOC/a']


@unpacks
def test_a_link_does_not_lead_out(tmp_path):
    """First a link to a folder outside, then a file through it."""
    folder = tmp_path / 'data'
    folder.mkdir()
    with tarfile.open(tmp_path / 'bad.tar', 'w') as tar:
        link = tarfile.TarInfo('VOC/out')
        link.type, link.linkname = tarfile.SYMTYPE, '../../..'
        tar.addfile(link)
        evil = tarfile.TarInfo('VOC/out/evil')
        evil.size = 3
        tar.addfile(evil, io.BytesIO(b'abc'))
    with pytest.raises(DatasetError, match="can't be unpacked"):
        fetch_voc2012.unpack(tmp_path / 'bad.tar', folder, 'VOC')
    assert not list(tmp_path.rglob('evil'))
    assert not list(folder.iterdir())


@pytest.mark.parametrize('damage', ['cut', 'empty', 'other'])
def test_an_archive_that_is_none_is_told(tmp_path, damage):
    path = archive(tmp_path / 'a.tar', ('VOC/a', tarfile.REGTYPE))
    if damage == 'other':   # nothing of what we want is in it
        archive(path, ('a/b', tarfile.REGTYPE))
    else:
        path.write_bytes(path.read_bytes()[:700 if damage == 'cut' else 0])
    with pytest.raises(DatasetError, match="can't be unpacked"):
        fetch_voc2012.unpack(path, tmp_path, 'VOC')
    assert [p.name for p in tmp_path.iterdir()] == ['a.tar']

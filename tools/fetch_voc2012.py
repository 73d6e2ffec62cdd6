"""Download Pascal VOC2012 into the data folder and unpack it.

    python tools/fetch_voc2012.py

An interrupted download continues where it stopped. A file gets its final
name only when it is complete and its checksum is right.
"""
import hashlib
import os
import shutil
import sys
import tarfile
import time
from pathlib import Path

import requests
from filelock import FileLock
from tqdm import tqdm

import d2l_ext as d2l
from d2l_ext.data.folders import VOC2012

TIMEOUT = 30   # seconds without a byte
CHUNK = 1 << 16   # bytes; the most that an interruption loses
TRIES, PAUSE = 5, 2.   # seconds of the first pause; each one is doubled


def download(url: str, path: Path, sha1: str) -> Path:
    """Download a file, continuing a partial download of an earlier call.

    If the connection breaks or stalls, or the server fails, it tries again.
    Raises `DatasetError` if that does not help, if the server refuses, or if
    the checksum is wrong. In the last case the download is removed; otherwise
    it is kept for the next call.
    """
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + '.part')
    for pause in [PAUSE * 2**i for i in range(TRIES - 1)] + [None]:
        try:
            _fetch(url, partial)
            break
        except requests.RequestException as error:
            refused = error.response is not None and (
                error.response.status_code < 500)
            if refused or pause is None:
                raise d2l.DatasetError(
                    f'{url} could not be downloaded ({error}). The part that '
                    f'arrived is kept in {partial}; call again to continue '
                    'from there.') from error
            time.sleep(pause)
        except OSError as error:
            raise d2l.DatasetError(
                f'{partial} could not be written ({error.strerror}). Free '
                'some space and call again to continue from there.'
            ) from error
    if _sha1(partial) != sha1:
        partial.unlink()
        raise d2l.DatasetError(
            f'{url} has a wrong checksum (not {sha1}); the file was removed. '
            'Call again to download it from the beginning.')
    os.replace(partial, path)
    return path


def _fetch(url, partial):
    have = partial.stat().st_size if partial.exists() else 0
    headers = {'Range': f'bytes={have}-'} if have else None
    with requests.get(url, stream=True, timeout=TIMEOUT, headers=headers
                      ) as response:
        if response.status_code == 416:   # there is nothing beyond
            return
        response.raise_for_status()
        if 'html' in response.headers.get('Content-Type', ''):
            # For instance the login page of a network.
            raise requests.HTTPError('a web page came instead of the file',
                                     response=response)
        _append(response, partial, have)


def _append(response, partial, have):
    # A server that does not support ranges sends the file from its beginning.
    resumed = response.status_code == 206
    length = response.headers.get('Content-Length')
    total = int(length) + have * resumed if length else None
    with open(partial, 'ab' if resumed else 'wb') as file, tqdm(
            total=total, initial=have * resumed, unit='B', unit_scale=True,
            desc=partial.stem) as bar:
        for chunk in response.iter_content(CHUNK):
            file.write(chunk)
            bar.update(len(chunk))


def _sha1(path):
    digest = hashlib.sha1()
    with open(path, 'rb') as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def unpack(archive: Path, folder: Path, name: str) -> Path:
    """Unpack `name` from an archive into a temporary folder, then move it.

    Raises `DatasetError` if a member would leave the folder or is not an
    ordinary file.
    """
    if (folder / name).exists():
        return folder / name
    if not hasattr(tarfile, 'data_filter'):
        raise d2l.DatasetError(
            f'{archive} can\'t be unpacked: this Python is too old to do it '
            'safely. Use 3.9.17, 3.10.12, 3.11.4 or newer.')
    partial = folder / f'{name}.partial'
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(partial, filter='data')
        os.replace(partial / name, folder / name)
    except (tarfile.TarError, OSError) as error:
        raise d2l.DatasetError(f'{archive} can\'t be unpacked ({error}).'
                               ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder / name


def main():
    folder = d2l.data_dir()
    folder.mkdir(parents=True, exist_ok=True)
    url, sha1 = d2l.DATA_HUB['voc2012']
    try:
        # If two calls run at the same time, one waits for the other.
        with FileLock(folder / 'VOC2012.lock'):
            fetch(url, sha1, folder)
    except d2l.DatasetError as error:
        sys.exit(str(error))


def fetch(url: str, sha1: str, folder: Path) -> None:
    """Download and unpack, unless it has been done."""
    if (folder / VOC2012).is_dir():
        print(f'{folder / VOC2012} already exists.')
        return
    archive = download(url, folder / url.rsplit('/', 1)[1], sha1)
    unpack(archive, folder, VOC2012.parts[0])
    archive.unlink()
    print(f'{folder / VOC2012} is ready; the notebooks use it from now on.')


if __name__ == '__main__':
    main()

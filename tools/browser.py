"""The browser of this machine, driven by Playwright: for print, for tests."""
import contextlib
import os
import shutil
import sys

from playwright.sync_api import sync_playwright

NAMES = ('chromium', 'chromium-browser', 'google-chrome',
         'google-chrome-stable')
MISSING = ('No Chromium was found. Install one (Debian, Ubuntu: apt install '
           'chromium), or name it: CHROMIUM=/path/to/chrome make ...')


def find_chromium():
    """Path of a Chromium or Chrome, None if there is none.

    The environment variable CHROMIUM has the first word.
    """
    names = [os.environ['CHROMIUM']] if 'CHROMIUM' in os.environ else NAMES
    return next(filter(None, map(shutil.which, names)), None)


@contextlib.contextmanager
def chromium():
    """A browser without a window, ended on leaving."""
    path = find_chromium()
    if path is None:
        raise SystemExit(MISSING)
    # Chromium's sandbox does not work for root, as whom containers run.
    root = hasattr(os, 'geteuid') and os.geteuid() == 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=['--no-sandbox'] if root else [])
        yield browser
        browser.close()


if __name__ == '__main__':
    # For make: a missing browser is told before anything takes long.
    if find_chromium() is None:
        sys.exit(MISSING)

"""This machine's browser, driven by Playwright, for printing and tests."""
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

    The environment variable CHROMIUM takes precedence.
    """
    names = [os.environ['CHROMIUM']] if 'CHROMIUM' in os.environ else NAMES
    return next(filter(None, map(shutil.which, names)), None)


@contextlib.contextmanager
def chromium():
    """A browser without a window, closed at the end of the block."""
    path = find_chromium()
    if path is None:
        raise SystemExit(MISSING)
    # Chromium's sandbox does not work for root, the user of many containers.
    root = hasattr(os, 'geteuid') and os.geteuid() == 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=['--no-sandbox'] if root else [])
        yield browser
        browser.close()


if __name__ == '__main__':
    # For make: report a missing browser before anything takes long.
    if find_chromium() is None:
        sys.exit(MISSING)

"""A browser that sees no network, for all tests of this folder."""
import contextlib

import browser as machine
import pytest
from axe_playwright_python.sync_playwright import Axe


@pytest.fixture(scope='module')
def browser():
    """Chromium. It ends with the module: notebooks need the event loop."""
    with machine.chromium() as browser:
        yield browser


@contextlib.contextmanager
def heard(browser):
    """Make pages; nothing on them may fail, warn, or ask a network."""
    contexts, faults = [], []

    def listen(context):
        context.on('console', lambda message: message.type in (
            'error', 'warning') and faults.append(message.text))
        context.on('weberror', lambda fault: faults.append(str(fault.error)))
        # What is still on its way when a page is closed is aborted.
        context.on('requestfailed', lambda request: (
            request.failure == 'net::ERR_ABORTED' or faults.append(
                f'failed: {request.url}')))
        context.on('request', lambda request: request.url.startswith(
            ('file:', 'data:', 'about:', 'blob:')) or faults.append(
                f'asked for: {request.url}'))

    def new_page(width, height, scheme='light'):
        # Colours that change at once are never measured in between.
        context = browser.new_context(
            viewport={'width': width, 'height': height},
            color_scheme=scheme, reduced_motion='reduce', offline=True)
        contexts.append(context)
        # Windows that a page opens are heard, too.
        listen(context)
        return context.new_page()

    yield new_page
    for context in contexts:
        context.close()
    assert not faults


@pytest.fixture
def new_page(browser):
    """Make pages for one test."""
    with heard(browser) as new_page:
        yield new_page


@pytest.fixture(scope='module')
def shared_page(browser):
    """Make pages that tests of a module share, for loading takes long."""
    with heard(browser) as new_page:
        yield new_page


@pytest.fixture(scope='session')
def serious():
    """Find serious and critical faults of a page, or of a part of it."""
    axe = Axe()

    def serious(page, part=None, **options):
        # axe need not load the styles again, nor describe what is right.
        found = axe.run(page, context=part, options={
            'preload': False, 'resultTypes': ['violations'], **options
        }).response
        return [(page.url, fault['id'], node['html'][:200])
                for fault in found['violations'] for node in fault['nodes']
                if fault['impact'] in ('serious', 'critical')]
    return serious

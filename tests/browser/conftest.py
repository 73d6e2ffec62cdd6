"""A browser that sees no network, for all tests of this folder."""
import browser as machine
import pytest


@pytest.fixture(scope='module')
def browser():
    """Chromium. It ends with the module: notebooks need the event loop."""
    with machine.chromium() as browser:
        yield browser

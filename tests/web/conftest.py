"""A real browser, and the owner of the household that a module serves (`served`, its own fixture), signed in."""

import pytest

from support.served import CHROMIUM


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium, by Playwright; without it a test is skipped by name."""
    if not CHROMIUM.exists():
        pytest.skip("Debian's chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def owner(served, browser):
    """What the owner's browser holds once they are signed in."""
    with browser.new_context() as context:
        context.new_page().goto(served.link)
        yield context.storage_state()


@pytest.fixture
def page(owner, browser, request):
    """A page of theirs; options of its context by `indirect`."""
    with browser.new_context(storage_state=owner, **getattr(request, "param", {})) as context:
        yield context.new_page()

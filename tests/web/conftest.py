"""A real browser, and the owner of the household that a module serves (`served`, its own fixture), signed in."""

import pytest

from support.served import CHROMIUM


class PatientBrowser:
    """Playwright's browser; whatever is awaited on its pages may take long: a busy machine is no fault."""

    def __init__(self, found):
        self._found = found

    def __getattr__(self, name):
        return getattr(self._found, name)

    def new_context(self, **options):
        context = self._found.new_context(**options)
        context.set_default_timeout(120_000)
        return context


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium, by Playwright; without it a test is skipped by name."""
    if not CHROMIUM.exists():
        pytest.skip("Debian's chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield PatientBrowser(found)
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

"""A real browser."""

import pytest

from countenance.testing.served import CHROMIUM


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

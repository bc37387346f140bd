"""Coming in: the link of a household's owner, and the name, password and code of an organisation's account."""

import subprocess
import sys

import pyotp
import pytest

from countenance.app.home import open_home
from support.served import WIDTHS, axe_violations, serving

pytestmark = [pytest.mark.program, pytest.mark.slow]
PASSWORD = "a horse, a battery and a staple"


@pytest.fixture
def household(tmp_path, monkeypatch):
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "key"))
    open_home(tmp_path / "home").close()
    with serving(tmp_path / "home", tmp_path / "key") as served:
        yield served


def test_the_owner_comes_in_by_the_link_once_and_goes_out_again(household, browser):
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(household.url + "/status")
        assert page.url == household.url + "/sign-in?next=/status"
        page.goto(household.link)
        page.goto(household.url + "/status")
        assert page.get_by_role("heading", name="Status").is_visible()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_text("You are signed out.").wait_for()
        page.goto(household.link)
        assert page.get_by_text("this link was used", exact=False).is_visible()
        page.goto(household.url + "/status")
        assert "/sign-in" in page.url


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_frame_has_no_violation_and_asks_no_other_host(household, browser, width, scheme):
    with browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme) as context:
        page, asked, said = context.new_page(), [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        for path in ("/sign-in", "/nowhere"):
            page.goto(household.url + path)
            assert axe_violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert {url for url in asked if not url.startswith(household.url)} == set()
        assert [text for text in said if "404" not in text] == []


def test_an_account_comes_in_with_password_and_code_and_a_code_counts_once(tmp_path, monkeypatch, browser):
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "key"))
    with open_home(tmp_path / "home", kind="organisation") as home:
        new = home.sign_in.add("Ada", PASSWORD)
    code = pyotp.TOTP(new.totp_secret).now()
    with serving(tmp_path / "home", tmp_path / "key") as served, browser.new_context() as context:
        assert served.link is None
        page = context.new_page()

        def send(password, code):
            page.goto(served.url + "/sign-in?next=/status")
            page.get_by_label("Name").fill("Ada")
            page.get_by_label("Password").fill(password)
            page.get_by_label("Code").fill(code)
            page.get_by_role("button", name="Sign in").click()

        send(PASSWORD + "!", code)
        assert page.get_by_role("alert").is_visible()
        send(PASSWORD, code)
        assert page.url == served.url + "/status"
        page.get_by_role("button", name="Sign out").click()
        send(PASSWORD, code)  # within its half minute, and used
        assert page.get_by_role("alert").is_visible()


def test_a_form_of_another_site_is_refused(household, browser):
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(household.link)
        answer = context.request.post(household.url + "/sign-out", headers={"sec-fetch-site": "cross-site"})
        assert answer.status == 403
        answer = context.request.post(household.url + "/sign-out", form={"form_token": "f" * 64})
        assert answer.status == 403
        page.goto(household.url + "/status")
        assert page.get_by_role("heading", name="Status").is_visible()


def test_a_bind_that_others_reach_without_tls_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "key"))
    open_home(tmp_path / "home", kind="organisation").close()
    command = [sys.executable, "-m", "countenance.cli.entry", "--home", str(tmp_path / "home"), "serve"]
    done = subprocess.run([*command, "--host", "0.0.0.0"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "without TLS" in done.stderr

"""Access keys, clients and terms of retention: what whoever keeps a home does in the browser. No script is needed."""

from datetime import timedelta

import pyotp
import pytest
from pytest_socket import enable_socket

from countenance.app.home import open_home
from countenance.client import Client, Refused
from support.served import WIDTHS, axe_violations, serving

pytestmark = [pytest.mark.program, pytest.mark.slow]
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A household's home with a source whose term is over, and one whose grant has just ended."""
    root = tmp_path_factory.mktemp("keeping")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTENANCE_KEYFILE", str(root / "key"))
        for name in ("old", "ended"):
            (root / name).mkdir()
        with open_home(root / "home") as home:
            now = home.parts.stores.clock
            object.__setattr__(home.parts.stores, "clock", lambda: now() - timedelta(days=40))
            home.add_source("old", root / "old", basis="household", jurisdiction="CA-ON", retain_days=10)
            object.__setattr__(home.parts.stores, "clock", now)
            home.add_source("ended", root / "ended", basis="household", jurisdiction="CA-ON")
            home.withdraw("ended")
            for number in range(2):
                home.access_keys.make(f"a program with a rather long name, number {number}", rights=["search", "erase"])
            home.access_keys.revoke(home.access_keys.all()[0].key)
        with serving(root / "home", root / "key") as found:
            yield found


@pytest.mark.parametrize("page", [{"java_script_enabled": False}], indirect=True)
def test_a_key_is_made_shown_once_counts_and_is_revoked(served, page):
    page.goto(served.url + "/status")
    page.get_by_role("link", name="Access keys").click()
    page.get_by_label("The program that uses it").fill("intake")
    page.get_by_role("checkbox", name="Search").uncheck()
    page.get_by_role("checkbox", name="Oversee").check()
    page.get_by_label("Last day").fill("2999-12-31")
    page.get_by_role("button", name="Make a key").click()
    token = page.locator(".token").inner_text()
    assert "no-store" in page.context.request.get(served.url + "/keys").headers["cache-control"]
    enable_socket()  # to this machine's own service
    with Client(served.url, token) as program:
        assert program.call("GET", "/status")["kind"] == "household"
        with pytest.raises(Refused, match="right"):
            program.access_key(token.partition(".")[0])
        page.goto(served.url + "/keys")
        assert token.partition(".")[2] not in page.content()
        made = page.get_by_role("listitem").filter(has_text="intake").filter(has_text="2999-12-31")
        made.get_by_text("Revoke", exact=True).click()
        made.get_by_role("button", name="Revoke intake for good").click()
        page.get_by_text("The key is revoked.").wait_for()
        with pytest.raises(Refused) as told:
            program.call("GET", "/status")
        assert told.value.status == 401


def test_a_key_without_a_right_or_with_a_day_that_is_over_is_told_and_the_form_keeps_what_was_said(served, page):
    page.goto(served.url + "/keys")
    page.get_by_label("The program that uses it").fill("late")
    page.get_by_role("checkbox", name="Collect").check()
    page.get_by_label("Last day").fill("2020-01-01")
    page.get_by_role("button", name="Make a key").click()
    page.get_by_role("alert").get_by_text("would have expired").wait_for()
    assert page.get_by_label("The program that uses it").input_value() == "late"
    assert page.get_by_role("checkbox", name="Collect").is_checked()
    for name in ("Search", "Collect"):
        page.get_by_role("checkbox", name=name).uncheck()
    page.get_by_role("button", name="Make a key").click()
    page.get_by_role("alert").get_by_text("at least one right").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_both_pages_are_for_everybody(served, owner, browser, width, scheme):
    with browser.new_context(storage_state=owner, color_scheme=scheme,
                             viewport={"width": width, "height": 900}) as context:  # fmt: skip
        page = context.new_page()
        for path in ("/keys", "/retention"):
            page.goto(served.url + path)
            assert axe_violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.goto(served.url + "/keys")
        page.get_by_label("The program that uses it").fill("shown")
        page.get_by_role("button", name="Make a key").click()
        page.locator(".token").wait_for()
        page.get_by_text("Revoke", exact=True).first.click()
        assert axe_violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("page", [{"java_script_enabled": False}], indirect=True)
def test_what_is_overdue_is_named_and_goes_with_a_receipt(served, page):
    page.goto(served.url + "/status")
    page.get_by_role("link", name="Retention").click()
    duties = page.get_by_role("listitem")
    assert duties.filter(has_text="erase old").filter(has_text="Overdue since").count() == 1
    assert duties.filter(has_text="erase ended").filter(has_text="Within").count() == 1
    page.get_by_label("Yes, erase what is overdue").check()
    page.get_by_role("button", name="Erase overdue data").click()
    page.get_by_role("heading", name="Erased", exact=True).wait_for()
    assert page.get_by_role("listitem").filter(has_text="erase old").count() == 0
    assert page.get_by_role("listitem").filter(has_text="erase ended").count() == 1
    page.get_by_role("link", name="The receipt").click()
    page.wait_for_url("**/receipts/*")


def test_the_home_is_looked_over_from_the_status(served, page, tmp_path_factory):
    page.goto(served.url + "/status")
    page.get_by_role("link", name="Health check").click()
    assert axe_violations(page) == []
    page.get_by_role("button", name="Run health check").click()
    page.get_by_role("button", name="Check again").wait_for()
    listed = page.locator(".duties").inner_text()
    assert "entries, whole, root" in listed
    assert str(tmp_path_factory.getbasetemp()) not in page.content()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert axe_violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_nothing_goes_by_a_form_that_does_not_say_so(served, page):
    page.goto(served.url + "/keys")
    token = page.locator("[name=form_token]").first.input_value()
    answer = page.request.post(
        served.url + "/retention/run", form={"form_token": token}, headers={"origin": served.url}
    )
    assert answer.status == 400
    assert "cannot be undone" in answer.text().lower()


def test_who_is_not_signed_in_is_told_nothing(served, browser):
    with browser.new_context() as context:
        for path in ("/keys", "/retention"):
            answer = context.request.get(served.url + path, max_redirects=0)
            assert (answer.status, answer.text()) == (303, "")
        for path in ("/keys", "/keys/revoke", "/retention/run"):
            assert context.request.post(served.url + path).status == 401


def test_a_client_comes_and_goes_and_an_organisations_key_is_bound_to_purpose_reason_and_client(
    tmp_path, monkeypatch, browser
):
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "key"))
    with open_home(tmp_path / "home", kind="organisation") as home:
        new = home.sign_in.add("Ada", PASSWORD)
    with serving(tmp_path / "home", tmp_path / "key") as served, browser.new_context() as context:
        page = context.new_page()
        page.goto(served.url + "/sign-in?next=/clients")
        page.get_by_label("Name").fill("Ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_label("Code").fill(pyotp.TOTP(new.totp_secret).now())
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("textbox", name="Name").fill("Agency")
        page.get_by_label("Kind of organisation").select_option("law-enforcement")
        page.get_by_label("Jurisdiction").fill("nowhere")
        page.get_by_role("button", name="Add the client").click()
        page.get_by_role("alert").wait_for()
        assert page.get_by_label("Kind of organisation").input_value() == "law-enforcement"
        page.get_by_label("Jurisdiction").fill("FR")
        page.get_by_role("button", name="Add the client").click()
        page.get_by_text("The client may search from now on.").wait_for()
        assert "Law enforcement, FR" in page.locator(".key-list").inner_text()
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert axe_violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.goto(served.url + "/status")
        page.get_by_role("link", name="Access keys").click()
        page.get_by_label("The program that uses it").fill("desk")
        page.get_by_label("Purpose of its searches").select_option("archive-description")
        page.get_by_label("Reason of its searches").fill("inquiry 7")
        page.get_by_label("The client for whom it searches").select_option("Agency")
        assert axe_violations(page) == []
        page.get_by_role("button", name="Make a key").click()
        page.locator(".token").wait_for()
        made = page.get_by_role("listitem").filter(has_text="desk")
        for told in ("Archive description", "inquiry 7", "For the client Agency"):
            assert told in made.inner_text()
        page.goto(served.url + "/retention")
        page.get_by_text("Probes are stored with their cases for 30 days.").wait_for()
        page.goto(served.url + "/status")
        page.get_by_role("link", name="Clients").click()
        page.get_by_text("End the contract", exact=True).click()
        page.get_by_role("button", name="End the contract with Agency for good").click()
        page.get_by_text("The contract has ended").wait_for()
        assert page.locator(".key-list details").count() == 0

"""The processes that serve: TLS, several workers, one that is killed, a wish to end."""

import json
import os
import signal
import socket
import ssl
import urllib.error
import urllib.request

import pytest
import pytest_socket
import trustme

from countenance.app.home import open_home
from countenance.errors import WrongUse
from countenance.service.server import Address, checked, listen
from countenance.types import HomeKind
from support.patience import until
from support.served import serving, worker_ids

pytestmark = [pytest.mark.program, pytest.mark.slow]


@pytest.fixture(autouse=True)
def loopback(no_network):
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1", "localhost"])


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "key"))

    def make(kind="household"):
        open_home(tmp_path / "home", kind=kind).close()
        return tmp_path / "home", tmp_path / "key"

    return make


def get(url, context=None, **headers):
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=300, context=context) as answer:
        return answer.status, dict(answer.headers.items()), answer.read().decode()


def is_ready(served):
    try:
        return get(served.url + "/readyz")[0] == 200
    except urllib.error.URLError:
        return False


def test_workers_share_the_work_and_one_that_is_killed_is_started_anew(home):
    with serving(*home(), "--workers", "2") as served:
        until(lambda: is_ready(served))
        for _ in range(10):
            get(served.url + "/healthz")
        counted = [line for line in get(served.url + "/metrics")[2].splitlines() if 'route="/healthz"' in line]
        assert any(line.startswith("countenance_requests_total") and float(line.split()[-1]) == 10 for line in counted)
        servers = worker_ids(served.process)
        assert len(servers) == 2
        os.kill(min(servers), signal.SIGKILL)
        until(lambda: worker_ids(served.process) - servers)
        for _ in range(10):
            assert get(served.url + "/healthz")[0] == 200


def test_a_wish_to_end_ends_it_well(home):
    with serving(*home()) as served:
        assert get(served.url + "/healthz")[0] == 200
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait() == 0


def test_tls_marks_the_cookie_and_answers_to_the_names_of_its_certificate(home, tmp_path):
    authority = trustme.CA()
    authority.issue_cert("localhost", "faces.example").private_key_and_cert_chain_pem.write_to_path(
        tmp_path / "both.pem"
    )
    context = ssl.create_default_context()
    authority.configure_trust(context)
    options = ("--tls-certificate", str(tmp_path / "both.pem"), "--tls-key", str(tmp_path / "both.pem"))
    with serving(*home(), *options) as served:
        assert served.url.startswith("https://localhost:")
        _, headers, _ = get(served.url + "/sign-in", context)
        assert headers["strict-transport-security"]
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _Stay())
        cookie = opener.open(served.link, timeout=300).headers["set-cookie"]
        assert cookie.startswith("__Host-countenance-")
        assert {"secure", "httponly", "path=/", "samesite=lax"} <= {part.strip().lower() for part in cookie.split(";")}
        with pytest.raises(urllib.error.HTTPError, match="421"):
            get(served.url + "/healthz", context, Host="evil.example")
        get(served.url + "/healthz", context, Host="faces.example")


class _Stay(urllib.request.HTTPRedirectHandler):
    def http_error_303(self, req, fp, code, msg, headers):
        return fp


def test_a_port_that_is_taken_and_a_certificate_that_does_not_fit_are_told(home, tmp_path):
    import subprocess
    import sys

    path, key = home()
    (tmp_path / "junk.pem").write_text("nothing")
    with serving(path, key) as served:
        taken = served.url.rsplit(":", 1)[1]
        for options, told in (
            (("--port", taken), "address already in use"),
            (("--tls-certificate", str(tmp_path / "junk.pem"), "--tls-key", str(tmp_path / "junk.pem")), "can be read"),
            (("--tls-certificate", str(tmp_path / "none.pem")), "needs its key"),
            (("--host", "example.org"), "is not an address of this machine"),
        ):
            command = [sys.executable, "-m", "countenance.cli.entry", "--json", "serve", *options]
            done = subprocess.run(command, capture_output=True, text=True, env=served.env)
            assert (done.returncode, told in json.loads(done.stdout)["error"]["message"]) == (2, True), done.stdout


@pytest.mark.parametrize(("kind", "address", "told"), [
    (HomeKind.HOUSEHOLD, Address("0.0.0.0", proxy="127.0.0.1", names=("a",)), "only on this machine"),
    (HomeKind.ORGANISATION, Address("0.0.0.0"), "without TLS"),
    (HomeKind.ORGANISATION, Address("0.0.0.0", proxy="127.0.0.1"), "the name under which others reach it"),
])  # fmt: skip
def test_who_is_open_to_others_has_tls_and_a_name_and_is_no_household(kind, address, told):
    with pytest.raises(WrongUse, match=told):
        checked(address, kind)


def test_another_link_for_a_service_that_runs(home):
    import subprocess
    import sys

    with serving(*home()) as served:
        command = [sys.executable, "-m", "countenance.cli.entry", "--json", "serve", "--link"]  # it knows the port
        done = subprocess.run(command, capture_output=True, text=True, env=served.env)
        link = json.loads(done.stdout)["link"].replace("127.0.0.1", "localhost")
        opener = urllib.request.build_opener(_Stay())
        assert opener.open(link, timeout=300).status == 303
        with pytest.raises(urllib.error.HTTPError, match="401"):
            opener.open(link, timeout=300)


def test_answers_are_sent_without_delay():
    """asyncio sets TCP_NODELAY only on a socket that names TCP; without it an answer takes 40 ms more."""
    pytest_socket.enable_socket()
    with listen(Address(port=0)) as listening:
        assert listening.proto == socket.IPPROTO_TCP

"""The processes that serve a home: where they listen, by TLS or on this machine alone, and how they stop.

Uvicorn keeps the worker processes: one that dies is started anew, and a wish to end (SIGTERM, Ctrl-C) lets requests
under way finish first. Nothing that was acknowledged is in a process's memory alone, so a kill loses nothing else.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import ssl
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from countenance.errors import StorageFailed, WrongUse, reason_of
from countenance.remedies import Remedy
from countenance.types import HomeKind

if TYPE_CHECKING:
    import uvicorn

    from countenance.app.home import Home

DEFAULT_PORT: Final = 8470
SERVED_AT: Final = "served-at"  # in the home while it is served
STOP_WITHIN_S: Final = 30  # requests under way may take so long to finish
_LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, and under which protection."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    certificate: Path | None = None  # PEM, with its chain
    key: Path | None = None  # PEM
    proxy: str | None = None  # the address of the TLS proxy in front of it, whose word about a client is taken
    names: tuple[str, ...] = ()  # host names by which it is reached

    @property
    def loopback(self) -> bool:
        """Whether nobody but this machine reaches it."""
        return self.host == "localhost" or _ip(self.host).is_loopback

    @property
    def secure(self) -> bool:
        """Whether browsers reach it by TLS."""
        return self.certificate is not None or self.proxy is not None

    def url(self, port: int) -> str:
        """Where a browser finds it."""
        host = self.names[0] if self.names else self.host
        host = f"[{host}]" if ":" in host else host
        if self.proxy is not None and self.names:
            return f"https://{host}"
        return f"{'https' if self.certificate else 'http'}://{host}:{port}"


def checked(address: Address, kind: HomeKind) -> Address:
    """The address with every name that it answers to.

    Raises: WrongUse: open to others without TLS, a household's to others at all, no such certificate or key.
    """
    if not address.loopback:
        if kind is HomeKind.HOUSEHOLD:
            raise WrongUse(
                f"a household's home is served only on this machine, and others can reach {address.host}",
                Remedy.OMIT_FIELD, field="host",
            )  # fmt: skip
        if not address.secure:
            raise WrongUse(
                f"others can reach {address.host}, and without TLS anyone on the way could read what is sent: add a "
                "certificate and its key, or name the TLS proxy in front",
                Remedy.ADD_ONE_OF, values=("certificate", "proxy"),
            )  # fmt: skip
    if (address.certificate is None) != (address.key is None):
        raise WrongUse("a certificate needs its key", Remedy.ADD_ALL_OF, values=("certificate", "key"))
    names = dict.fromkeys([*address.names, *_names_in(address.certificate)])
    if address.loopback:
        names |= dict.fromkeys(_LOOPBACK_NAMES)
    if not names:
        raise WrongUse(
            "the name under which others reach it is missing",
            Remedy.ADD_FIELD,
            field="name",
            values=("faces.example.org",),
        )
    return replace(address, names=tuple(names))


def listen(address: Address) -> socket.socket:
    """A socket that listens there. Raises: StorageFailed: the port is taken; WrongUse: no such address here."""
    host = "127.0.0.1" if address.host == "localhost" else address.host
    family = socket.AF_INET6 if _ip(host).version == 6 else socket.AF_INET
    # By its name: asyncio sends without delay (TCP_NODELAY) only where a socket says that it is TCP. Else each answer
    # waits 40 ms for the client to acknowledge its headers.
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, address.port))
        found.listen(1024)
    except OSError as error:
        found.close()
        raise WrongUse(
            f"{address.host} port {address.port} can't be served: {os.strerror(error.errno or 0).lower()}",
            Remedy.ADD_FIELD, field="port", values=("0, which takes any free port",),
        ) from error  # fmt: skip
    found.set_inheritable(True)
    return found


def free_port_or(port: int = DEFAULT_PORT) -> int:
    """That port, or 0 (any) if something listens there already."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port


def serve(home: Home, address: Address, *, workers: int = 1, started: Callable[[str], None]) -> None:
    """Serves until told to stop. `started` is called with the address once it listens.

    Raises: as `checked` and `listen`; StorageFailed: the workers could not start.
    """
    from uvicorn.supervisors import Multiprocess

    from countenance.http.access_log import configure
    from countenance.service.app import Serving, application

    address = checked(address, home.kind)
    listening = listen(address)
    told, url = home.path / SERVED_AT, address.url(listening.getsockname()[1])
    serving = Serving(str(home.path), address.names, address.secure, workers)
    os.environ |= serving.to_environment()
    with tempfile.TemporaryDirectory(prefix="countenance-metrics-") as metrics, listening:
        if workers > 1:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics
        configure()

        def tell() -> None:
            with suppress(OSError):  # on a full disk the service runs without it: only new links need it
                told.write_text(url, "utf-8")  # a crash leaves it: the address where the newest service was
            started(url)

        try:
            if workers > 1:
                tell()
                home.close()  # its databases and child processes are not to be shared with the workers
                config = _config(address, "countenance.service.app:worker", factory=True, workers=workers)
                Multiprocess(config, sockets=[listening]).run()
            else:
                config = _config(address, application(home, serving))
                server = _telling(config, tell)
                with suppress(KeyboardInterrupt):  # the wish to end, said again once it has ended
                    server.run(sockets=[listening])
                if not server.started:
                    raise StorageFailed("the service could not start; its log says why", partly=False)
        finally:
            if served_at(home) == url:  # and no other service came since
                told.unlink()
            shutil.rmtree(metrics, ignore_errors=True)


def served_at(home: Home) -> str | None:
    """The address of the service that runs over this home; None: there is none."""
    try:
        return (home.path / SERVED_AT).read_text("utf-8")
    except FileNotFoundError:
        return None


def _config(address: Address, app: object, *, factory: bool = False, workers: int = 1) -> uvicorn.Config:
    import uvicorn

    try:
        config = uvicorn.Config(
            app,  # type: ignore[arg-type]  # an application, or where its factory is
            factory=factory,
            workers=workers,
            log_config=None,  # ours is structured, and names no address
            access_log=False,
            server_header=False,
            proxy_headers=address.proxy is not None,
            forwarded_allow_ips=address.proxy,
            ws="none",
            timeout_keep_alive=15,
            timeout_graceful_shutdown=STOP_WITHIN_S,
            ssl_certfile=address.certificate,
            ssl_keyfile=address.key,
        )
        if not factory:
            config.load()  # the certificate is read here, not in the middle of a start
    except (OSError, ssl.SSLError) as error:
        raise WrongUse(
            "the certificate or its key can't be used: both are PEM files, and they belong together"
        ) from error
    return config


def _telling(config: uvicorn.Config, started: Callable[[], None]) -> uvicorn.Server:
    import uvicorn

    class Telling(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                started()

    return Telling(config)


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError as error:
        raise WrongUse(
            f"{host!r} is not an address of this machine", Remedy.USE_FORMAT, field="host", values=("127.0.0.1",)
        ) from error


def _names_in(certificate: Path | None) -> tuple[str, ...]:
    """Host names and addresses that the certificate is for."""
    if certificate is None:
        return ()
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError) as error:
        raise WrongUse(
            f"the certificate is not a PEM file that can be read: {reason_of(error)}", path=certificate
        ) from error
    except x509.ExtensionNotFound:
        return ()
    return (
        *(name.lower() for name in names.get_values_for_type(x509.DNSName)),
        *(str(each) for each in names.get_values_for_type(x509.IPAddress)),
    )

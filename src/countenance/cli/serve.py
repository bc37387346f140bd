"""`countenance serve`: a web application for people and an API for programs, over one home."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from countenance.cli.base import Command, Session, pass_session


@click.command(cls=Command, short_help="Serve pages for people and an API for programs.")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="The address to listen on.")
@click.option(
    "--port", default=8470, show_default=True, type=click.IntRange(0, 65535), help="The port. 0 uses any free port."
)
@click.option("--tls-certificate", "certificate", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="The certificate with its chain, as PEM.")  # fmt: skip
@click.option(
    "--tls-key", "key", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="The private key, as PEM."
)
@click.option("--proxy", metavar="ADDRESS", help="The address of a TLS proxy. Its headers about clients are trusted.")
@click.option("--name", "names", multiple=True, metavar="HOST", help="A host name of the service. May be repeated.")
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="The number of serving processes."
)
@click.option("--link", is_flag=True, help="Print a new sign-in link for a running service, and exit.")
@pass_session
def command(
    session: Session, host: str, port: int, certificate: Path | None, key: Path | None, proxy: str | None,
    names: tuple[str, ...], workers: int, link: bool,
) -> None:  # fmt: skip
    """Serve this home: pages for people and an API for programs. Press Ctrl-C to stop.

    A household's home is served on this machine only. The owner signs in with the printed link. An organisation's home
    can be open to others by TLS. Each person needs an account (`countenance user add`).
    """
    from countenance.service.server import Address, serve, served_at
    from countenance.types import HomeKind

    address = Address(host, port, certificate, key, proxy, tuple(name.lower() for name in names))
    with session.open() as home:
        household = home.kind is HomeKind.HOUSEHOLD
        if link:
            chosen = click.get_current_context().get_parameter_source("port") is not ParameterSource.DEFAULT
            url = (not chosen and served_at(home)) or address.url(port)
            made = f"{url}/in/{home.sign_in.link()}"
            session.answer({"link": made}, lambda: click.echo(made))
            return
        token = home.sign_in.link() if household else None
        accounts = () if household else home.sign_in.accounts()

        def started(url: str) -> None:
            document = {"address": url, "link": f"{url}/in/{token}" if token else None}

            def text() -> None:
                click.echo(f"Serving {home.path} at {url}")
                if token:
                    click.echo(f"Sign in with this link. It works once, within ten minutes: {url}/in/{token}")
                elif not accounts:
                    click.echo("No one can sign in yet. Add an account: countenance user add NAME")
                click.echo("Press Ctrl-C to stop.")

            session.answer(document, text)

        serve(home, address, workers=workers, started=started)

"""`countenance log`: what was done, in an order that cannot be changed unseen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from countenance.cli.base import CommandGroup, Session, pass_session, several


@click.group(cls=CommandGroup, short_help="Read and check the tamper-evident log.")
def command() -> None:
    """Read and check the tamper-evident log of every search, change and erasure."""


@command.command(short_help="Check every entry, and report the first bad one.")
@click.option("--from", "kept", type=click.Path(path_type=Path), metavar="FILE",
              help="A checkpoint stored elsewhere. The log must continue it.")  # fmt: skip
@click.option("--proof", type=click.Path(path_type=Path), metavar="FILE", help="Check the proof of one entry instead.")
@click.option("--export", type=click.Path(path_type=Path), metavar="FILE", help="Check an export instead.")
@click.option("--key", metavar="KEY", help="The log's public key. No other key is then needed, and nothing is written.")
@click.option(
    "--witness",
    "witnesses",
    multiple=True,
    metavar="KEY",
    help="A witness who must have cosigned the proof. May be repeated.",
)
@pass_session
def verify(
    session: Session, kept: Path | None, proof: Path | None, export: Path | None, key: str | None,
    witnesses: tuple[str, ...],
) -> None:  # fmt: skip
    """Check every entry, the hash tree and its signatures, and report the first bad one.

    This proves that no entry was changed, unless the owner of this machine rewrote the whole log. A checkpoint stored
    elsewhere (--from) or a witness's cosignature excludes that too.

    \b
    countenance log verify --from checkpoint.txt
    countenance log verify --proof entry.json --key KEY      # anywhere, offline
    countenance --home FOLDER log verify --key KEY           # a copy of log.db
    """
    import countenance

    if proof is not None and export is not None:
        raise click.UsageError("--proof and --export can't be used together")
    if witnesses and proof is None:
        raise click.UsageError("--witness needs --proof")
    if proof is not None and kept is not None:
        raise click.UsageError("--from can't be used with --proof")
    if proof is not None or export is not None:
        key = session.public_key() if key is None else key
        told = (
            countenance.verify_proof(proof, key, witnesses)
            if proof is not None
            else countenance.verify_export(export or "", key, kept)
        )
        session.answer(told, lambda: _tell_file(told))
        return
    if key is not None:
        found = countenance.verify_log(session.home, key, kept)
    else:
        with session.open() as home:
            found = home.audit.verify(kept)
    session.answer(found, lambda: _tell_log(found, kept))


@command.command(short_help="Print a proof that an entry is in the log.")
@click.argument("entry", metavar="ID")
@pass_session
def prove(session: Session, entry: str) -> None:
    """Print a proof that an entry is in the log. ID is the log_entry of an answer."""
    with session.open() as home:
        click.echo(home.audit.prove(entry), nl=False)


@command.command(short_help="Export every entry to a file that others can check.")
@click.argument("file", type=click.Path())
@pass_session
def export(session: Session, file: str) -> None:
    """Export every entry to FILE, with the data to check them. The file holds no personal details."""
    import shlex

    with session.open() as home:
        entries = home.audit.export(file)
        key = home.audit.verifier_key()

        def tell() -> None:
            click.echo(f"written: {file}, {several(entries, 'entry', 'entries')}")
            click.echo(f"To check it: countenance log verify --export {shlex.quote(file)} --key {key}")

        session.answer({"file": file, "entries": entries, "key": key}, tell)


@command.command(short_help="Print the log's public key.")
@pass_session
def key(session: Session) -> None:
    """Print the public key, and share it. It checks checkpoints, proofs, exports and receipts."""
    with session.open() as home:
        text = home.audit.verifier_key()
        session.answer({"key": text}, lambda: click.echo(text))


@command.command("trust-witness", short_help="Accept the cosignatures of a witness.")
@click.argument("witness_key", metavar="KEY")
@pass_session
def trust_witness(session: Session, witness_key: str) -> None:
    """Accept the cosignatures of a witness. KEY is what `countenance witness init` printed."""
    with session.open() as home:
        name = home.audit.trust(witness_key)
        session.answer({"witness": name}, lambda: click.echo(f"Cosignatures of {name} are now accepted."))


@command.command("distrust-witness", short_help="Stop accepting the cosignatures of a witness.")
@click.argument("name")
@pass_session
def distrust_witness(session: Session, name: str) -> None:
    """Stop accepting the cosignatures of the witness NAME. The log still shows the earlier trust."""
    with session.open() as home:
        home.audit.distrust(name)
        session.answer({"witness": name}, lambda: click.echo(f"Cosignatures of {name} are no longer accepted."))


@command.command("request-cosign", short_help="Print a request for a witness to cosign.")
@click.option("--old", type=click.IntRange(0), metavar="N", help="The number of entries that the witness has cosigned.")
@pass_session
def request_cosign(session: Session, old: int | None) -> None:
    """Print a request for a cosignature: the newest checkpoint, and a proof that it continues the last one."""
    with session.open() as home:
        text = home.audit.request(old)
        session.answer({"request": text}, lambda: click.echo(text, nl=False))


@command.command("accept-cosign", short_help="Store a witness's cosignature.")
@click.argument("request", type=click.Path(path_type=Path))
@click.argument("cosignature", type=click.Path(path_type=Path))
@pass_session
def accept_cosign(session: Session, request: Path, cosignature: Path) -> None:
    """Store the COSIGNATURE of a witness for REQUEST. `-` is standard input. `log verify` checks it."""
    with session.open() as home:
        found = home.audit.accept(request, cosignature)
        session.answer({"cosigned": found}, lambda: click.echo("Stored: " + ", ".join(found)))


@command.command(short_help="Show the newest entries.")
@click.option(
    "--last",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    metavar="N",
    help="The number of entries, the newest last.",
)
@pass_session
def show(session: Session, last: int) -> None:
    """Show the newest entries. They hold pseudonyms and hashes, but no names and no pictures."""
    import json

    with session.open() as home:
        entries = home.audit.entries(max(0, home.audit.size() - last))
        document = [
            {"position": e.position, "id": e.id, "at": e.at, "kind": e.kind, "record": dict(e.record)} for e in entries
        ]

        def text() -> None:
            for entry in entries:
                about = json.dumps(dict(entry.record), ensure_ascii=False)
                click.echo(f"{entry.position:6}  {entry.at}  {click.style(entry.kind, bold=True)}  {about}")

        session.answer({"entries": document}, text)


@command.command(short_help="Print the newest signed checkpoint.")
@pass_session
def checkpoint(session: Session) -> None:
    """Print the newest signed checkpoint. Give it to someone else: it reveals any later change to these entries."""
    with session.open() as home:
        text = home.audit.checkpoint()
        session.answer({"checkpoint": text}, lambda: click.echo(text, nl=False))


def _tell_log(found: dict[str, Any], kept: Path | None) -> None:
    from datetime import UTC, datetime

    click.echo(f"The log is intact: {several(found['entries'], 'entry', 'entries')}, root {found['root']}")
    if kept is not None:
        click.echo(f"It continues the checkpoint in {kept}.")
    for name, said in found["cosigned"].items():
        days = (datetime.now(UTC) - datetime.fromisoformat(said["at"])).days
        age = "today" if days == 0 else f"{several(days, 'day')} ago" if days > 0 else "in the future by its own clock"
        click.echo(f"cosigned by {name}: the first {several(said['entries'], 'entry', 'entries')}, {said['at']}, {age}")
    if not found["cosigned"]:
        click.echo("No witness has cosigned it. Share the output of `countenance log checkpoint`.")


def _tell_file(found: dict[str, Any]) -> None:
    import json

    if "record" in found:
        click.echo(f"The entry is in the log: number {found['position']} of {found['entries']:,}.")
        for name, at in found["cosigned"].items():
            click.echo(f"cosigned by {name}, {at}")
        click.echo(json.dumps(found["record"], ensure_ascii=False, indent=2))
    else:
        click.echo(f"The export is intact: {several(found['entries'], 'entry', 'entries')}, root {found['root']}")

"""`countenance request`: what a pictured person asks for."""

from __future__ import annotations

from typing import Any

import click

from countenance.cli.base import CommandGroup, Session, pass_session, several

KINDS = ["opt-out", "access", "erasure", "correction", "restriction", "objection"]
DOCUMENTS = ["government-id", "letter", "membership", "other"]


@click.group(cls=CommandGroup, short_help="What pictured people ask for: opt-out, access, erasure and more.")
def command() -> None:
    """Take up, verify and decide what a pictured person asks for.

    \b
    countenance request open --kind opt-out --photo me.jpg --tier 1
    countenance request verify REQUEST --photo me-today.jpg
    countenance request decide REQUEST --grant

    Anybody may ask, with no account. REQUEST is the request's id or its tracking code.
    """


@command.command(name="open", short_help="Take up a request: a tracking code and a deadline.")
@click.option("--kind", required=True, type=click.Choice(KINDS), metavar="KIND", help=f"One of: {', '.join(KINDS)}.")
@click.option("--tier", type=int, metavar="N", help="Of an opt-out: 0, 1 (the default) or 2; see above.")
@click.option(
    "--photo", type=click.Path(), metavar="FILE", help="A photograph of the person; kept sealed until it is decided."
)
@click.option(
    "--face-number", type=int, metavar="N", help="Which face of the photograph, as `countenance detect` counts."
)
@click.option(
    "--address", default="", metavar="URI", help="Where a picture of the person stands: a file or a web address."
)
@click.option("--face", default="", metavar="ID", help="A face; a lead's face_id.")
@click.option("--name", default="", metavar="NAME", help="What the person is called.")
@click.option("--contact", default="", metavar="TEXT", help="Where to answer.")
@click.option("--text", default="", metavar="TEXT", help="What the person says.")
@click.option(
    "--jurisdiction",
    metavar="CODE",
    help="Where the person is; by default nobody knows, and the first deadline counts.",
)
@click.option("--law", metavar="LAW", help="Whose deadlines count: gdpr, uk-gdpr, ccpa, pipeda, bipa, own.")
@pass_session
def open_(session: Session, /, **asked: Any) -> None:
    """Take up a request. Nothing is looked for yet: the answer says nothing about who is in the gallery.

    An opt-out has a tier, which is the person's choice:

    \b
    0  Your faces are hidden at once and erased, and nothing is kept by which
       you or a picture of you could be known again. If the same picture comes
       in anew, it may be taken again.
    1  Erased as well. Codes of the pictures' bytes and addresses and a sealed
       fingerprint of each whole picture keep the same pictures out. Nothing
       of your face is kept.
    2  As 1, and one sealed measurement of your face keeps new pictures of you
       out too. It is used for nothing else.
    """
    with session.open() as home:
        opened = home.requests.open(**asked)

        def text() -> None:
            click.echo(f"Request {click.style(opened['request'], bold=True)}: {_kind(opened)}")
            if opened["tier_says"]:
                click.echo(click.wrap_text(opened["tier_says"], 78, "  ", "  "))
            click.echo(f"  tracking code {click.style(opened['tracking'], bold=True)}: for who asks, shown this once")
            if opened["confirm_by"]:
                click.echo(f"  confirm receipt by {_day(opened['confirm_by'])}: give them this answer")
            click.echo(f"  answer by {_day(opened['due_at'])}, {opened['law']}")
            click.echo(click.wrap_text(opened["law_says"], 78, "    ", "    "))
            click.echo(f"Next: countenance request verify {opened['request']}")

        session.answer(opened, text)


@command.command(short_help="Record by which proof it is known who asks.")
@click.argument("request")
@click.option("--send-code", is_flag=True, help="Make a one-time code, to send to an address that was on file before.")
@click.option("--code", metavar="CODE", help="The code that the person got there.")
@click.option(
    "--photo", type=click.Path(), metavar="FILE", help="A second photograph, taken now, of the person of the first."
)
@click.option("--face-number", type=int, metavar="N", help="Which face of it, as `countenance detect` counts.")
@click.option("--document", type=click.Choice(DOCUMENTS), metavar="KIND",
              help=f"You have seen a document: {', '.join(DOCUMENTS)}. None is kept.")  # fmt: skip
@pass_session
def verify(
    session: Session, /, request: str, send_code: bool, code: str | None, photo: str | None, face_number: int | None,
    document: str | None,
) -> None:  # fmt: skip
    """Record by which proof it is known who asks, and find the person's faces. The proof itself is not kept.

    A government ID alone is refused: it asks for more than is needed, and a copy of one proves little. With several
    proofs all must fit. Of a second photograph at most 1 stranger in 10,000 would pass.
    """
    with session.open() as home:
        if send_code:
            if code or photo or document:
                raise click.UsageError("--send-code makes a code and verifies nothing", click.get_current_context())
            sent = home.requests.send_code(request)

            def text() -> None:
                click.echo(f"One-time code {click.style(sent['code'], bold=True)}, good until {_day(sent['until'])}")
                click.echo(
                    "  Send it to an address that was on file before the request came, never to one that came with it."
                )
                click.echo(f"Next: countenance request verify {request} --code CODE")

            session.answer(sent, text)
            return
        found = home.requests.verify(request, code=code, photo=photo, face_number=face_number, document=document)
        session.answer(found, lambda: tell(found))


@command.command(short_help="Grant or refuse a request, and carry it out.")
@click.argument("request")
@click.option("--grant", is_flag=True, help="Do what is asked.")
@click.option("--refuse", is_flag=True, help="Do not, and say why.")
@click.option("--reason", default="", metavar="TEXT", help="Why it is refused, in words that the person understands.")
@click.option(
    "--face",
    "faces",
    multiple=True,
    metavar="ID",
    help="A face that is the person's; again for more. By default all that were found.",
)
@click.option("--out", type=click.Path(), metavar="FILE", help="Of an access request: the sealed answer, a new ZIP.")
@click.option("--rename", default="", metavar="NAME", help="Of a correction: what the person is called.")
@click.option(
    "--jurisdiction", default="", metavar="CODES", help="Of a correction: where the law of the pictures is of."
)
@pass_session
def decide(session: Session, /, request: str, grant: bool, refuse: bool, faces: tuple[str, ...], **more: Any) -> None:
    """Grant or refuse a request, and carry it out before this returns, in every process.

    \b
    opt-out      erased, and kept out as its tier says
    access       --out: every picture of the person, other faces unrecognisable
    correction   --rename, --jurisdiction: what is right from now on
    erasure      erased; the same file is not taken again
    objection    hidden since it was verified; granted erased, refused shown again
    restriction  hidden and kept, until `countenance request withdraw`
    """
    if grant == refuse:
        raise click.UsageError("one of --grant and --refuse", click.get_current_context())
    with session.open() as home:
        decided = home.requests.decide(request, grant=grant, faces=list(faces) or None, **more)

        def text() -> None:
            click.echo(f"Request {decided['request']}: {_kind(decided)}, {click.style(decided['outcome'], bold=True)}")
            if decided["erased"]:
                click.echo(f"  {several(decided['erased'], 'face')} erased")
            if decided["hidden"]:
                click.echo(f"  {several(decided['hidden'], 'face')} hidden from every search, and kept")
            if decided["kept_out"]:
                click.echo(f"  {several(decided['kept_out'], 'code')} of pictures and addresses keep them out")
            if "answer" in decided:
                click.echo(f"  {several(decided['pictures'], 'picture')} in {decided['answer']}")
                click.echo(f"  passphrase {click.style(decided['passphrase'], bold=True)}, shown this once")
                click.echo("  Send the two by different ways. 7-Zip, Keka, WinZip and the Unarchiver open it.")
            for place in decided["pending"]:
                click.echo(f"  pending: {place}")
            click.echo(f"  receipt {decided['receipt']}: countenance receipt show {decided['receipt']}")
            if decided["erasure_receipt"]:
                click.echo(f"  receipt of what was erased: {decided['erasure_receipt']}")

        session.answer(decided, text)


@command.command(short_help="Take the longer term that the law allows, with reasons.")
@click.argument("request")
@click.option("--reasons", default="", metavar="TEXT", help="Why, as the person is told.")
@pass_session
def extend(session: Session, /, request: str, reasons: str) -> None:
    """Take the longer term that the law allows, once and within the first. Tell the person, with the reasons."""
    with session.open() as home:
        found = home.requests.extend(request, reasons)
        session.answer(
            found,
            lambda: click.echo(f"Answer by {_day(found['due_at'])}, {found['law']}. Tell the person now, and why."),
        )


@command.command(name="list", short_help="Requests and their deadlines, the first due first.")
@click.option("--all", "every", is_flag=True, help="The decided and withdrawn too.")
@pass_session
def list_(session: Session, /, every: bool) -> None:
    """List requests that wait, the first due first."""
    with session.open() as home:
        found = home.requests.listed(every=every)

        def text() -> None:
            for line in found:
                click.echo(f"{line['request']}  {_kind(line):12}  {_when(line)}")
            if not found:
                click.echo("No request waits." if not every else "No request yet.")

        session.answer({"requests": found}, text)


@command.command(short_help="Show a request; once verified, the faces found for it.")
@click.argument("request")
@pass_session
def show(session: Session, /, request: str) -> None:
    """Show a request by its id: what it says and, once verified, the faces found for it.

    By its tracking code: where it stands and what is kept, as the person who asks may know it.
    """
    with session.open() as home:
        found = home.requests.show(request)
        session.answer(found, lambda: tell(found))


@command.command(short_help="End what a request keeps out or hides.")
@click.argument("request")
@pass_session
def withdraw(session: Session, /, request: str) -> None:
    """End what a request keeps out or hides. What was erased does not come back.

    A measurement of a face (tier 2) is destroyed with its key. What was kept out is looked at again by the next ingest.
    """
    with session.open() as home:
        found = home.requests.withdraw(request)
        session.answer(found, lambda: click.echo(f"Request {found.get('request', request)} is withdrawn."))


def tell(found: dict[str, Any]) -> None:
    """A request, for people."""
    from countenance.present.labels import visible

    click.echo(f"{_kind(found)}{' ' + click.style(found['request'], bold=True) if 'request' in found else ''}")
    click.echo(f"  {found['state']}{f', {o}' if (o := found['outcome']) else ''}; {_when(found)}; {found['law']}")
    if found.get("what_is_kept"):
        click.echo(click.wrap_text(found["what_is_kept"], 78, "  ", "  "))
    if found.get("verified_by"):
        click.echo(f"  verified by {found['verified_by'].replace('+', ' and ')}")
    if found.get("receipt"):
        click.echo(f"  receipt {found['receipt']}")
    for name, value in found.get("details", {}).items():
        click.echo(f"  {name.replace('_', ' ')}: {visible(str(value))}")
    faces = found.get("faces", [])
    if found.get("verified_by") and not faces and found["state"] == "verified":
        click.echo("  no face of the person was found")
    for before, face in zip([None, *faces], faces, strict=False):
        if before is None or before["face_id"] != face["face_id"]:
            score = "named" if face["score"] is None else f"{face['score']:.3f}"
            click.echo(f"  {face['face_id']}  {score}  {face['source']}{'  hidden' if face['hidden'] else ''}")
        click.echo(f"    {visible(face['uri'])}")


def _kind(found: dict[str, Any]) -> str:
    tier = "" if found["tier"] is None else f" ({found['tier']})"
    return f"{found['kind']}{tier}"


def _when(found: dict[str, Any]) -> str:
    if found.get("overdue"):
        return click.style(f"OVERDUE since {_day(found['due_at'])}", fg="red", bold=True)
    if found["state"] in {"decided", "withdrawn"}:
        return f"{found['state']}{f' {_day(at)}' if (at := found['decided_at']) else ''}"
    return f"answer by {_day(found['due_at'])}"


def _day(moment: str) -> str:
    return moment[:16].replace("T", " ") + " UTC"

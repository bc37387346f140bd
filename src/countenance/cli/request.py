"""`countenance request`: what a pictured person asks for."""

from __future__ import annotations

from typing import Any

import click

from countenance.cli.base import CommandGroup, Session, pass_session, several

KINDS = ["opt-out", "access", "erasure", "correction", "restriction", "objection"]
DOCUMENTS = ["government-id", "letter", "membership", "other"]


@click.group(cls=CommandGroup, short_help="Handle requests of pictured people: opt-out, access, erasure.")
def command() -> None:
    """Open, verify and decide the requests of pictured people.

    \b
    countenance request open --kind opt-out --photo me.jpg --tier 1
    countenance request verify REQUEST --photo me-today.jpg
    countenance request decide REQUEST --grant

    Anyone may make a request, without an account. REQUEST is the request's ID or its tracking code.
    """


@command.command(name="open", short_help="Open a request; get its tracking code and deadline.")
@click.option("--kind", required=True, type=click.Choice(KINDS), metavar="KIND", help=f"One of: {', '.join(KINDS)}.")
@click.option("--tier", type=int, metavar="N", help="For an opt-out: 0, 1 (the default) or 2; see above.")
@click.option(
    "--photo",
    type=click.Path(),
    metavar="FILE",
    help="A photograph of the person. It is encrypted, and deleted after the decision.",
)
@click.option(
    "--face-number", type=int, metavar="N", help="The face in the photograph, as numbered by `countenance detect`."
)
@click.option("--address", default="", metavar="URI", help="The address of a picture of the person: a file or a URL.")
@click.option("--face", default="", metavar="ID", help="A face: the face_id of a lead.")
@click.option("--name", default="", metavar="NAME", help="The person's name.")
@click.option("--contact", default="", metavar="TEXT", help="Where to send the answer.")
@click.option("--text", default="", metavar="TEXT", help="The words of the person.")
@click.option(
    "--jurisdiction", metavar="CODE", help="Where the person lives. If you omit it, the earliest deadline applies."
)
@click.option("--law", metavar="LAW", help="The law that sets the deadlines: gdpr, uk-gdpr, ccpa, pipeda, bipa, own.")
@pass_session
def open_(session: Session, /, **asked: Any) -> None:
    """Open a request. It does not search yet, so the answer does not show who is in the gallery.

    For an opt-out, the person chooses a tier:

    \b
    0  Your faces are hidden at once and then erased. Nothing that could
       recognise you or a picture of you is kept. If the same picture is
       added again, your face may be indexed again.
    1  Your faces are hidden and erased too. Hashes and an encrypted
       fingerprint of each picture keep the same pictures out. Nothing of
       your face is kept.
    2  As 1, and one encrypted template of your face also keeps new pictures
       of you out. It is used for nothing else.
    """
    with session.open() as home:
        opened = home.requests.open(**asked)

        def text() -> None:
            click.echo(f"Request {click.style(opened['request'], bold=True)}: {_kind(opened)}")
            if opened["tier_says"]:
                click.echo(click.wrap_text(opened["tier_says"], 78, "  ", "  "))
            click.echo(f"  tracking code {click.style(opened['tracking'], bold=True)}: for the person; shown only once")
            if opened["confirm_by"]:
                click.echo(f"  confirm receipt by {_day(opened['confirm_by'])}: send the person this answer")
            click.echo(f"  answer by {_day(opened['due_at'])}, {opened['law']}")
            click.echo(click.wrap_text(opened["law_says"], 78, "    ", "    "))
            click.echo(f"Next: countenance request verify {opened['request']}")

        session.answer(opened, text)


@command.command(short_help="Record how the person's identity was proved.")
@click.argument("request")
@click.option(
    "--send-code", is_flag=True, help="Make a one-time code. Send it to an address you had before the request."
)
@click.option("--code", metavar="CODE", help="The one-time code that the person received.")
@click.option("--photo", type=click.Path(), metavar="FILE", help="A second photograph of the person, taken now.")
@click.option("--face-number", type=int, metavar="N", help="The face in it, as numbered by `countenance detect`.")
@click.option("--document", type=click.Choice(DOCUMENTS), metavar="KIND",
              help=f"A document that you have seen: {', '.join(DOCUMENTS)}. It is not stored.")  # fmt: skip
@pass_session
def verify(
    session: Session, /, request: str, send_code: bool, code: str | None, photo: str | None, face_number: int | None,
    document: str | None,
) -> None:  # fmt: skip
    """Record how the person's identity was proved, and find the person's faces. The proof is not stored.

    A government ID alone is refused: it shows more than is needed, and a copy proves little. If you give several
    proofs, all must match. At most 1 stranger in 10,000 would pass with a second photograph.
    """
    with session.open() as home:
        if send_code:
            if code or photo or document:
                raise click.UsageError(
                    "--send-code only makes a code; remove --code, --photo and --document", click.get_current_context()
                )
            sent = home.requests.send_code(request)

            def text() -> None:
                click.echo(f"One-time code {click.style(sent['code'], bold=True)}, valid until {_day(sent['until'])}")
                click.echo(
                    "  Send it to an address that you had before the request. Never use an address from the request."
                )
                click.echo(f"Next: countenance request verify {request} --code CODE")

            session.answer(sent, text)
            return
        found = home.requests.verify(request, code=code, photo=photo, face_number=face_number, document=document)
        session.answer(found, lambda: tell(found))


@command.command(short_help="Grant or refuse a request, and carry it out.")
@click.argument("request")
@click.option("--grant", is_flag=True, help="Grant the request.")
@click.option("--refuse", is_flag=True, help="Refuse the request. Give a reason.")
@click.option("--reason", default="", metavar="TEXT", help="Why the request is refused, in plain words.")
@click.option(
    "--face",
    "faces",
    multiple=True,
    metavar="ID",
    help="A face of the person. May be repeated. Default: all faces found.",
)
@click.option(
    "--out", type=click.Path(), metavar="FILE", help="For an access request: the answer, a new encrypted ZIP file."
)
@click.option("--rename", default="", metavar="NAME", help="For a correction: the person's correct name.")
@click.option("--jurisdiction", default="", metavar="CODES", help="For a correction: the correct jurisdiction.")
@pass_session
def decide(session: Session, /, request: str, grant: bool, refuse: bool, faces: tuple[str, ...], **more: Any) -> None:
    """Grant or refuse a request. The command ends when every process obeys the decision.

    \b
    opt-out      erases the faces; the tier says what keeps them out
    access       writes the person's pictures to --out, with other faces blurred
    correction   sets --rename or --jurisdiction
    erasure      erases the faces; the same file is not added again
    objection    hid the faces when verified; grant erases, refuse shows them
    restriction  hides the faces until `countenance request withdraw`
    """
    if grant == refuse:
        raise click.UsageError("give --grant or --refuse", click.get_current_context())
    with session.open() as home:
        decided = home.requests.decide(request, grant=grant, faces=list(faces) or None, **more)

        def text() -> None:
            click.echo(f"Request {decided['request']}: {_kind(decided)}, {click.style(decided['outcome'], bold=True)}")
            if decided["erased"]:
                click.echo(f"  {several(decided['erased'], 'face')} erased")
            if decided["hidden"]:
                click.echo(f"  {several(decided['hidden'], 'face')} hidden from every search, but not erased")
            if decided["kept_out"]:
                click.echo(f"  {several(decided['kept_out'], 'code')} of pictures and addresses keep the person out")
            if "answer" in decided:
                click.echo(f"  {several(decided['pictures'], 'picture')} in {decided['answer']}")
                click.echo(f"  passphrase {click.style(decided['passphrase'], bold=True)}, shown only once")
                click.echo(
                    "  Send file and passphrase by different channels. 7-Zip, Keka and WinZip can open the file."
                )
            for place in decided["pending"]:
                click.echo(f"  pending: {place}")
            click.echo(f"  receipt {decided['receipt']}: countenance receipt show {decided['receipt']}")
            if decided["erasure_receipt"]:
                click.echo(f"  receipt of what was erased: {decided['erasure_receipt']}")

        session.answer(decided, text)


@command.command(short_help="Extend the deadline as the law allows, with reasons.")
@click.argument("request")
@click.option("--reasons", default="", metavar="TEXT", help="The reasons. The person sees this text.")
@pass_session
def extend(session: Session, /, request: str, reasons: str) -> None:
    """Extend the deadline once, before it passes, as the law allows. Send the person the reasons."""
    with session.open() as home:
        found = home.requests.extend(request, reasons)
        session.answer(
            found,
            lambda: click.echo(
                f"Answer by {_day(found['due_at'])}, {found['law']}. Now send the person the new date and the reasons."
            ),
        )


@command.command(name="list", short_help="List requests and deadlines, the earliest first.")
@click.option("--all", "every", is_flag=True, help="Include decided and withdrawn requests.")
@pass_session
def list_(session: Session, /, every: bool) -> None:
    """List open requests. The earliest deadline comes first."""
    with session.open() as home:
        session.answer_list(
            "requests", home.requests.listed(every=every), dict,
            lambda line: f"{line['request']}  {_kind(line):12}  {_when(line)}",
            none="No request yet." if every else "No open request.",
        )  # fmt: skip


@command.command(short_help="Show a request and, once verified, the faces found.")
@click.argument("request")
@pass_session
def show(session: Session, /, request: str) -> None:
    """Show a request by its ID: its details and, once verified, the faces found.

    With the tracking code, it shows what the person may see: the state of the request and what is kept.
    """
    with session.open() as home:
        found = home.requests.show(request)
        session.answer(found, lambda: tell(found))


@command.command(short_help="Withdraw a request; nothing is hidden or kept out now.")
@click.argument("request")
@pass_session
def withdraw(session: Session, /, request: str) -> None:
    """Withdraw a request: it no longer hides faces or keeps pictures out. Erased data does not come back.

    The stored template of a face (tier 2) is destroyed with its key. The next ingest reads the blocked files again.
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
        click.echo("  no face of this person was found")
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

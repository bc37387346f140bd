"""Templates to HTML. Every text is escaped and visible; nothing stands in a page that a catalogue can't translate."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache, partial
from importlib import resources
from types import SimpleNamespace
from typing import Any

from countenance import __version__
from countenance.present import labels
from countenance.present import page as exported
from countenance.web.texts import translations

_STATIC = resources.files("countenance.web") / "static"
_KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def render(template: str, language: str, values: Mapping[str, Any]) -> str:
    """The page as text."""
    page: str = environment(language).get_template(template).render(language=language, **values)
    return page


@cache
def environment(language: str) -> Any:
    """Jinja for one language: what every template may use."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def finalize(value: object) -> object:
        return labels.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    made = Environment(
        loader=ChoiceLoader([PackageLoader(f"countenance.{room}", "templates") for room in ("web", "present")]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]  # by the extension
    made.globals.update(
        labels=_in_words(translations(language).gettext), static=static_url, version=__version__, frame=exported.frame
    )
    return made


def _in_words(say: labels.Say) -> SimpleNamespace:
    """What `present.labels` offers, its sentences in the reader's language."""
    offered = {name: found for name, found in vars(labels).items() if not name.startswith("_")}
    said = {name: partial(offered[name], _=say) for name in ("expected_false_leads", "strangers", "recall", "named")}
    return SimpleNamespace(**offered | said)


@cache
def static_file(name: str) -> tuple[bytes, str] | None:
    """(bytes, media type) of one of our own files, looked up by its name; None: there is none."""
    if name == "countenance.css":  # exported pages and ours look alike: one sheet of colours and cards, and our own
        shared, _ = exported.style("page.css", "faces.css")
        return (shared + (_STATIC / "web.css").read_text("utf-8")).encode(), "text/css"
    for found in _STATIC.iterdir():
        kind = _KINDS.get(found.name.rpartition(".")[2])
        if found.name == name and kind is not None:
            return found.read_bytes(), kind
    return None


@cache
def static_url(name: str) -> str:
    """Where a page finds the file: its address changes with its content, so that it may be cached for good."""
    found = static_file(name)
    if found is None:
        raise KeyError(name)
    return f"/static/{hashlib.sha256(found[0]).hexdigest()[:12]}/{name}"

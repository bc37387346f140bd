"""Every text of the pages stands in the catalogue, and another language replaces it."""

import gettext
import importlib.util
import re
from pathlib import Path

from countenance.web import render

ROOT = Path(__file__).parents[2]


def made():
    spec = importlib.util.spec_from_file_location("catalogue", ROOT / "tools" / "catalogue.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_catalogue_is_what_stands_in_templates_and_code():
    module = made()
    assert module.POT.read_text("utf-8") == module.catalogue(), "run: python tools/catalogue.py"


EXPRESSIONS = re.compile(
    r"\{#.*?#\}|\{%\s*block width.*?endblock\s*%\}|\{%\s*trans.*?endtrans\s*%\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL
)
MARKUP = re.compile(r"<script.*?</script>|<style.*?</style>|<pre.*?</pre>|<code.*?</code>|<[^>]*>|&[a-z]+;", re.DOTALL)
NAMES = re.compile(r"Countenance|countenance [a-z -]+|px|SHA-256|sha256|ZIP|CA-ON|GDPR|[a-z]+/[a-z]+")


def test_no_template_says_words_that_no_catalogue_has():
    """Between tags, once expressions and blocks are gone, stand no letters but names and code."""
    for path in sorted((ROOT / "src" / "countenance" / "web" / "templates").glob("*.jinja")):
        words = MARKUP.sub(" ", EXPRESSIONS.sub("", path.read_text("utf-8")))
        assert re.findall(r"[A-Za-z]{2,}", NAMES.sub("", words)) == [], path.name


def test_another_language_replaces_the_texts(monkeypatch):
    class Shouting(gettext.NullTranslations):
        def gettext(self, message):
            return message if "%" in message else message.upper()

    monkeypatch.setattr(render, "translations", lambda _: Shouting())
    render.environment.cache_clear()
    try:
        template = render.environment("xx").from_string('{{ _("Sign in") }} {% trans n=2 %}{{ n }} faces{% endtrans %}')
        assert template.render() == "SIGN IN 2 faces"
    finally:
        render.environment.cache_clear()

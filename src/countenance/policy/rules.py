"""The rules as one Cedar policy set: those that ship, and the home's own, which may only forbid.

Source: the Cedar policy language, https://docs.cedarpolicy.com; evaluated by `cedarpy`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from countenance.errors import WrongUse
from countenance.policy.facts import Facts, PolicyQuery
from countenance.remedies import Remedy


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """Of one policy class. `rules`: those that decided; empty when nothing permits it."""

    allowed: bool
    rules: tuple[str, ...]


class RuleSet:
    """A parsed, unchanging set of rules."""

    def __init__(self, texts: Sequence[str]) -> None:
        """`texts` parse: those that ship are tested, a home's own are checked file by file before."""
        import cedarpy

        text = "\n".join(texts)
        self.sha256 = hashlib.sha256(text.encode()).hexdigest()
        self._policies = cedarpy.PolicySet.from_str(text)
        self._authorize = cedarpy.is_authorized_batch

    def judge(self, ask: PolicyQuery, facts: Sequence[Facts]) -> list[RuleVerdict]:
        """One verdict a class, in order."""
        requests = [
            {
                "principal": {"type": "Seat", "id": ask.seat},
                "action": {"type": "Action", "id": str(ask.act)},
                "resource": {"type": "PolicyClass", "id": str(fact.class_id)},
                "context": json.dumps(fact.context(ask)),
            }
            for fact in facts
        ]
        return [_verdict(answer) for answer in self._authorize(requests, self._policies, "[]")]


def _verdict(answer: Any) -> RuleVerdict:
    if answer.diagnostics.errors:
        # A rule that cannot be evaluated must not be passed over: Cedar skips it, and a skipped forbid would permit.
        return RuleVerdict(allowed=False, rules=tuple(f"error: {e}" for e in answer.diagnostics.errors))
    named = answer.diagnostics.id_annotations_by_reason
    return RuleVerdict(
        answer.allowed, tuple(sorted(named.get(reason) or reason for reason in answer.diagnostics.reasons))
    )


class RuleFiles:
    """The shipped rules and those in a home's `rules/` folder, read again when a file there changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: tuple[tuple[str, int, int], ...] | None = None
        self._rules: RuleSet | None = None

    def current(self) -> RuleSet:
        """The rules in force now.

        Raises: WrongUse: a file of the home's does not parse, or permits; nothing is decided until it is mended.
        """
        seen = self._look()
        if self._rules is None or seen != self._seen:
            own = [_only_forbids(self._folder / name) for name, _, _ in seen]
            self._rules = RuleSet([shipped_rules(), *own])
            self._seen = seen
        return self._rules

    def _look(self) -> tuple[tuple[str, int, int], ...]:
        if not self._folder.is_dir():
            return ()
        return tuple(
            (path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(self._folder.glob("*.cedar"))
        )


def shipped_rules() -> str:
    """The text of every rule file in the package, in order of name."""
    folder = resources.files("countenance.policy") / "rules"
    files = sorted((item for item in folder.iterdir() if item.name.endswith(".cedar")), key=lambda item: item.name)
    return "\n".join(item.read_text(encoding="utf-8") for item in files)


def _only_forbids(path: Path) -> str:
    """The text of a home's rule file. Raises WrongUse: it permits something, or does not parse."""
    import cedarpy

    text = path.read_text(encoding="utf-8")
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as error:
        raise WrongUse(
            f"{path.name} does not parse, so nothing can be decided: {error}", Remedy.CORRECT_FILE, path=path
        ) from error
    policies = [*parsed.get("staticPolicies", {}).values(), *parsed.get("templates", {}).values()]
    if any(policy["effect"] != "forbid" for policy in policies):
        raise WrongUse(
            f"{path.name} has a permit, and a home's own rules can only forbid", Remedy.CORRECT_FILE, path=path
        )
    return text

"""The contract of the audit log."""

from __future__ import annotations

from typing import Any

import pytest

from countenance.protocols import AuditLog


class AuditLogContract:
    """Subclass it and give `make`."""

    @pytest.fixture
    def log(self, tmp_path_factory: pytest.TempPathFactory) -> AuditLog:
        """An empty log."""
        return self.make(tmp_path_factory)

    def make(self, tmp_path_factory: pytest.TempPathFactory) -> AuditLog:
        """An empty log."""
        raise NotImplementedError

    def test_entries_stand_in_the_order_in_which_they_came(self, log: AuditLog) -> None:
        assert len(log) == 0
        made = [log.append("compare.shown", {"search": "s", "n": n}) for n in range(5)]
        assert [entry.position for entry in made] == [0, 1, 2, 3, 4]
        assert len({entry.id for entry in made}) == 5
        assert [(e.position, e.id, e.at, e.kind, dict(e.record)) for e in log.entries()] == [
            (e.position, e.id, e.at, e.kind, dict(e.record)) for e in made
        ]
        assert [entry.position for entry in log.entries(3)] == [3, 4]
        assert len(log) == 5

    @pytest.mark.parametrize(
        ("kind", "record"),
        [
            ("search.guessed", {}),
            ("compare.shown", {}),
            ("compare.shown", {"search": float("nan")}),
            ("compare.shown", {"search": {1}}),
        ],
    )
    def test_what_has_no_form_is_refused_and_not_written(self, log: AuditLog, kind: str, record: Any) -> None:
        with pytest.raises((ValueError, TypeError)):
            log.append(kind, record)
        assert len(log) == 0

    def test_a_checkpoint_names_the_size(self, log: AuditLog) -> None:
        assert log.checkpoint().split("\n")[1] == "0"
        log.append("compare.shown", {"search": "s"})
        assert log.checkpoint().split("\n")[1] == "1"

"""Schema migrations (Alembic). Import it only where a home needs one."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory


def config(connection: sa.Connection | None = None) -> Config:
    """Return Alembic's configuration, made without a file."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


def revisions() -> tuple[str, ...]:
    """Return every revision, oldest first."""
    return tuple(reversed([script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()]))


def knows(revision: str) -> bool:
    """Return whether the revision is one of ours."""
    return revision in revisions()


def upgrade(engine: sa.Engine, to: str = "head") -> None:
    """Bring the schema to the revision `to`, in one transaction: a crash leaves the schema as it was."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        command.upgrade(config(connection), to)
        connection.commit()

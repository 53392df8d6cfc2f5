"""Numbered tables: `python -m chassis.migrations upgrade accounts organizations …`.

One alembic history per service, in `services/<service>/migrations/versions`. Migrations run while the former code is live: they
wait at most 4 s for a lock and 5 s per statement, and only one process migrates a database at a time.
"""

import sys
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory

from chassis import tables
from chassis.db import driver_url
from chassis.locks import lock_number
from chassis.settings import read_database_url

SERVICES = Path(__file__).resolve().parent.parent / "services"
LOCK_MILLISECONDS, STATEMENT_MILLISECONDS = 4000, 5000


def create_chassis_tables(op: Operations | Any) -> None:
    """The first version of the chassis's tables: outbox, inbox, parked messages, idempotent results."""
    tables.metadata.create_all(op.get_bind(), checkfirst=False)


def complete_chassis_tables(op: Operations | Any) -> None:
    """Bring the tables of a database that was made earlier to what they are now; what it has already is left as it is."""
    op.execute("ALTER TABLE outbox ADD COLUMN IF NOT EXISTS failure_count integer NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE parked ADD COLUMN IF NOT EXISTS claimed_at timestamptz")
    op.execute("ALTER TABLE parked DROP CONSTRAINT ck_parked_state")
    op.execute(f"ALTER TABLE parked ADD CONSTRAINT ck_parked_state CHECK (state IN {tables.PARKED_STATES})")
    tables.metadata.create_all(op.get_bind(), tables=[tables.applied_versions, tables.audit])


def drop_chassis_tables(op: Operations | Any) -> None:
    """Undo `create_chassis_tables`."""
    tables.metadata.drop_all(op.get_bind(), checkfirst=False)


def script_of(service: str) -> ScriptDirectory:
    """One service's history."""
    return ScriptDirectory.from_config(config_of(service))


def config_of(service: str) -> Config:
    """Alembic's settings of one service, without a file."""
    config = Config()
    config.set_main_option("script_location", str(SERVICES / service / "migrations").replace("%", "%%"))  # It would interpolate.
    config.set_main_option("path_separator", "os")
    return config


def migrate(service: str, url: str, target: str = "head") -> None:
    """Bring one service's database to a version, up or down."""
    script = script_of(service)
    engine = sa.create_engine(driver_url(url), poolclass=sa.NullPool)
    down = target == "base"

    def steps(revision: Any, _context: Any) -> Any:
        return script._downgrade_revs(target, revision) if down else script._upgrade_revs(target, revision)

    with engine.connect() as connection:
        connection.execute(sa.text(f"SET lock_timeout = {LOCK_MILLISECONDS}"))
        connection.execute(sa.text(f"SET statement_timeout = {STATEMENT_MILLISECONDS}"))
        connection.execute(sa.text("SELECT pg_advisory_lock(:number)"), {"number": lock_number("migrations")})
        connection.commit()
        with EnvironmentContext(config_of(service), script, fn=steps, destination_rev=target) as environment:
            environment.configure(connection=connection, transaction_per_migration=True)
            with environment.begin_transaction():
                environment.run_migrations()
        connection.commit()
    engine.dispose()


def main(arguments: list[str]) -> int:
    """`upgrade SERVICE …`: databases to their newest version."""
    if len(arguments) < 2 or arguments[0] != "upgrade":
        print("usage: python -m chassis.migrations upgrade SERVICE …", file=sys.stderr)
        return 2
    for service in arguments[1:]:
        migrate(service, read_database_url(service))
        print(f"{service}: à jour", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

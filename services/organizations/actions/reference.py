"""Reference data that operators load: towns and jobs. What is no longer listed stays."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.subject import Subject
from contracts import organizations as contract
from services.organizations.models import Appellation, Town
from services.organizations.permissions import check_may


def load_towns(session: Session, subject: Subject, *, items: Sequence[dict[str, Any]]) -> dict[str, int]:
    """These towns are known as given."""
    check_may(session, subject, contract.load_towns)
    return _load(session, Town, items)


def load_appellations(session: Session, subject: Subject, *, items: Sequence[dict[str, Any]]) -> dict[str, int]:
    """These jobs are known as given."""
    check_may(session, subject, contract.load_appellations)
    return _load(session, Appellation, items)


def _load(session: Session, table: type[Town] | type[Appellation], items: Sequence[dict[str, Any]]) -> dict[str, int]:
    keys = [column.name for column in table.__table__.primary_key]
    statement = insert(table)
    changed = {name: statement.excluded[name] for name in (items[0] if items else {}) if name not in keys}
    if items:
        session.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), list(items))
    return {"loaded_count": len(items)}

"""The plan of a delivery: set-based SQL, from what sync sent and what is applied, to what would change.

`prepare` reads live tables and writes temporary ones only; `summarize` counts them; `carry_out` makes live tables so. A dry run
stops before the last. A structure with a row that was set aside is unknown, never absent: what is live of it is not touched.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from contracts.vocabulary import AnnexState
from services.organizations.domain import STAFF_REACTIVATION_PROTECTS
from services.organizations.planned_tables import PLANNED_TABLES

_ACTIVE_STATES = [state.value for state in AnnexState if state.is_active]

_COUNTS = """
SELECT
    (SELECT count(*) FROM planned_structures WHERE is_new) AS structures_created,
    (SELECT count(*) FROM planned_structures WHERE new_siret IS NOT NULL OR new_auth_email IS NOT NULL) AS structures_updated,
    (SELECT count(*) FROM renumbered) AS structures_renumbered,
    (SELECT count(*) FROM planned_conventions WHERE verb = 'create') AS conventions_created,
    (SELECT count(*) FROM planned_conventions WHERE verb = 'activate') AS conventions_activated,
    (SELECT count(*) FROM planned_conventions WHERE verb = 'deactivate') AS conventions_deactivated,
    (SELECT count(*) FROM planned_conventions WHERE new_signature IS NOT NULL) AS signatures_updated,
    (SELECT count(*) FROM planned_annexes WHERE verb = 'create') AS annexes_created,
    (SELECT count(*) FROM planned_annexes WHERE verb = 'update') AS annexes_updated,
    (SELECT count(*) FROM planned_annexes WHERE verb = 'delete') AS annexes_deleted
"""

# Of each reason all are counted, twenty named.
_HELD = """
SELECT held, count(*) AS count, (array_agg(kind || ' ' || asp_id ORDER BY asp_id, kind))[1:20] AS structures
FROM (
    SELECT held, kind, asp_id FROM planned_structures WHERE held IS NOT NULL
    UNION ALL SELECT 'unknown', kind, asp_id FROM kept_keys
) AS each GROUP BY held ORDER BY held
"""

# The order matters: the rest finds structures and conventions by their present numbers, and these refer to one another.
_CARRIED_OUT = (
    """
    UPDATE organizations AS live SET asp_id = renumbered.asp_id, updated_at = :now, version = live.version + 1
    FROM renumbered WHERE renumbered.organization_id = live.organization_id
    """,
    """
    UPDATE conventions AS live SET asp_id = renumbered.asp_id, updated_at = :now, version = live.version + 1
    FROM renumbered WHERE renumbered.former_asp_id = live.asp_id AND renumbered.kind = live.kind
    """,
    # A new convention that is already over ended with its last annex.
    """
    INSERT INTO conventions (convention_id, asp_id, kind, siret_signature, is_active, deactivated_at, created_at, updated_at)
    SELECT convention_id, asp_id, kind, siret_signature, is_active,
           CASE WHEN NOT is_active THEN (last_day + 1)::timestamp AT TIME ZONE 'Europe/Paris' END, :now, :now
    FROM planned_conventions JOIN incoming_structures USING (asp_id)
    WHERE verb = 'create' AND run_id = :run_id
    """,
    """
    UPDATE conventions AS live SET is_active = (verb = 'activate'), updated_at = :now, version = live.version + 1,
           deactivated_at = CASE WHEN verb = 'deactivate' THEN CAST(:now AS timestamptz) END
    FROM planned_conventions AS planned
    WHERE planned.convention_id = live.convention_id AND verb IN ('activate', 'deactivate')
    """,
    """
    UPDATE conventions AS live SET siret_signature = new_signature, updated_at = :now, version = live.version + 1
    FROM planned_conventions AS planned WHERE planned.convention_id = live.convention_id AND new_signature IS NOT NULL
    """,
    # The delivered address serves at creation only: afterwards it is the structure's own.
    """
    INSERT INTO organizations (organization_id, siret, kind, source, name, naf, phone, auth_email, address_line_1,
        address_line_2, post_code, city, department, asp_id, convention_id, created_at, updated_at)
    SELECT organization_id, siret, kind, 'ASP', name, naf, phone, auth_email, address_line_1,
        address_line_2, post_code, city, department, asp_id, convention_id, :now, :now
    FROM planned_structures JOIN incoming_structures USING (asp_id) JOIN conventions USING (asp_id, kind)
    WHERE is_new AND run_id = :run_id
    ORDER BY asp_id, kind
    """,
    # An antenna that shares its mother's SIRET follows its change.
    """
    UPDATE organizations AS antenna SET siret = new_siret, updated_at = :now, version = antenna.version + 1
    FROM planned_structures WHERE antenna.parent_id = planned_structures.organization_id
      AND antenna.siret = former_siret AND new_siret IS NOT NULL
    """,
    """
    UPDATE organizations AS live SET siret = coalesce(new_siret, live.siret),
           auth_email = coalesce(new_auth_email, live.auth_email), updated_at = :now, version = live.version + 1
    FROM planned_structures AS planned WHERE planned.organization_id = live.organization_id
      AND (new_siret IS NOT NULL OR new_auth_email IS NOT NULL)
    """,
    """
    UPDATE organizations AS live SET convention_id = conventions.convention_id, updated_at = :now, version = live.version + 1
    FROM conventions WHERE live.parent_id IS NULL AND live.convention_id IS NULL
      AND live.asp_id = conventions.asp_id AND live.kind = conventions.kind
    """,
    "DELETE FROM annexes USING planned_annexes AS planned WHERE planned.number = annexes.number AND verb = 'delete'",
    """
    INSERT INTO annexes (number, convention_id, state, starts_on, ends_on)
    SELECT number, convention_id, state, starts_on, ends_on FROM planned_annexes WHERE verb IN ('create', 'update')
    ON CONFLICT (number) DO UPDATE SET convention_id = excluded.convention_id, state = excluded.state,
        starts_on = excluded.starts_on, ends_on = excluded.ends_on
    """,
    # A convention's version tells that its annexes changed, so that another plan made before is not applied.
    """
    UPDATE conventions SET version = version + 1 WHERE convention_id IN (
        SELECT convention_id FROM planned_annexes UNION SELECT former_convention_id FROM planned_annexes
    )
    """,
)

# What was delivered holds addresses of people: it is not kept once it is applied.
_FORGOTTEN = ("incoming_structures", "incoming_annexes", "incoming_unknown_keys")


def prepare(session: Session, run_id: UUID, *, today: date, now: datetime) -> None:
    """Temporary tables hold what would change; they vanish with the transaction."""
    facts = {
        "run_id": run_id,
        "today": today,
        "active_states": _ACTIVE_STATES,
        "protected_since": now - STAFF_REACTIVATION_PROTECTS,
    }
    _run(session, f"DROP TABLE IF EXISTS {', '.join(PLANNED_TABLES)}", facts)
    _run(session, "ANALYZE incoming_structures, incoming_annexes, incoming_unknown_keys", facts)
    for name, query in PLANNED_TABLES.items():
        _run(session, f"CREATE TEMPORARY TABLE {name} ON COMMIT DROP AS {query}", facts)
        _run(session, f"ANALYZE {name}", facts)


def summarize(session: Session) -> dict[str, Any]:
    """What a prepared plan would do, counted; `held` names by reason what it leaves for a human."""
    counts = session.execute(sa.text(_COUNTS)).mappings().one()
    held = session.execute(sa.text(_HELD)).all()
    return {**counts, "held": {row.held: {"count": row.count, "structures": row.structures} for row in held}}


def carry_out(session: Session, run_id: UUID, *, now: datetime) -> None:
    """Live tables are as the prepared plan says."""
    facts = {"run_id": run_id, "now": now}
    for statement in _CARRIED_OUT:
        _run(session, statement, facts)
    for table in _FORGOTTEN:
        _run(session, f"DELETE FROM {table} WHERE run_id = :run_id", facts)  # noqa: S608 - table names are ours.


def _run(session: Session, statement: str, facts: dict[str, Any]) -> None:
    named = {name: fact for name, fact in facts.items() if f":{name}" in statement}
    session.execute(sa.text(statement), named)

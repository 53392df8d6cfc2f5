"""The plan of a delivery: set-based SQL, from what sync sent and what is applied, to what would change.

`prepare` reads live tables and writes temporary ones only; `summarize` counts them; `carry_out` makes live tables so. A dry run
stops before the last. A structure with a row that was set aside is unknown, never absent: nothing of it is touched.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from contracts.vocabulary import AnnexState
from services.organizations.domain import STAFF_REACTIVATION_PROTECTS

_ACTIVE_STATES = [state.value for state in AnnexState if state.is_active]

# One row for each convention that the delivery speaks of. The last day is included; the first is not looked at.
_DELIVERED_CONVENTIONS = """
CREATE TEMPORARY TABLE delivered_conventions ON COMMIT DROP AS
SELECT asp_id, kind, bool_or(state = ANY(:active_states) AND ends_on >= :today) AS is_active, max(ends_on) AS last_day
FROM incoming_annexes
WHERE run_id = :run_id
  AND asp_id NOT IN (SELECT asp_id FROM incoming_unknown_keys WHERE run_id = :run_id)
GROUP BY asp_id, kind
"""

# One row for each structure to create, change or hold. Only mothers count: an antenna may share its mother's SIRET.
# Whoever has a SIRET already comes first; of newcomers that claim one SIRET and kind, the lowest asp_id.
_PLANNED_STRUCTURES = """
CREATE TEMPORARY TABLE planned_structures ON COMMIT DROP AS
WITH mothers AS (
    SELECT * FROM organizations WHERE parent_id IS NULL
), delivered AS (
    SELECT * FROM incoming_structures
    WHERE run_id = :run_id
      AND asp_id NOT IN (SELECT asp_id FROM incoming_unknown_keys WHERE run_id = :run_id)
), known AS (
    SELECT asp_id, kind, organization_id, siret AS former_siret, auth_email AS former_auth_email
    FROM mothers WHERE asp_id IS NOT NULL
), candidates AS (
    SELECT asp_id, kind, delivered.siret, delivered.auth_email, organization_id, former_siret, former_auth_email,
           row_number() OVER (
               PARTITION BY delivered.siret, kind
               ORDER BY former_siret = delivered.siret DESC NULLS LAST, former_siret IS NULL, asp_id
           ) AS claim
    FROM delivered_conventions AS convention
    FULL JOIN known USING (asp_id, kind)
    JOIN delivered USING (asp_id)
    WHERE organization_id IS NOT NULL OR convention.is_active
), judged AS (
    SELECT candidates.*, CASE
        WHEN organization_id IS NULL AND auth_email IS NULL THEN 'no_official_address'
        WHEN left(siret, 9) <> left(former_siret, 9) THEN 'siren_changed'
        WHEN siret IS DISTINCT FROM former_siret AND (claim > 1 OR EXISTS (
            SELECT FROM mothers WHERE mothers.siret = candidates.siret AND mothers.kind = candidates.kind
        )) THEN 'siret_taken'
    END AS held
    FROM candidates
)
SELECT coalesce(organization_id, gen_random_uuid()) AS organization_id, asp_id, kind, held, former_siret,
       organization_id IS NULL AND held IS NULL AS is_new,
       organization_id IS NULL AND held IS NOT NULL AS is_refused,
       CASE WHEN held IS NULL AND siret <> former_siret THEN siret END AS new_siret,
       CASE WHEN organization_id IS NOT NULL AND auth_email IS DISTINCT FROM former_auth_email THEN auth_email END
           AS new_auth_email
FROM judged
"""

# A convention for each structure that has or will have none; for the others, whether the annexes still carry it.
# One that staff reactivated stays so for a while, whatever the delivery says.
_PLANNED_CONVENTIONS = """
CREATE TEMPORARY TABLE planned_conventions ON COMMIT DROP AS
SELECT gen_random_uuid() AS convention_id, asp_id, kind, delivered.is_active, delivered.last_day, 'create' AS verb
FROM planned_structures JOIN delivered_conventions AS delivered USING (asp_id, kind)
WHERE NOT is_refused AND NOT EXISTS (
    SELECT FROM conventions WHERE conventions.asp_id = delivered.asp_id AND conventions.kind = delivered.kind
)
UNION ALL
SELECT convention_id, asp_id, kind, coalesce(delivered.is_active, false), delivered.last_day, CASE
    WHEN coalesce(delivered.is_active, false) = live.is_active THEN 'keep'
    WHEN delivered.is_active THEN 'activate'
    WHEN live.reactivated_at > :protected_since THEN 'keep'
    ELSE 'deactivate'
END
FROM conventions AS live LEFT JOIN delivered_conventions AS delivered USING (asp_id, kind)
WHERE asp_id NOT IN (SELECT asp_id FROM incoming_unknown_keys WHERE run_id = :run_id)
"""

# One row for each annex to create, update or delete. One that belongs to an unknown structure is left where it is.
_PLANNED_ANNEXES = """
CREATE TEMPORARY TABLE planned_annexes ON COMMIT DROP AS
WITH delivered AS (
    SELECT number, convention_id, state, starts_on, ends_on
    FROM incoming_annexes JOIN planned_conventions USING (asp_id, kind)
    WHERE run_id = :run_id
), touchable AS (
    SELECT annexes.* FROM annexes JOIN planned_conventions USING (convention_id)
), untouchable AS (
    SELECT number FROM annexes WHERE convention_id NOT IN (SELECT convention_id FROM planned_conventions)
)
SELECT number, delivered.convention_id, live.convention_id AS former_convention_id,
       delivered.state, delivered.starts_on, delivered.ends_on,
       CASE WHEN live.convention_id IS NULL THEN 'create'
            WHEN delivered.convention_id IS NULL THEN 'delete'
            ELSE 'update' END AS verb
FROM delivered FULL JOIN touchable AS live USING (number)
WHERE (delivered.convention_id, delivered.state, delivered.starts_on, delivered.ends_on)
      IS DISTINCT FROM (live.convention_id, live.state, live.starts_on, live.ends_on)
  AND number NOT IN (SELECT number FROM untouchable)
"""

_COUNTS = """
SELECT
    (SELECT count(*) FROM planned_structures WHERE is_new) AS structures_created,
    (SELECT count(*) FROM planned_structures WHERE new_siret IS NOT NULL OR new_auth_email IS NOT NULL) AS structures_updated,
    (SELECT count(*) FROM planned_conventions WHERE verb = 'create') AS conventions_created,
    (SELECT count(*) FROM planned_conventions WHERE verb = 'activate') AS conventions_activated,
    (SELECT count(*) FROM planned_conventions WHERE verb = 'deactivate') AS conventions_deactivated,
    (SELECT count(*) FROM planned_annexes WHERE verb = 'create') AS annexes_created,
    (SELECT count(*) FROM planned_annexes WHERE verb = 'update') AS annexes_updated,
    (SELECT count(*) FROM planned_annexes WHERE verb = 'delete') AS annexes_deleted
"""

# Of each reason all are counted, twenty named.
_HELD = """
SELECT held, count(*) AS count, (array_agg(kind || ' ' || asp_id ORDER BY asp_id, kind))[1:20] AS structures
FROM planned_structures WHERE held IS NOT NULL GROUP BY held ORDER BY held
"""

# The order matters: a structure refers to its convention, an annex too.
_CARRIED_OUT = (
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
    UPDATE conventions AS live SET siret_signature = delivered.siret_signature, updated_at = :now, version = live.version + 1
    FROM planned_conventions AS planned JOIN incoming_structures AS delivered USING (asp_id)
    WHERE planned.convention_id = live.convention_id AND delivered.run_id = :run_id
      AND delivered.siret_signature <> live.siret_signature
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
    _run(session, "DROP TABLE IF EXISTS delivered_conventions, planned_structures, planned_conventions, planned_annexes", facts)
    _run(session, "ANALYZE incoming_structures, incoming_annexes, incoming_unknown_keys", facts)
    _run(session, _DELIVERED_CONVENTIONS, facts)
    _run(session, "ANALYZE delivered_conventions", facts)
    _run(session, _PLANNED_STRUCTURES, facts)
    _run(session, "ANALYZE planned_structures", facts)
    _run(session, _PLANNED_CONVENTIONS, facts)
    _run(session, "ANALYZE planned_conventions", facts)
    _run(session, _PLANNED_ANNEXES, facts)
    _run(session, "ANALYZE planned_annexes", facts)


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

"""The tables of a plan: each is a query over what sync sent, over live tables and over those before it; none writes.

They are temporary, made in this order, and vanish with the transaction. What is live is looked at under the ASP's present
numbers: `live_mothers` and `live_conventions` bear them already.
"""

# Keys (asp_id, kind) with a row set aside are unknown, never absent: what is live of them stays as it is. Where nothing is live
# there is nothing to protect, and good rows serve.
_KEPT_KEYS = """
SELECT asp_id, kind FROM incoming_unknown_keys JOIN (
    SELECT asp_id, kind FROM organizations WHERE parent_id IS NULL UNION SELECT asp_id, kind FROM conventions
) AS live USING (asp_id, kind)
WHERE run_id = :run_id
"""

# One row for each convention that the delivery speaks of. The last day is included; the first is not looked at.
_DELIVERED_CONVENTIONS = """
SELECT asp_id, kind, bool_or(state = ANY(:active_states) AND ends_on >= :today) AS is_active, max(ends_on) AS last_day
FROM incoming_annexes
WHERE run_id = :run_id AND (asp_id, kind) NOT IN (SELECT asp_id, kind FROM kept_keys)
GROUP BY asp_id, kind
"""

# ASP-31: a structure whose number no longer carries it, and the only newcomer of its SIRET and kind, are one structure.
# A newcomer of which not all is known is left for a human: what it does not tell would be taken for absent.
_RENUMBERED = """
SELECT organization_id, mother.kind, mother.asp_id AS former_asp_id, min(newcomer.asp_id) AS asp_id
FROM organizations AS mother
JOIN incoming_structures AS newcomer ON newcomer.siret = mother.siret AND newcomer.run_id = :run_id
JOIN delivered_conventions AS claim ON claim.asp_id = newcomer.asp_id AND claim.kind = mother.kind AND claim.is_active
WHERE parent_id IS NULL AND source = 'ASP' AND mother.asp_id IS NOT NULL
  AND (mother.asp_id, mother.kind) NOT IN (SELECT asp_id, kind FROM kept_keys)
  AND (mother.asp_id, mother.kind) NOT IN (SELECT asp_id, kind FROM delivered_conventions WHERE is_active)
  AND (newcomer.asp_id, mother.kind) NOT IN (SELECT asp_id, kind FROM incoming_unknown_keys WHERE run_id = :run_id)
  AND NOT EXISTS (
      SELECT FROM organizations AS other
      WHERE other.parent_id IS NULL AND other.asp_id = newcomer.asp_id AND other.kind = mother.kind
  )
  AND NOT EXISTS (SELECT FROM conventions AS other WHERE other.asp_id = newcomer.asp_id AND other.kind = mother.kind)
GROUP BY organization_id, mother.kind, mother.asp_id HAVING count(*) = 1
"""

_LIVE_MOTHERS = """
SELECT mother.organization_id, mother.kind, mother.siret, mother.auth_email,
       coalesce(renumbered.asp_id, mother.asp_id) AS asp_id
FROM organizations AS mother LEFT JOIN renumbered USING (organization_id)
WHERE parent_id IS NULL
"""

_LIVE_CONVENTIONS = """
SELECT convention_id, live.kind, live.is_active, live.reactivated_at, live.siret_signature,
       coalesce(renumbered.asp_id, live.asp_id) AS asp_id
FROM conventions AS live
LEFT JOIN renumbered ON renumbered.former_asp_id = live.asp_id AND renumbered.kind = live.kind
"""

# One row for each structure to create, change or hold. Only mothers count: an antenna may share its mother's SIRET.
# Whoever has a SIRET already comes first; of newcomers that claim one SIRET and kind, one that can be created, then the
# lowest asp_id.
_PLANNED_STRUCTURES = """
WITH known AS (
    SELECT asp_id, kind, organization_id, siret AS former_siret, auth_email AS former_auth_email
    FROM live_mothers
    WHERE asp_id IS NOT NULL AND (asp_id, kind) NOT IN (SELECT asp_id, kind FROM kept_keys)
), candidates AS (
    SELECT asp_id, kind, siret, siret_signature, auth_email, organization_id, former_siret, former_auth_email,
           row_number() OVER (
               PARTITION BY siret, kind
               ORDER BY former_siret = siret DESC NULLS LAST, former_siret IS NULL,
                        organization_id IS NULL AND auth_email IS NULL, asp_id
           ) AS claim
    FROM delivered_conventions AS convention
    FULL JOIN known USING (asp_id, kind)
    JOIN incoming_structures AS delivered USING (asp_id)
    WHERE run_id = :run_id AND (organization_id IS NOT NULL OR convention.is_active)
), judged AS (
    SELECT candidates.*, CASE
        WHEN organization_id IS NULL AND auth_email IS NULL THEN 'no_official_address'
        WHEN left(siret, 9) <> left(former_siret, 9) THEN 'siren_changed'
        WHEN siret IS DISTINCT FROM former_siret AND (claim > 1 OR EXISTS (
            SELECT FROM live_mothers AS mother WHERE mother.siret = candidates.siret AND mother.kind = candidates.kind
        )) THEN 'siret_taken'
    END AS held
    FROM candidates
)
SELECT coalesce(organization_id, gen_random_uuid()) AS organization_id, asp_id, kind, held, former_siret, siret AS claimed_siret,
       organization_id IS NULL AND held IS NULL AS is_new,
       organization_id IS NULL AND held IS NOT NULL AS is_refused,
       CASE WHEN held IS NULL AND siret <> former_siret THEN siret END AS new_siret,
       CASE WHEN organization_id IS NOT NULL AND auth_email IS DISTINCT FROM former_auth_email THEN auth_email END
           AS new_auth_email,
       CASE WHEN held IS DISTINCT FROM 'siren_changed' THEN siret_signature END AS claimed_signature
FROM judged
"""

# A convention for each structure that has or will have none; for the others, whether the annexes still carry it.
# One that staff reactivated stays so for a while, whatever the delivery says. One that the delivery does not carry, while
# a newcomer that is held claims its structure's SIRET and kind, is left alone, its annexes too: who holds it is not settled.
_PLANNED_CONVENTIONS = """
SELECT gen_random_uuid() AS convention_id, asp_id, kind, delivered.is_active, delivered.last_day, 'create' AS verb,
       NULL AS new_signature
FROM planned_structures JOIN delivered_conventions AS delivered USING (asp_id, kind)
WHERE NOT is_refused AND (asp_id, kind) NOT IN (SELECT asp_id, kind FROM live_conventions)
UNION ALL
SELECT convention_id, asp_id, kind, coalesce(delivered.is_active, false), delivered.last_day, CASE
    WHEN coalesce(delivered.is_active, false) = live.is_active THEN 'keep'
    WHEN delivered.is_active THEN 'activate'
    WHEN live.reactivated_at > :protected_since THEN 'keep'
    ELSE 'deactivate'
END, nullif(claimed_signature, live.siret_signature)
FROM live_conventions AS live
LEFT JOIN delivered_conventions AS delivered USING (asp_id, kind)
LEFT JOIN planned_structures USING (asp_id, kind)
WHERE (asp_id, kind) NOT IN (SELECT asp_id, kind FROM kept_keys)
  AND (coalesce(delivered.is_active, false) OR (asp_id, kind) NOT IN (
      SELECT mother.asp_id, mother.kind FROM live_mothers AS mother
      JOIN planned_structures AS claim ON claimed_siret = mother.siret AND claim.kind = mother.kind AND is_refused
      WHERE mother.asp_id IS NOT NULL
  ))
"""

# One row for each annex to create, update or delete. One that belongs to a convention left alone is left where it is.
_PLANNED_ANNEXES = """
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

PLANNED_TABLES = {
    "kept_keys": _KEPT_KEYS,
    "delivered_conventions": _DELIVERED_CONVENTIONS,
    "renumbered": _RENUMBERED,
    "live_mothers": _LIVE_MOTHERS,
    "live_conventions": _LIVE_CONVENTIONS,
    "planned_structures": _PLANNED_STRUCTURES,
    "planned_conventions": _PLANNED_CONVENTIONS,
    "planned_annexes": _PLANNED_ANNEXES,
}

"""What a delivery should give: known from how its world was made, without reading the files."""

from collections.abc import Sequence
from typing import Any

from contracts.vocabulary import SIAE_KINDS
from services.sync.asp import View
from services.sync.generator.world import MEASURE, Annex, Outcome, Structure, World

FIRST_RECORD_LINE = 3
Key = tuple[int, str]


def describe(world: World, *, annexes: Sequence[Annex]) -> dict[str, Any]:
    """Keys that good rows make, keys of which not all is known, traps with their lines; `annexes` in the file's order."""
    records: list[tuple[View, int, Structure | Annex]] = [
        *((View.STRUCTURE, line, structure) for line, structure in enumerate(world.structures, FIRST_RECORD_LINE)),
        *((View.ANNEX, line, annex) for line, annex in enumerate(annexes, FIRST_RECORD_LINE)),
    ]
    rejected = [record for _, _, record in records if record.fate.outcome is Outcome.REJECTED]
    unknown = {key for record in rejected for key in _keys_of(record)}
    return {
        "keys": list(_keys(world).values()),
        "unknown_keys": [{"asp_id": asp_id, "kind": kind} for asp_id, kind in sorted(unknown)],
        "records": {View.STRUCTURE: len(world.structures), View.ANNEX: len(annexes)},
        "rejects": sum(record.fate.outcome is Outcome.REJECTED for _, _, record in records),
        "dropped": sum(record.fate.outcome is Outcome.DROPPED for _, _, record in records),
        "traps": [
            {
                "trap": record.fate.trap, "view": view, "line": line, "asp_id": record.asp_id,
                "outcome": record.fate.outcome, "reason": record.fate.reason or None,
            }
            for view, line, record in records if record.fate.trap
        ],
    }  # fmt: skip


def list_changes(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """What an import of the second delivery should change after the first one, key by key."""
    former, current = _by_key(before), _by_key(after)
    unknown = {(key["asp_id"], key["kind"]) for key in after["unknown_keys"]}
    holders = {(key["siret"], key["kind"]): key["asp_id"] for key in before["keys"]}
    changes: list[dict[str, Any]] = []
    for (asp_id, kind), key in current.items():
        about = {"asp_id": asp_id, "kind": kind, "siret": key["siret"]}
        holder = holders.get((key["siret"], kind))
        if (asp_id, kind) in former and (asp_id, kind) in unknown:
            changes.append(about | {"siret": former[asp_id, kind]["siret"], "change": "unknown"})
        elif (asp_id, kind) in former:
            changes += [
                about | change for change in _differences(former[asp_id, kind], key, is_siret_taken=holder not in (None, asp_id))
            ]
        elif holder and (holder, kind) not in current:
            changes.append(about | {"change": "asp_id_changed", "before": holder})
        else:
            changes.append(about | {"change": "appeared", "active": key["active"]})
    renumbered = {(change["before"], change["kind"]) for change in changes if change["change"] == "asp_id_changed"}
    for asp_id, kind in former.keys() - current.keys() - renumbered:
        what = "unknown" if (asp_id, kind) in unknown else "vanished"
        changes.append({"asp_id": asp_id, "kind": kind, "siret": former[asp_id, kind]["siret"], "change": what})
    return sorted(changes, key=lambda change: (change["change"], change["asp_id"], change["kind"]))


def _keys_of(record: Structure | Annex) -> list[Key]:
    """What a record set aside leaves unknown: its key; every kind of a body's, or where its own cannot be read."""
    if isinstance(record, Annex) and MEASURE not in record.overrides:
        return [(record.asp_id, record.kind)]
    return [(record.asp_id, kind) for kind in SIAE_KINDS]


def _keys(world: World) -> dict[Key, dict[str, Any]]:
    active: dict[Key, bool] = {}
    for annex in world.annexes:
        if annex.fate.outcome is Outcome.KEPT:
            key = annex.asp_id, annex.kind
            active[key] = active.get(key, False) or annex.is_active(world.today)
    return {
        (structure.asp_id, kind): {
            "asp_id": structure.asp_id, "kind": kind, "siret": structure.siret, "siret_signature": structure.siret_signature,
            "name": structure.name, "post_code": structure.town.post_code, "city": structure.town.name,
            "auth_email": structure.expected_email, "active": active[structure.asp_id, kind],
        }
        for structure in world.structures for kind in structure.kinds
        if (structure.asp_id, kind) in active and structure.fate.outcome is not Outcome.REJECTED
    }  # fmt: skip


def _by_key(manifest: dict[str, Any]) -> dict[Key, dict[str, Any]]:
    return {(key["asp_id"], key["kind"]): key for key in manifest["keys"]}


def _differences(before: dict[str, Any], after: dict[str, Any], *, is_siret_taken: bool) -> list[dict[str, Any]]:
    changes: list[dict[str, Any]] = []
    if before["siret"] != after["siret"]:
        changes.append({"change": "siret_already_taken" if is_siret_taken else "siret_changed", "before": before["siret"]})
    if after["auth_email"] not in (None, before["auth_email"]):
        changes.append({"change": "auth_email_changed", "before": before["auth_email"]})
    if before["active"] != after["active"]:
        changes.append({"change": "activated" if after["active"] else "deactivated"})
    return changes

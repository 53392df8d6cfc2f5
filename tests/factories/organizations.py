"""Structures, members and deliveries for tests. Everybody and every address here is fictitious."""

from datetime import UTC, date, datetime, timedelta
from itertools import count
from uuid import uuid4

from sqlalchemy.orm import Session

from chassis.ids import new_id
from contracts.vocabulary import AnnexState, OrganizationSource, Role, StructureKind
from services.organizations.models import Annex, Convention, Membership, Organization

_numbers = count(1)


def now():
    return datetime.now(UTC)


def siret(siren=None, nic=None):
    """A SIRET of the right length, new unless asked for."""
    number = next(_numbers)
    return f"{siren or 900000000 + number:09}{nic or number % 100000:05}"


def structure(
    bench,
    *,
    kind=StructureKind.EI,
    source=OrganizationSource.ASP,
    name=None,
    auth_email="correspondant@structure.example",
    active=True,
    deactivated=None,
    convention=True,
    mother=None,
    asp_id=None,
    **columns,
):
    """A structure. Traits: inactive, `deactivated` some timedelta ago, without convention, antenna of a mother."""
    number = next(_numbers)
    made = Organization(
        organization_id=new_id(),
        siret=columns.pop("siret", None) or (mother.siret if mother else siret()),
        kind=kind,
        source=OrganizationSource.USER_CREATED if mother else source,
        name=name or f"Structure {number}",
        auth_email=auth_email,
        parent_id=mother.organization_id if mother else None,
        asp_id=None if mother else asp_id or 1000 + number,
        convention_id=mother.convention_id if mother else None,
        city="Trifouilly",
        post_code="99999",
        created_at=now(),
        updated_at=now(),
        **columns,
    )
    with Session(bench.store.engine, expire_on_commit=False) as session, session.begin():
        if convention and not mother:
            made.convention_id = _convention(session, made, active=active and deactivated is None, deactivated=deactivated)
        session.add(made)
        session.flush()
        session.refresh(made)
    return made


def _convention(session, organization, *, active, deactivated):
    made = Convention(
        convention_id=new_id(),
        asp_id=organization.asp_id,
        kind=organization.kind,
        siret_signature=organization.siret,
        is_active=active,
        deactivated_at=None if active else now() - (deactivated or timedelta(days=365)),
        created_at=now(),
        updated_at=now(),
    )
    session.add(made)
    session.flush()
    return made.convention_id


def annex(bench, organization, *, number=None, state=AnnexState.VALIDE, ends_on=date(2099, 12, 31)):
    """An annex of a structure's convention."""
    made = Annex(
        number=number or annex_number(organization.kind),
        convention_id=organization.convention_id,
        state=state,
        starts_on=date(2020, 1, 1),
        ends_on=ends_on,
    )
    with Session(bench.store.engine, expire_on_commit=False) as session, session.begin():
        session.add(made)
    return made


def membership(bench, organization, *, account_id=None, role=Role.MEMBER, ended=False, invitation_id=None, days_ago=1):
    """A member. Traits: administrator by `role`, `ended`."""
    made = Membership(
        membership_id=new_id(),
        organization_id=organization.organization_id,
        account_id=account_id or uuid4(),
        role=role,
        invitation_id=invitation_id,
        joined_at=now() - timedelta(days=days_ago),
        ended_at=now() if ended else None,
        updated_at=now(),
    )
    with Session(bench.store.engine, expire_on_commit=False) as session, session.begin():
        session.add(made)
    return made


def annex_number(kind=StructureKind.EI):
    return f"{kind}051{next(_numbers):06}A0M0"


def incoming_structure(**changed):
    """A structure as sync sends it."""
    number = next(_numbers)
    delivered = {
        "asp_id": 50000 + number,
        "siret": siret(),
        "name": f"STRUCTURE {number}",
        "naf": "8810C",
        "auth_email": f"correspondant{number}@structure.example",
        "phone": "0199000000",
        "address_line_1": "1 rue des Essais",
        "address_line_2": "",
        "post_code": "51000",
        "city": "Trifouilly",
        "department": "51",
        **changed,
    }
    return {"siret_signature": delivered["siret"], **delivered}


def incoming_annex(structure, *, kind=StructureKind.EI, **changed):
    """An annex as sync sends it, active unless said otherwise."""
    return {
        "asp_id": structure["asp_id"],
        "kind": kind,
        "number": annex_number(kind),
        "state": AnnexState.VALIDE,
        "starts_on": date(2020, 1, 1),
        "ends_on": date(2099, 12, 31),
        **changed,
    }

"""What others are shown of a structure."""

from datetime import datetime
from typing import Any

from chassis.clock import paris_date
from services.organizations import domain
from services.organizations.models import Organization


def summary(organization: Organization) -> dict[str, Any]:
    """What identifies a structure to anyone; no private address."""
    return {
        "organization_id": organization.organization_id,
        "public_id": organization.public_id,
        "siret": organization.siret,
        "kind": organization.kind,
        "name": domain.display_name(organization.name, organization.brand),
        "city": organization.city,
        "post_code": organization.post_code,
    }


def status(organization: Organization, now: datetime) -> domain.Status:
    """What a structure may do now."""
    convention = organization.convention
    ended_at = convention.deactivated_at if convention else None
    return domain.status(
        kind=organization.kind,
        source=organization.source,
        convention_is_active=convention.is_active if convention else None,
        deactivated_on=paris_date(ended_at) if ended_at else None,
        today=paris_date(now),
    )


def is_active(organization: Organization, now: datetime) -> bool:
    return status(organization, now) == domain.Status.ACTIVE


def is_open(organization: Organization, now: datetime) -> bool:
    """Whether its members still get in."""
    return status(organization, now) != domain.Status.ENDED

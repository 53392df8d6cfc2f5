"""Tables of organizations: constraints and indexes, no behaviour."""

from services.organizations.models.columns import Base
from services.organizations.models.deliveries import (
    Delivery,
    DeliveryBatch,
    IncomingAnnex,
    IncomingStructure,
    IncomingUnknownKey,
)
from services.organizations.models.members import MagicLink, Membership
from services.organizations.models.places import Appellation, Town
from services.organizations.models.structures import Annex, Convention, Organization

__all__ = [
    "Annex",
    "Appellation",
    "Base",
    "Convention",
    "Delivery",
    "DeliveryBatch",
    "IncomingAnnex",
    "IncomingStructure",
    "IncomingUnknownKey",
    "MagicLink",
    "Membership",
    "Organization",
    "Town",
]

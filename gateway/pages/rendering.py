"""Templates and what they all may use."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from contracts.vocabulary import InvitationState, Role
from gateway.edge import PAGE_POLICY
from gateway.schemas import SHORTEST_PASSWORD
from gateway.settings import Settings

PARIS = ZoneInfo("Europe/Paris")
MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)
ROLES = {Role.MEMBER: "Membre", Role.ADMINISTRATOR: "Administrateur ou administratrice"}
STATES = {
    InvitationState.PENDING: "En attente",
    InvitationState.ACCEPTING: "En cours d'acceptation",
    InvitationState.ACCEPTED: "Acceptée",
    InvitationState.EXPIRED: "Expirée",
    InvitationState.CANCELLED: "Annulée",
    InvitationState.DECLINED: "Déclinée",
    InvitationState.REPLACED: "Remplacée",
    InvitationState.REFUSED: "Refusée",
}


def civil_date(instant: datetime) -> str:
    """An instant as its date in France: « 3 mars 2026 »."""
    local = instant.astimezone(PARIS)
    return f"{'1er' if local.day == 1 else local.day} {MONTHS[local.month - 1]} {local.year}"


class Site:
    """The templates, and the settings that they show."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._templates = Environment(
            loader=PackageLoader("gateway"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._templates.filters["civil_date"] = civil_date
        self._templates.globals.update(settings=settings, roles=ROLES, states=STATES, shortest_password=SHORTEST_PASSWORD)

    def render(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """One page."""
        content = self._templates.get_template(template).render(values)
        return HTMLResponse(content, status, {"Content-Security-Policy": PAGE_POLICY})

"""Templates and what they all may use."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from chassis.french import date_in_words, siret_in_groups
from contracts.vocabulary import Role
from gateway.edge import PAGE_POLICY
from gateway.schemas import SHORTEST_PASSWORD
from gateway.settings import Settings

ROLES = {Role.MEMBER: "Membre", Role.ADMINISTRATOR: "Administrateur ou administratrice"}


class Site:
    """The templates, and the settings that they show."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._templates = Environment(
            loader=PackageLoader("gateway"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._templates.filters.update(in_words=date_in_words, siret=siret_in_groups)
        self._templates.globals.update(settings=settings, roles=ROLES, shortest_password=SHORTEST_PASSWORD, visit=None)

    def render(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """One page."""
        content = self._templates.get_template(template).render(values)
        return HTMLResponse(content, status, {"Content-Security-Policy": PAGE_POLICY})

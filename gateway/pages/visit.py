"""One person's request for a page: what was asked, by whom, and how to answer."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from marshmallow import Schema
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from contracts import fields
from gateway import forgery, identity, receiving
from gateway.asking import Asking
from gateway.pages.rendering import Site
from gateway.problems import Problem

KEY_FIELD = "form_key"  # Makes a form that is sent twice act once.
NEXT_FIELD = "suite"  # Where a log-in leads on: perhaps to a link, which is a secret.
HIDDEN = (forgery.FIELD, KEY_FIELD, "password")


@dataclass
class Visit:
    """What a page's function gets. `form` holds what was sent; `problem` why it was refused, when the page is shown again."""

    request: Request
    site: Site
    asking: Asking
    form: dict[str, str] = field(default_factory=dict)
    prefix: str = ""  # Where the form's fields stand in the request that was refused.
    path: dict[str, Any] = field(default_factory=dict)
    problem: Problem | None = None
    may_have_acted: bool = False  # Nobody answered in time: what was asked may be done all the same.

    @property
    def is_logged_in(self) -> bool:
        return self.asking.session is not None

    @property
    def organization_id(self) -> UUID:
        return self.path["organization_id"]  # type: ignore[no-any-return]

    @property
    def token(self) -> str:
        return self.path["token"]  # type: ignore[no-any-return]

    @property
    def given(self) -> dict[str, str]:
        """What the person typed, to show it again; never secrets."""
        return {name: value for name, value in self.form.items() if name not in HIDDEN}

    @property
    def errors(self) -> dict[str, str]:
        """The refused form's errors by field."""
        errors = self.problem.errors if self.problem else []
        return {error["pointer"].removeprefix(f"{self.prefix}/"): error["detail"] for error in errors if error["pointer"]}

    @property
    def first_error(self) -> str:
        """The field where to go first, when there is a wrong one."""
        return next(iter(self.errors), "")

    @property
    def csrf_token(self) -> str:
        return forgery.form_token(self.request, self.site.settings)

    @property
    def form_key(self) -> str:
        """A new key, but for a form that may have acted: sent again, it acts once."""
        sent = receiving.key(self.form.get(KEY_FIELD)) if self.may_have_acted else None
        return sent or uuid4().hex

    def load(self, schema: type[Schema]) -> dict[str, Any]:
        """The form's values for a schema: an unticked box is false."""
        given: dict[str, Any] = {}
        for name, declared in schema._declared_fields.items():
            if isinstance(declared, fields.Boolean):
                given[name] = self.form.get(name) == "on"
            elif name in self.form:
                given[name] = self.form[name]
        return receiving.load(schema, given)

    def render(self, template: str, **values: Any) -> Response:
        """The page, with the refusal's status when there is one."""
        status = self.problem.status if self.problem else 200
        response = self.site.render(template, status, visit=self, **values)
        response.headers.update(self.problem.headers if self.problem else {})
        forgery.keep_visitor(self.request, response, self.site.settings)
        return response

    def redirect(self, path: str) -> Response:
        """Go on to another page, asked by GET."""
        return RedirectResponse(path, 303)

    def redirect_with_session(self, path: str, token: str) -> Response:
        """Go on, logged in."""
        response = self.redirect(path)
        identity.keep(response, token, self.site.settings)
        return response

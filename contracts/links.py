"""Links in mails: asked from their owner at the moment of sending, so that no secret is stored on the way."""

from contracts import fields
from contracts.errors import Gone, NotFound
from contracts.method import Method, method
from contracts.vocabulary import LinkPurpose


class LinkIsUnknown(NotFound):
    """Ce lien n'est pas reconnu. Vérifiez qu'il est complet, ou recopiez-le depuis l'e-mail reçu."""


class LinkIsOver(Gone):
    """Ce lien n'a plus lieu d'être."""


def get_mail_link_of(service: str) -> Method:
    """The link of one mail, and the address to send it to where there is no account; refused when it must not leave any more."""
    return method(
        f"{service}.get_mail_link",
        takes={"purpose": fields.Choice(LinkPurpose), "row_id": fields.UUID(), "issue": fields.Integer()},
        gives={"url": fields.Secret(), "email": fields.Email(optional=True), "expires_at": fields.Instant()},
        callers={"notifications"},
        refuses=(LinkIsOver, LinkIsUnknown),
    )

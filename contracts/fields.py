"""Marshmallow fields in the words of the domain, with French messages; required unless said otherwise."""

import re
import unicodedata
from collections.abc import Iterator
from copy import copy
from functools import cache, lru_cache
from itertools import islice
from typing import Any

from email_validator import EmailNotValidError, validate_email
from marshmallow import EXCLUDE, RAISE, Schema, ValidationError
from marshmallow import fields as ma
from stdnum.fr import siren as siren_number
from stdnum.fr import siret as siret_number

LONGEST_SPELLING = 4  # Code points that one character of a name may be spelt with.
MOST_ERRORS = 100  # Told of one request.


class _French:
    """Required by default, and refused in French."""

    default_error_messages: Any = {
        "required": "Ce champ est obligatoire.",
        "null": "Ce champ ne peut pas être vide.",
        "validator_failed": "Valeur invalide.",
        "invalid": "Valeur invalide.",
        "invalid_utf8": "Texte illisible.",
        "invalid_uuid": "Identifiant invalide.",
        "invalid_awareness": "Date et heure invalides.",
        "format": "Valeur invalide.",
        "type": "Une liste ou un objet est attendu.",
        "unknown": "Valeur inconnue : choisissez parmi {choices}.",
        "too_large": "Nombre trop grand.",
    }

    def __init__(self, *args: Any, optional: bool = False, **kwargs: Any) -> None:
        kwargs.setdefault("required", not optional)
        if optional:
            kwargs.setdefault("load_default", None)
            kwargs.setdefault("allow_none", True)
        super().__init__(*args, **kwargs)


class UUID(_French, ma.UUID):
    """An identifier."""


class Boolean(_French, ma.Boolean):
    """True or false, nothing that merely looks like it."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Integer(_French, ma.Integer):
    """A whole number; no text, no decimals."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, strict=True, **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, bool | str):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Number(_French, ma.Float):
    """A decimal number."""


class Date(_French, ma.Date):
    """A civil date of Europe/Paris, ISO 8601."""


class Instant(_French, ma.AwareDateTime):
    """An instant in UTC, ISO 8601."""


class List(_French, ma.List):
    """A list; `longest` is looked at before its items are, as each costs its time."""

    def __init__(self, inner: ma.Field, *, longest: int | None = None, shortest: int | None = None, **kwargs: Any) -> None:
        self.longest, self.shortest = longest, shortest
        super().__init__(inner, **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, list) and self.longest is not None and len(value) > self.longest:
            raise ValidationError(f"Au plus {self.longest} éléments.")
        if isinstance(value, list) and self.shortest is not None and len(value) < self.shortest:
            raise ValidationError(f"Au moins {self.shortest} élément{'s' if self.shortest > 1 else ''}.")
        return super()._deserialize(value, attr, data, **kwargs)


class Nested(_French, ma.Nested):
    """A record within a record."""


class Mapping(_French, ma.Dict):
    """A small free-form object: counts, facts."""


class Choice(_French, ma.Enum):
    """A value of an enumeration, by its code."""

    def __init__(self, enum: type, *args: Any, **kwargs: Any) -> None:
        super().__init__(enum, *args, by_value=True, **kwargs)


class Text(_French, ma.String):
    """Text of bounded length, NFC, without control characters (a NUL, a line feed in a header)."""

    multiline = False

    def __init__(self, *, longest: int = 255, shortest: int = 1, **kwargs: Any) -> None:
        self.longest, self.shortest = longest, shortest
        super().__init__(**kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        given = super()._deserialize(value, attr, data, **kwargs)
        if len(given) > LONGEST_SPELLING * self.longest:  # Before normalisation, whose time grows with the square of the length.
            raise ValidationError(f"Au plus {self.longest} caractères.")
        text = unicodedata.normalize("NFC", given).strip()
        if any(
            unicodedata.category(character) in ("Cc", "Cs") for character in text.replace("\n", "" if self.multiline else "\n")
        ):
            raise ValidationError("Ce texte contient des caractères interdits.")
        if len(text) < self.shortest:
            raise ValidationError("Ce champ est obligatoire.")
        if len(text) > self.longest:
            raise ValidationError(f"Au plus {self.longest} caractères.")
        return text


# Mail programs make « bit.ly » clickable; « J.P. » they do not.
_MARKUP = re.compile(r"[<>{}\[\]|\\/@]|www\.|\w\.\w{2}", re.IGNORECASE)


class PersonName(Text):
    """A first or last name as it is printed in mails: no link, no markup."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(longest=150, **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        name = super()._deserialize(value, attr, data, **kwargs)
        if _MARKUP.search(name):
            raise ValidationError("Un nom ne contient ni lien, ni adresse, ni balise.")
        if any(unicodedata.category(character) == "Cf" for character in name):  # They turn the text that follows around.
            raise ValidationError("Ce nom contient des caractères invisibles.")
        return name


@lru_cache(maxsize=2048)  # The same few addresses come again and again, and each costs as much as ten other fields.
def _normalized(address: str) -> str:
    return validate_email(address, check_deliverability=False, test_environment=True).normalized


class Email(_French, ma.String):
    """An address as typed, trimmed, of valid syntax; compare through `contracts.addresses.email_key`."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        address = super()._deserialize(value, attr, data, **kwargs).strip()
        if len(address) > 254:
            raise ValidationError("Cette adresse e-mail est trop longue (254 caractères au plus).")
        try:
            return _normalized(address)
        except EmailNotValidError:
            raise ValidationError("Cette adresse e-mail n'est pas valide.") from None


def _digits(typed: str) -> str:
    """The digits of a number as a person writes it: spaces, dots and hyphens are forgiven; empty where there is anything else."""
    found = re.sub(r"[\s.\-]", "", unicodedata.normalize("NFKC", typed[:100]))
    return found if re.fullmatch("[0-9]+", found) else ""


class Siren(_French, ma.String):
    """A SIREN: nine digits with their check digit; spaces are forgiven."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        digits = _digits(super()._deserialize(value, attr, data, **kwargs))
        if not siren_number.is_valid(digits) or not int(digits):
            raise ValidationError("Un numéro SIREN a 9 chiffres ; vérifiez votre saisie.")
        return digits


class Siret(_French, ma.String):
    """A SIRET typed by a person: fourteen digits with their check digit; spaces are forgiven."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        digits = _digits(super()._deserialize(value, attr, data, **kwargs))
        if not siret_number.is_valid(digits) or not int(digits):
            raise ValidationError("Un numéro SIRET a 14 chiffres ; vérifiez votre saisie.")
        return digits


class SirenOrSiret(_French, ma.String):
    """What a person knows of a company: a SIREN or a SIRET."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        digits = _digits(super()._deserialize(value, attr, data, **kwargs))
        rule = siren_number if len(digits) == 9 else siret_number
        if not rule.is_valid(digits) or not int(digits):
            raise ValidationError("Saisissez un numéro SIREN (9 chiffres) ou SIRET (14 chiffres).")
        return digits


class Digits(_French, ma.String):
    """An official number as the State writes it, already checked by who sends it."""


class Secret(_French, ma.String):
    """A password, token or link: crosses the bus in calls and replies only; never stored, logged, parked or kept as a result.

    `longest` is in UTF-8 bytes: what exceeds it is refused before any costly work.
    """

    def __init__(self, *, longest: int = 512, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.longest = longest

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        secret = super()._deserialize(value, attr, data, **kwargs)
        if not secret:
            raise ValidationError("Ce champ est obligatoire.")
        if len(secret.encode("utf-8", "surrogatepass")) > self.longest:
            raise ValidationError("Valeur trop longue.")
        return secret


class Record(Schema):
    """A JSON object whose every field is known."""

    error_messages = {"unknown": "Champ inconnu.", "type": "Un objet est attendu."}

    class Meta:
        unknown = RAISE


def record(name: str, /, **declared: Any) -> type[Record]:
    """A named record: what OpenAPI calls a schema."""
    return type(name, (Record,), dict(declared))


@cache
def lenient(schema: type[Schema]) -> type[Schema]:
    """The same record, however deep, for who reads answers: fields that this release does not know are ignored."""
    known = {name: _lenient_field(field) for name, field in schema._declared_fields.items()}
    return type(schema.__name__, (schema,), {**known, "Meta": type("Meta", (), {"unknown": EXCLUDE})})


def _lenient_field(field: ma.Field) -> ma.Field:
    field = copy(field)
    if isinstance(field, ma.List):
        field.inner = _lenient_field(field.inner)
    elif isinstance(field, ma.Nested):
        field.nested = lenient(field.nested)  # type: ignore[arg-type]
    return field


def page_of(item: type[Schema]) -> dict[str, Any]:
    """The fields of a page: its items and, when there are more, the cursor of the next one."""
    return {"items": List(Nested(item)), "next_cursor": Text(optional=True)}


def pointers(messages: Any, path: str = "") -> list[dict[str, str]]:
    """Marshmallow's nested messages as (JSON pointer, detail) pairs, in order; the first hundred."""
    return list(islice(_pointers(messages, path), MOST_ERRORS))


def _pointers(messages: Any, path: str) -> Iterator[dict[str, str]]:
    if isinstance(messages, dict):
        for key, inner in messages.items():
            step = str(key).replace("~", "~0").replace("/", "~1")  # RFC 6901.
            yield from _pointers(inner, path if key == "_schema" else f"{path}/{step}")
    else:
        for message in messages if isinstance(messages, list) else [messages]:
            yield {"pointer": path, "detail": str(message)}

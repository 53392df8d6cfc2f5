"""Mails as people read them: one source per mail, in French, rendered as text and as HTML."""

import re
import textwrap
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from functools import cache
from typing import Any
from uuid import UUID

import css_inline
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from chassis.french import NO_BREAK, instant_in_words, siret_in_groups
from contracts.addresses import ascii_domain
from contracts.vocabulary import StructureKind

LONGEST_SUBJECT = 250  # Characters; the mail provider refuses more than 255.
LONGEST_ORGANIZATION_NAME = 80
LINE_LENGTH = 76
PAPERS = ("txt", "html")


@dataclass(frozen=True)
class Site:
    """What every mail says of where it comes from; `label` marks what is not production."""

    name: str
    public_url: str
    mail_from: str
    label: str = ""


@dataclass(frozen=True)
class Letter:
    """A mail's content, for anyone."""

    subject: str
    text: str
    html: str


def write_letter(template: str, variables: Mapping[str, Any], site: Site) -> Letter:
    """One mail's content. Every variable that the template names must be given."""
    facts = {name: one_line(value) if isinstance(value, str) else value for name, value in variables.items()}
    subject = one_line(_render(template, "subject", "txt", facts, site))
    subject = cut(f"[{one_line(site.label)}] {subject}" if site.label else subject, LONGEST_SUBJECT)
    text, html = (_lay_out(subject, _render(template, "body", paper, facts, site), paper, site) for paper in PAPERS)
    return Letter(
        subject=subject,
        text=re.sub(r"\n{3,}", "\n\n", text).strip() + "\n",
        html=_inliner().inline(html).strip() + "\n",
    )


def address_mail(letter: Letter, *, recipient: str, mail_id: UUID, site: Site, now: datetime) -> EmailMessage:
    """A letter in its envelope: one recipient, and the Message-ID that every attempt of this mail bears."""
    address = _address(recipient)
    name, sender = parseaddr(site.mail_from)
    mail = EmailMessage(policy=SMTP if address.addr_spec.isascii() else SMTPUTF8)
    mail["From"] = Address(display_name=name or site.name, addr_spec=sender)
    mail["To"] = address
    mail["Subject"] = letter.subject
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{mail_id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["Content-Language"] = "fr"
    mail.set_content(letter.text, cte="quoted-printable")
    mail.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    return mail


def one_line(text: str) -> str:
    """Text without line ends or control characters, with single spaces: nothing that could begin a header or a paragraph."""
    return re.sub(r"[ \t\n]+", " ", "".join(" " if _ends_a_line(character) else character for character in text)).strip()


def cut(text: str, longest: int) -> str:
    """At most so many characters, the last one an ellipsis where something is missing."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def typeset(text: str) -> str:
    """French spacing that no line end may break: before ; : ? ! and inside « »; between hour and minutes."""
    text = re.sub(r" ([;:?!»])", rf"{NO_BREAK}\1", text.replace("« ", f"«{NO_BREAK}"))
    return re.sub(r"\b(\d{1,2}) h (\d\d)\b", rf"\1{NO_BREAK}h{NO_BREAK}\2", text)


def structure_kind(code: str) -> str:
    """« EI (Entreprise d'insertion) »."""
    return f"{code} ({StructureKind(code).label})"


def line(text: str) -> str:
    """One line of plain text, however long."""
    return typeset(one_line(text))


def flow(text: str) -> str:
    """A paragraph of plain text, in lines of a comfortable length; a link is never broken."""
    lines = textwrap.wrap(line(text), LINE_LENGTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)


def flow_html(text: str) -> Markup:
    """A paragraph of HTML, already escaped where it came from outside."""
    return Markup(typeset(one_line(escape(text))))  # noqa: S704 - escaped just before.


def _ends_a_line(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def _address(recipient: str) -> Address:
    """An address as it goes on the wire; its domain in ASCII, or servers without SMTPUTF8 would refuse it."""
    local_part, _, domain = recipient.rpartition("@")
    return Address(username=local_part, domain=ascii_domain(domain))


def _render(template: str, block: str, paper: str, facts: Mapping[str, Any], site: Site) -> str:
    """One block of a mail's source on one paper; HTML comes back marked as escaped."""
    environment = _environment(paper)
    source = environment.get_template(f"{template}.jinja")
    pieces = environment.get_template(f"pieces.{paper}").module
    rendered = "".join(source.blocks[block](source.new_context({**facts, "paper": pieces, "site": site})))
    return Markup(rendered) if paper == "html" else rendered  # noqa: S704 - every variable was escaped on the way.


def _lay_out(subject: str, body: str, paper: str, site: Site) -> str:
    return _environment(paper).get_template(f"layout.{paper}").render(subject=subject, body=body, site=site)


@cache
def _environment(paper: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("services.notifications"),
        autoescape=paper == "html",  # noqa: S701 - the text part is no HTML.
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(in_words=instant_in_words, cut=cut, siret=siret_in_groups, kind=structure_kind)
    environment.filters.update(flow=flow_html if paper == "html" else flow, line=flow_html if paper == "html" else line)
    environment.globals["longest_name"] = LONGEST_ORGANIZATION_NAME
    return environment


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=False)

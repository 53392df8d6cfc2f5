"""E-mail addresses as keys: two spellings that reach one mailbox give one key, and no two mailboxes share one."""

import unicodedata

import idna


def email_key(address: str) -> str:
    """The form under which an address is unique; shown nowhere.

    Before the @: trimmed, NFKC, case-folded; both meet in a fixed point, so `İ`, `ß` and ligatures cannot make a second
    account. After it: what the network knows, since `straße.de` and `strasse.de` have different owners.
    """
    local_part, _, domain = address.strip().rpartition("@")
    for _ in range(4):
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", local_part).casefold())
        if folded == local_part:
            break
        local_part = folded
    return f"{local_part}@{ascii_domain(domain)}"


def ascii_domain(domain: str) -> str:
    """A domain as the network knows it (IDNA 2008, the way e-mail addresses are checked); unchanged where it cannot be one."""
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        return domain.casefold()

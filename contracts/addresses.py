"""E-mail addresses as keys: two spellings that reach one mailbox give one key."""

import unicodedata


def email_key(address: str) -> str:
    """The form under which an address is unique: trimmed, NFKC, case-folded; shown nowhere.

    Case folding and compatibility forms meet in a fixed point, so `İ`, `ß` and ligatures cannot make a second account.
    """
    key = address.strip()
    for _ in range(4):
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", key).casefold())
        if folded == key:
            break
        key = folded
    return key

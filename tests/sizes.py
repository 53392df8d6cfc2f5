"""How often the tests of faults repeat and how long their outages last: little in `make test`, in full in `make soak`."""

import os

IS_SOAK = bool(os.environ.get("EMPLOIS_SOAK"))


def sized(usual, soak):
    """One number for `make test`, another for `make soak`."""
    return soak if IS_SOAK else usual

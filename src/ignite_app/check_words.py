"""What a check says: one finding, or the fault it is made of."""

import attrs


@attrs.frozen
class Check:
    """One finding. `fix` says what to do where `ok` is False, `paste` gives the lines for the host's configuration;
    both are empty otherwise."""

    name: str
    ok: bool
    detail: str
    fix: str = ""
    paste: str = ""


@attrs.frozen
class Fault(Exception):
    """Why a check fails, what to do, and the lines to paste if that is a matter of the host's configuration."""

    detail: str
    fix: str
    paste: str = ""

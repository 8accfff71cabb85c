"""Keys: random ones for rows, and pseudonyms of patients that a person can type without mistaking one for another."""

from __future__ import annotations

import secrets
import uuid

from pen_host.errors import UsageError

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXY"
"""31 letters and digits: a prime number of them, and none that look alike (no I, L, O, U, Z)."""
DRAWN = 9
"""Drawn letters of a pseudonym: 2.6e13 of them. The tenth is the check letter."""
_CARTRIDGES = uuid.UUID("6d0f4c1e-5f0b-4c39-9a53-0c1d7a0f2b4e")
"""Name space of the keys of cartridges; drawn once."""
_LOOK_ALIKE = str.maketrans({"O": "0", "I": "1", "L": "1", "Z": "2"})


class PseudonymError(UsageError):
    """Something is no patient's pseudonym.

    Args:
        typed: What was typed.
        why: What is wrong, as a clause.
    """

    def __init__(self, typed: str, why: str) -> None:
        super().__init__(
            f"{typed[:40]!r} is no patient id ({why}), so nobody was chosen and nothing was changed. Compare it with "
            "the patient's page and type it again."
        )


def new_key() -> str:
    """A key for a row: unique over all stations."""
    return uuid.uuid4().hex


def cartridge_key(gtin: str, serial: str) -> str:
    """The key of a cartridge, which follows from its label: two stations that scan one cartridge mean one row."""
    return uuid.uuid5(_CARTRIDGES, f"{gtin}/{serial}").hex


def new_pseudonym() -> str:
    """A pseudonym for a new patient, with its check letter."""
    drawn = "".join(secrets.choice(ALPHABET) for _ in range(DRAWN))
    return _spelled(drawn + check_letter(drawn))


def pseudonym(typed: str) -> str:
    """The pseudonym somebody typed, in its one spelling; letters that look alike are read as what they look like.

    Raises:
        PseudonymError: It is none: one letter wrong or two exchanged never give another patient's.
    """
    letters = typed.strip().upper().replace("-", "").replace(" ", "")
    if letters.startswith("P") and len(letters) == DRAWN + 2:
        letters = letters[1:]
    letters = letters.translate(_LOOK_ALIKE)
    if len(letters) != DRAWN + 1:
        raise PseudonymError(typed, f"it has {len(letters)} letters instead of {DRAWN + 1}")
    strange = sorted(set(letters) - set(ALPHABET))
    if strange:
        raise PseudonymError(typed, f"no id holds {' '.join(strange)}")
    if check_letter(letters[:DRAWN]) != letters[DRAWN]:
        raise PseudonymError(typed, "its check letter does not fit, so a letter is wrong")
    return _spelled(letters)


def check_letter(drawn: str) -> str:
    """The letter that makes the weighted sum divisible by 31, which no single slip of the keyboard keeps."""
    weighted = sum(weight * ALPHABET.index(letter) for weight, letter in enumerate(drawn, 2))
    return ALPHABET[-weighted % len(ALPHABET)]


def _spelled(letters: str) -> str:
    return f"P-{letters[:5]}-{letters[5:]}"

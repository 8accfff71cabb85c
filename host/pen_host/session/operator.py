"""Who treats: the name in every entry of the record, and the number the pen keeps beside what that person did."""

import hashlib
from dataclasses import dataclass

from pen_protocol import limits


@dataclass(frozen=True, slots=True)
class Operator:
    """A person in a role.

    Attributes:
        name: As signed in the record.
        role: In what role, for example clinician.
    """

    name: str
    role: str = "clinician"

    @property
    def number(self) -> int:
        """The person as the pen stores it: 1..2^30-1, always the same for the same name."""
        digest = hashlib.sha256(self.name.encode()).digest()
        return int.from_bytes(digest[:8], "big") % limits.WORD_MAX + 1

"""Who may do what: people with roles and PINs, in a small file of this computer's user.

PINs are kept as argon2id hashes. Wrong PINs lock an account for a while, longer each time, and the count outlives a restart.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from tempfile import NamedTemporaryFile

from ..errors import AuthError
from ..records import models as records
from .models import PersonView, Role
from .problems import Code, ProblemError, wrong_field

TRIES = 5
"""Wrong PINs in a row before an account is locked out. (J)"""
LOCK_OUT_S = 30.0
"""First lock-out; each wrong PIN after it doubles the time ... (J)"""
LOCK_OUT_MAX_S = 900.0
"""... up to this. (J)"""
TOO_PLAIN = frozenset({"0123", "1234", "12345", "123456", "4321", "54321", "654321"})
MODE = 0o600


class Permission(StrEnum):
    """What somebody may do."""

    TREAT = "treat"
    CLEAR_STOP = "clear_stop"
    SERVICE = "service"
    PEOPLE = "people"
    RECORDS = "records"
    PRESETS = "presets"
    """The clinic's own presets are a medical decision."""
    KEEP = "keep"
    """Saving the record elsewhere, its recovery code, erasing a patient: for who answers for the record."""


PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.CLINICIAN: frozenset(
        {Permission.TREAT, Permission.CLEAR_STOP, Permission.RECORDS, Permission.PRESETS}
    ),
    Role.ENGINEER: frozenset({Permission.SERVICE, Permission.CLEAR_STOP}),
    Role.ADMIN: frozenset({Permission.PEOPLE, Permission.RECORDS, Permission.KEEP}),
}
"""STOP is nobody's privilege and stands in no row."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a PIN."""

    name: str
    roles: tuple[Role, ...]
    pin_hash: str
    active: bool = True
    wrong: int = 0
    wrong_at_s: float = 0.0
    """When the last wrong PIN was given, by the calendar: it outlives a restart."""

    def may(self, permission: Permission) -> bool:
        """Whether one of the roles allows it."""
        return any(permission in PERMISSIONS[role] for role in self.roles)


def signer(person: Person) -> records.Person:
    """Somebody as the record signs them."""
    role = Role.CLINICIAN if Role.CLINICIAN in person.roles else person.roles[0]
    return records.Person(name=person.name, role=role.value)


class People:
    """The accounts of this computer.

    Args:
        path: The file; None keeps them in memory.
        wall: Seconds of the calendar.
        cheap: Hash with little memory, for accounts whose PIN is no secret.
    """

    def __init__(
        self, path: Path | None, wall: Callable[[], float] = time.time, *, cheap: bool = False
    ) -> None:
        from argon2 import PasswordHasher
        from argon2.profiles import CHEAPEST

        self._path = path
        self._wall = wall
        self._hasher = PasswordHasher.from_parameters(CHEAPEST) if cheap else PasswordHasher()
        self._lock = threading.RLock()
        self._people = {} if path is None else _load(path)

    @property
    def empty(self) -> bool:
        """Nobody has an account yet."""
        return not self._people

    def get(self, name: str | None) -> Person | None:
        """Who has this name and may sign in."""
        found = self._people.get(name or "")
        return found if found is not None and found.active else None

    def views(self) -> tuple[PersonView, ...]:
        """Everybody, without secrets."""
        return tuple(self.view(one) for one in self._people.values())

    def view(self, person: Person) -> PersonView:
        """Somebody, without secrets."""
        return PersonView(
            name=person.name,
            roles=person.roles,
            active=person.active,
            locked_out_s=round(self._locked_out_s(person) + 0.499),
        )

    def add(self, name: str, pin: str, roles: Iterable[Role]) -> Person:
        """Make an account.

        Raises:
            ProblemError: The name is taken or the PIN is too plain.
        """
        _good_pin("pin", pin)
        with self._lock:
            if name.casefold() in {one.casefold() for one in self._people}:
                raise wrong_field("name", f"{name} has an account already.")
            person = Person(name, tuple(dict.fromkeys(roles)), self._hasher.hash(pin))
            self._keep({**self._people, name: person})
        return person

    def add_first(self, name: str, pin: str, roles: Iterable[Role]) -> Person:
        """Make the first account; of two that are made at once it is one, and the other is refused.

        Raises:
            ProblemError: There is one already, or the PIN is too plain.
        """
        with self._lock:
            if self._people:
                raise ProblemError(
                    Code.SETUP_DONE, HTTPStatus.CONFLICT, "There are accounts already; an admin makes others."
                )
            return self.add(name, pin, roles)

    def set_active(self, name: str, active: bool) -> None:
        """Let somebody sign in, or no longer. The last active admin stays.

        Raises:
            ProblemError: There is no such account, or nobody could manage accounts any more.
        """
        with self._lock:
            person = self._people.get(name)
            if person is None:
                raise ProblemError(
                    Code.NOT_FOUND, HTTPStatus.NOT_FOUND, f"Nobody called {name} has an account."
                )
            admins = [one for one in self._people.values() if Role.ADMIN in one.roles and one.active]
            if not active and admins == [person]:
                raise wrong_field("name", f"{name} is the last active admin.")
            self._keep({**self._people, name: replace(person, active=active)})

    def check(self, name: str, pin: str) -> Person:
        """Who this is, by PIN.

        Raises:
            ProblemError: The PIN is wrong, there is no such account, or it is locked out for now.
        """
        from argon2.exceptions import InvalidHashError, VerificationError

        # one guess at a time: many at once would pass the count
        with self._lock:
            person = self.get(name)
            if person is None:
                self._hasher.hash(pin)  # a name that does not exist takes as long as one that does
                raise _wrong_pin()
            left_s = self._locked_out_s(person)
            if left_s > 0:
                raise _locked_out(left_s)
            try:
                self._hasher.verify(person.pin_hash, pin)
            except (VerificationError, InvalidHashError) as error:
                person = replace(person, wrong=person.wrong + 1, wrong_at_s=self._wall())
                self._keep({**self._people, name: person})
                left_s = self._locked_out_s(person)
                raise (_locked_out(left_s) if left_s > 0 else _wrong_pin()) from error
            if person.wrong:
                person = replace(person, wrong=0, wrong_at_s=0.0)
                self._keep({**self._people, name: person})
        return person

    def change_pin(self, name: str, old_pin: str, new_pin: str) -> None:
        """Another PIN for somebody who knows the old one.

        Raises:
            ProblemError: See `check`; or the new PIN is too plain.
        """
        _good_pin("new_pin", new_pin)
        with self._lock:  # over both: what an admin changes meanwhile must not be undone
            person = self.check(name, old_pin)
            self._keep({**self._people, name: replace(person, pin_hash=self._hasher.hash(new_pin))})

    def _locked_out_s(self, person: Person) -> float:
        if person.wrong < TRIES:
            return 0.0
        lasts_s = min(LOCK_OUT_S * 2.0 ** min(person.wrong - TRIES, 10), LOCK_OUT_MAX_S)
        passed_s = self._wall() - person.wrong_at_s
        # a calendar that was set back does not lengthen it
        return max(0.0, lasts_s - passed_s) if passed_s >= 0 else lasts_s

    def _keep(self, people: dict[str, Person]) -> None:
        if self._path is not None:
            _save(self._path, people)
        self._people = people


def _wrong_pin() -> ProblemError:
    return ProblemError(
        Code.WRONG_PIN,
        HTTPStatus.FORBIDDEN,
        "Name and PIN do not belong together, so nobody was signed in. STOP works without.",
    )


def _locked_out(left_s: float) -> ProblemError:
    return ProblemError(
        Code.LOCKED_OUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        f"Too many wrong PINs: this account is locked out for {left_s + 0.5:.0f} s. STOP works without.",
    )


def _good_pin(field: str, pin: str) -> None:
    if len(set(pin)) == 1 or pin in TOO_PLAIN:
        raise wrong_field(field, "This PIN is the first that anybody would try; choose another.")


def _load(path: Path) -> dict[str, Person]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise AuthError(f"The accounts in {path} cannot be read ({error}), so nobody can sign in.") from error
    try:
        rows = json.loads(text)["people"]
        people = [Person(**{**row, "roles": tuple(Role(role) for role in row["roles"])}) for row in rows]
    except (ValueError, TypeError, KeyError) as error:
        raise AuthError(
            f"The accounts in {path} are damaged ({error}), so nobody can sign in. Put the file's backup in its place; "
            "without one, move the file away and make the accounts anew."
        ) from error
    return {one.name: one for one in people}


def _save(path: Path, people: dict[str, Person]) -> None:
    """Whole or not at all: a power cut leaves the old accounts."""
    text = json.dumps({"people": [asdict(one) for one in people.values()]}, ensure_ascii=False, indent=1)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with NamedTemporaryFile("w", dir=path.parent, encoding="utf-8", delete=False) as file:
            os.chmod(file.name, MODE)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(file.name, path)
    except OSError as error:
        raise AuthError(
            f"The accounts in {path} cannot be written ({error}), so nothing was changed."
        ) from error

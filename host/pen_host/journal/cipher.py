"""SQLCipher as Python's own `sqlite3`: an encrypted file is spoken to like any other, with the same errors.

The package `sqlcipher3` is an extra. It carries an SQLite of its own, whose classes and errors are not those of `sqlite3`; here,
and nowhere else, the one is made the other. The format is SQLCipher 4: AES-256-CBC and HMAC-SHA512 a page, a salt of 16 bytes
in front (https://www.zetetic.net/sqlcipher/design/). The key is given raw, so nothing is derived from a password.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast
from urllib.parse import quote

KEY_BYTES, SALT_BYTES = 32, 16
NO_LIBRARY = "the package sqlcipher3 is not installed"
INSTALL = "Install the extra encryption, pip install 'derma-pen[encryption]'"

_P = ParamSpec("_P")
_T = TypeVar("_T")


def installed() -> bool:
    """Whether encrypted files can be opened here."""
    try:
        import sqlcipher3  # noqa: F401 - only whether it can be
    except ImportError:
        return False
    return True


def connect(path: Path, key: bytes, salt: bytes, *, timeout_s: float, writing: bool) -> sqlite3.Connection:
    """Opens an encrypted file, or makes one; transactions are the caller's.

    Args:
        path: The file.
        key: 32 bytes.
        salt: 16 bytes; those in front of a file that is there already.
        timeout_s: How long to wait for another connection.
        writing: Otherwise the file must be there and stays as it is.

    Raises:
        ImportError: `sqlcipher3` is not installed.
        sqlite3.Error: It cannot be opened; `SQLITE_NOTADB` where the key is another one.
    """
    name = f"file:{quote(str(path.resolve()))}?mode={'rwc' if writing else 'ro'}"
    connection = _driver()(name, uri=True, timeout=timeout_s, isolation_level=None, check_same_thread=False)
    try:
        # what SQLCipher would write to the standard error comes as an error anyway
        connection.execute("PRAGMA cipher_log_level = NONE")
        connection.execute(f"PRAGMA key = {literal(key, salt)}")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def literal(key: bytes, salt: bytes) -> str:
    """Key and salt as SQLCipher's statements take them."""
    return f"\"x'{key.hex()}{salt.hex()}'\""


def connect_plain(path: Path) -> sqlite3.Connection:
    """Opens a file that is not encrypted with SQLCipher, as the source or target of a conversion.

    Raises:
        ImportError: `sqlcipher3` is not installed.
        sqlite3.Error: It cannot be opened.
    """
    return _driver()(str(path), isolation_level=None)


def row_class(connection: sqlite3.Connection) -> type[sqlite3.Row]:
    """The class of rows with names that fits a connection."""
    return cast("type[sqlite3.Row]", getattr(connection, "row_class", sqlite3.Row))


@functools.cache
def _driver() -> Callable[..., sqlite3.Connection]:
    """The class of connections, made when it is first wanted."""
    from sqlcipher3 import dbapi2

    def told(call: Callable[_P, _T]) -> Callable[_P, _T]:
        @functools.wraps(call)
        def translating(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            try:
                return call(*args, **kwargs)
            except dbapi2.Error as error:
                raise _as_sqlite3(error) from error

        return translating

    class Cursor(dbapi2.Cursor):
        """A cursor with the errors of `sqlite3`."""

        execute = told(dbapi2.Cursor.execute)
        executemany = told(dbapi2.Cursor.executemany)
        executescript = told(dbapi2.Cursor.executescript)
        fetchone = told(dbapi2.Cursor.fetchone)
        fetchmany = told(dbapi2.Cursor.fetchmany)
        fetchall = told(dbapi2.Cursor.fetchall)

        def __next__(self) -> Any:
            """The next row."""
            return following(self)

    def _next(cursor: Any) -> Any:
        return dbapi2.Cursor.__next__(cursor)

    following = told(_next)

    class Connection(dbapi2.Connection):
        """A connection with the errors of `sqlite3`."""

        row_class = dbapi2.Row

        def cursor(self, factory: Any = Cursor) -> Any:
            """A cursor."""
            return super().cursor(factory)

        def execute(self, *args: Any) -> Any:
            """Executes a statement."""
            return self.cursor().execute(*args)

        def executemany(self, *args: Any) -> Any:
            """Executes a statement for each of several rows."""
            return self.cursor().executemany(*args)

        def executescript(self, *args: Any) -> Any:
            """Executes several statements."""
            return self.cursor().executescript(*args)

        commit = told(dbapi2.Connection.commit)
        rollback = told(dbapi2.Connection.rollback)
        backup = told(dbapi2.Connection.backup)

    @told
    def opened(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        return cast("sqlite3.Connection", Connection(*args, **kwargs))

    return opened


def _as_sqlite3(error: Exception) -> sqlite3.Error:
    """The error of `sqlite3` of the same name, with the same codes."""
    made = getattr(sqlite3, type(error).__name__, sqlite3.DatabaseError)(*error.args)
    for name in ("sqlite_errorcode", "sqlite_errorname"):
        if hasattr(error, name):
            setattr(made, name, getattr(error, name))
    return cast("sqlite3.Error", made)

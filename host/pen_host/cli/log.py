"""`pen log`: is the record intact, and who else can tell?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import JournalFile, Json
from .telling import print_json

if TYPE_CHECKING:
    from ..journal import Audit, Head

group = typer.Typer(help="The record: verify it, export its chain, show its key.", no_args_is_help=True)
Known = Annotated[
    list[str] | None,
    typer.Option("--known", metavar="SEQ:HASH", help="A head known from elsewhere, as on a printed report."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="log")


@group.command()
def verify(journal_file: JournalFile = None, known: Known = None, json_: Json = False) -> None:
    """Verify chain, signatures and tables; says which row, what and when if anything is damaged."""
    from rich.console import Console
    from rich.progress import Progress

    from ..errors import ExitCode
    from ..journal import audit_record, default_path
    from ..vault import this_vault

    path = journal_file or default_path()
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("entries", total=None)
        audit = audit_record(
            path,
            this_vault(),
            known=_heads(path, known or []),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    _tell(path, audit, as_json=json_)
    if not audit.intact:
        raise typer.Exit(ExitCode.VERIFICATION)


def _tell(path: Path, audit: "Audit", *, as_json: bool) -> None:
    report = audit.report
    if as_json:
        content = {"journal": str(path), "intact": audit.intact, "checked": report.checked}
        content |= {"head": report.head.hash if report.head else None, "signed_heads": audit.heads}
        content |= {"rows": audit.rows, "key": audit.key or None, "unsigned": audit.unsigned}
        damages = [damage.sentence for damage in report.damages]
        print_json({**content, "not_checked": list(audit.not_checked), "damages": damages})
        return
    print(audit.sentence)
    for damage in report.damages:
        print(f"  {damage.sentence}")
    for sentence in audit.not_checked:
        print(f"  Not checked: {sentence}")
    if audit.unsigned and audit.intact:
        print(f"  The newest {audit.unsigned} entries are under no signed head yet.")


def _heads(path: Path, texts: list[str]) -> list["Head"]:
    """Heads as they are printed.

    Raises:
        UsageError: One of them is none.
    """
    from ..errors import UsageError
    from ..journal import Head, JournalReader

    found = []
    for text in texts:
        seq, _, hash_ = text.partition(":")
        if not seq.isdigit() or len(hash_) != 64:
            raise UsageError(
                f"{text!r} is no head of a record, so nothing was verified. Give number and hash as printed, 120:3f0c..."
            )
        with JournalReader(path) as reader:
            found.append(Head(reader.station_id(), int(seq), hash_))
    return found


@group.command()
def export(
    out: Annotated[Path, typer.Option("--out", help="Folder for the chain and its verifier.")],
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Export the chain, with a program that verifies it anywhere; it names operators, but no patient."""
    from ..journal import default_path
    from ..journal.export import export_chain

    made = export_chain(journal_file or default_path(), out)
    if json_:
        content = {"chain": str(made.chain), "verifier": str(made.verifier)}
        print_json({**content, "entries": made.entries, "signed_heads": made.heads})
    else:
        print(f"{made.entries} entries and {made.heads} signed heads: python {made.verifier} {made.chain}")


@group.command()
def key(journal_file: JournalFile = None, json_: Json = False) -> None:
    """Show the public key that this station signs with, to be kept where the record is not."""
    from ..errors import VerificationError
    from ..journal import JournalReader, default_path
    from ..journal.signing import fingerprint, public_key
    from ..vault import this_vault

    path = journal_file or default_path()
    with JournalReader(path) as reader:
        station = reader.station_id()
    vault = this_vault()
    public = public_key(station, vault)
    if public is None:
        raise VerificationError(
            f"This computer has no key for station {station}, so it cannot sign that record. Open the record with the "
            "console once, on the computer that writes it."
        )
    if json_:
        print_json(
            {"station": station, "public_key": public, "name": fingerprint(public), "kept_in": vault.where}
        )
    else:
        print(f"station {station}  key {fingerprint(public)}  in {vault.where}\n{public}")

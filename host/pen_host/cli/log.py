"""`pen log`: is the record intact, and who else can tell?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .clinical import Role, person
from .options import JournalFile, Json, Operator
from .telling import print_json

if TYPE_CHECKING:
    from ..journal import Audit, Head
    from ..records.at_rest import AtRest

group = typer.Typer(
    help="The record: verify it, export its chain, show its key, encrypt it.", no_args_is_help=True
)
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
    from ..records import at_rest
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
    _tell(path, audit, at_rest.exposed(path, this_vault()), as_json=json_)
    if not audit.intact:
        raise typer.Exit(ExitCode.VERIFICATION)


def _tell(path: Path, audit: "Audit", exposed: tuple[str, ...], *, as_json: bool) -> None:
    report = audit.report
    if as_json:
        content = {"journal": str(path), "intact": audit.intact, "checked": report.checked}
        content |= {"head": report.head.hash if report.head else None, "signed_heads": audit.heads}
        content |= {
            "in_the_clear": list(exposed),
            "rows": audit.rows,
            "key": audit.key or None,
            "unsigned": audit.unsigned,
        }
        damages = [damage.sentence for damage in report.damages]
        print_json({**content, "not_checked": list(audit.not_checked), "damages": damages})
        return
    print(audit.sentence)
    for damage in report.damages:
        print(f"  {damage.sentence}")
    for sentence in audit.not_checked:
        print(f"  Not checked: {sentence}")
    if exposed:
        print(
            f"  {len(exposed)} files beside the encrypted record are not under its key; pen log encrypt mends that."
        )
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


@group.command()
def encrypt(
    operator: Operator, role: Role = "clinician", journal_file: JournalFile = None, json_: Json = False
) -> None:
    """Encrypt the record in place with its photographs and older copies; may be broken off and repeated."""
    from ..journal import default_path
    from ..records import at_rest
    from ..vault import this_vault

    done = at_rest.encrypt(journal_file or default_path(), this_vault(), person(operator, role))
    _tell_code(done, f"{done.files} files were encrypted.", as_json=json_)


@group.command()
def rekey(
    operator: Operator, role: Role = "clinician", journal_file: JournalFile = None, json_: Json = False
) -> None:
    """Put record, photographs and older copies under a new key; the old recovery code opens nothing any more."""
    from ..journal import default_path
    from ..records import at_rest
    from ..vault import this_vault

    done = at_rest.rekey(journal_file or default_path(), this_vault(), person(operator, role))
    _tell_code(done, f"{done.files} files have a new key.", as_json=json_)


@group.command("at-rest")
def show_protection(journal_file: JournalFile = None, json_: Json = False) -> None:
    """Show whether the record is encrypted, where its key is, and what beside it is not under that key."""
    from dataclasses import asdict

    from ..journal import default_path
    from ..records import at_rest
    from ..vault import this_vault

    record = journal_file or default_path()
    found = at_rest.protection(record, this_vault())
    if json_:
        print_json({"journal": str(record), **asdict(found)})
        return
    where = f"its key is in {found.kept_in}" if found.encrypted else "pen log encrypt changes that"
    print(f"{record} is {'encrypted' if found.encrypted else 'not encrypted'}; {where}.")
    for name in found.exposed:
        print(f"  {name} is not under its key; pen log encrypt mends that.")


@group.command("recovery-code")
def recovery_code(journal_file: JournalFile = None, json_: Json = False) -> None:
    """Show the recovery code of an encrypted record, to be printed and locked away."""
    from ..journal import default_path
    from ..records import at_rest
    from ..vault import this_vault

    code = at_rest.recovery_code(journal_file or default_path(), this_vault())
    if json_:
        print_json({"recovery_code": code})
    else:
        print(code)


@group.command()
def recover(
    operator: Operator,
    role: Role = "clinician",
    code_file: Annotated[
        typer.FileText | None,
        typer.Option("--code-file", help="File with the recovery code, - to read it; else it is asked for."),
    ] = None,
    journal_file: JournalFile = None,
    json_: Json = False,
) -> None:
    """Put the key of an encrypted record back with its recovery code, after the keyring was lost."""
    from ..journal import default_path
    from ..records import at_rest
    from ..vault import this_vault

    # never an argument: a shell keeps those
    code = code_file.read() if code_file else typer.prompt("Recovery code", err=True)
    done = at_rest.recover(journal_file or default_path(), code, this_vault(), person(operator, role))
    if json_:
        print_json({"journal": str(done.record), "kept_in": done.kept_in, "lacking": list(done.lacking)})
        return
    print(f"The record {done.record} opens again; its key is in {done.kept_in}.")
    for sentence in done.lacking:
        print(f"  {sentence}")


def _tell_code(done: "AtRest", sentence: str, *, as_json: bool) -> None:
    if as_json:
        content = {"journal": str(done.record), "files": done.files, "kept_in": done.kept_in}
        print_json({**content, "key_on_disk": done.key_on_disk, "recovery_code": done.code})
        return
    print(f"{sentence} The record is {done.record}, its key is in {done.kept_in}.")
    if done.key_on_disk:
        print(
            "  That is a file: whoever takes a disk with both has record and key. Let PEN_KEYS name a folder on a drive that is "
            "kept apart, or use a computer with a keyring."
        )
    print(
        f"Print this recovery code and lock it away; without it the record is lost with that key:\n{done.code}"
    )

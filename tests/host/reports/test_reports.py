"""Reports: what the record says is on the paper, the same bytes every time, and nothing typed is ever run."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pypdf import PdfReader

from pen_host.errors import UsageError
from pen_host.journal import Kind
from pen_host.records import NotFoundError
from pen_host.reports import paper
from pen_host.reports.after_care import after_care_sheet
from pen_host.reports.blocks import Grid, Prose, Sheet
from pen_host.reports.course import course_summary
from pen_host.reports.data_sheet import specification
from pen_host.reports.lot import lot_report
from pen_host.reports.make import Made, write_report
from pen_host.reports.treatment import treatment_record
from pen_host.spec import spec_rows
from tests.host.told_clinic import ANNA, HOSTILE, LOT, PEN, ToldClinic, same_as_golden, steady

REPORTS = ("treatment", "after_care", "course", "lot", "spec")


def made(told: ToldClinic, name: str) -> Made:
    return {
        "treatment": lambda: treatment_record(told.clinic, told.visit_id),
        "after_care": lambda: after_care_sheet(told.clinic, told.visit_id),
        "course": lambda: course_summary(told.clinic, told.patient_id),
        "lot": lambda: lot_report(told.clinic, LOT),
        "spec": specification,
    }[name]()


def text(content: bytes) -> str:
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]
    return "\n--- page ---\n".join(pages)


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_says_what_it_said(told: ToldClinic, name: str) -> None:
    same_as_golden(f"report_{name}.txt", steady(text(paper.pdf(*made(told, name)))) + "\n")


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_made_again_is_the_same_file(told: ToldClinic, name: str) -> None:
    assert paper.pdf(*made(told, name)) == paper.pdf(*made(told, name))


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_tagged_and_for_the_archive(told: ToldClinic, name: str) -> None:
    reader = PdfReader(io.BytesIO(paper.pdf(*made(told, name))))
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert "/StructTreeRoot" in root
    assert root["/Lang"] == "en"
    about = root["/Metadata"].get_data()
    assert b"<pdfaid:part>2</pdfaid:part>" in about
    assert b"<pdfaid:conformance>A</pdfaid:conformance>" in about
    assert b"pdfuaid:part" in about


def test_the_time_in_a_report_is_the_records(told: ToldClinic) -> None:
    sheet, at = made(told, "treatment")
    assert at == told.clinic.seal(told.visit_id).at
    about = PdfReader(io.BytesIO(paper.pdf(sheet, at))).metadata
    assert about
    assert about.creation_date == at.replace(microsecond=0)
    assert about.title == f"{sheet.title}, {sheet.subtitle}"


def test_a_treatment_record_stays_the_same_while_the_record_grows(told: ToldClinic) -> None:
    before = paper.pdf(*made(told, "treatment"))
    told.journal.append(Kind.NOTE, {"text": "something else happened"})
    assert paper.pdf(*made(told, "treatment")) == before
    head = told.clinic.seal(told.visit_id).head
    assert head.hash in text(before)
    assert head.seq < told.clinic.seal().head.seq


@pytest.mark.parametrize("name", ["treatment", "after_care", "course", "lot"])
def test_markup_in_a_name_is_printed_and_not_run(told: ToldClinic, name: str) -> None:
    said = "".join(text(paper.pdf(*made(told, name))).split())
    assert "".join(HOSTILE.split()) in said


def test_the_numbers_of_a_treatment_are_the_pens(told: ToldClinic) -> None:
    sheet, _ = made(told, "treatment")
    zones = next(block for block in sheet.blocks if isinstance(block, Grid))
    row = dict(zip(zones.header, zones.rows[0], strict=True))
    assert row["Strokes"] == "1350"
    assert row["On skin"] == "1145"
    assert row["Est. max. /cm2"] == "275"
    assert row["Protrusion set / measured"] == "1.50 mm / 1.49 mm"
    assert row["Rate set / measured"] == "100.0 Hz / 99.5 Hz"
    said = text(paper.pdf(*made(told, "treatment")))
    for word in (PEN, LOT, "CARTRIDGE_UNLATCHED", "isotretinoin", "low dose", "as published", "off-label"):
        assert word in said, word


def test_a_visit_that_is_not_signed_says_so(tmp_path: Path) -> None:
    told = ToldClinic(tmp_path)
    try:
        sheet, _ = treatment_record(told.clinic, told.visit_id)
        assert [badge.text for badge in sheet.badges] == ["signed", "off-label use"]
        told.clinic.recalls.call_back(LOT, f"blunt {HOSTILE}", ANNA)
        recalled, _ = lot_report(told.clinic, LOT)
        assert [badge.text for badge in recalled.badges] == ["recalled"]
        assert HOSTILE in str(recalled.blocks)
        assert told.patient_id in str(recalled.blocks)
    finally:
        told.close()


def test_every_parameter_is_on_the_data_sheet() -> None:
    said = "".join(text(paper.pdf(*specification())).split())
    for row in spec_rows():
        assert "".join(row.name.split()) in said
        assert "".join(row.text.split()) in said


@pytest.mark.parametrize(
    "markup", ['#read("/etc/passwd")', "#import", ']#eval("1")[', "\\u{41}", '"', "$x$", "//", "@x"]
)
def test_typst_markup_is_printed_letter_by_letter(markup: str) -> None:
    sheet = Sheet("t", "s", "r", (), (Prose(markup),), "x")
    assert "".join(markup.split()) in "".join(
        text(paper.pdf(sheet, datetime(2028, 1, 1, tzinfo=UTC))).split()
    )


def test_pages_can_be_looked_at(told: ToldClinic) -> None:
    found = paper.pages(*made(told, "after_care"))
    assert all(page.startswith(b"\x89PNG") for page in found)
    assert len(found) == 1


# ---- whatever is wrong -----------------------------------------------------------------------------------------------


def test_what_is_not_there_has_no_report(told: ToldClinic) -> None:
    with pytest.raises(NotFoundError, match="no visit"):
        treatment_record(told.clinic, "0" * 32)
    with pytest.raises(UsageError, match="knows no cartridge of lot NONE"):
        lot_report(told.clinic, "NONE")


def test_only_a_pdf_is_written_and_only_whole(told: ToldClinic, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no name for a PDF"):
        write_report(made(told, "spec"), tmp_path / "x.txt")
    (tmp_path / "folder.pdf").mkdir()
    with pytest.raises(UsageError, match="could not be written"):
        write_report(made(told, "spec"), tmp_path / "folder.pdf")
    assert [file.name for file in tmp_path.iterdir()] == ["folder.pdf"]
    written = write_report(made(told, "spec"), tmp_path / "new" / "x.pdf")
    assert written.bytes == written.path.stat().st_size

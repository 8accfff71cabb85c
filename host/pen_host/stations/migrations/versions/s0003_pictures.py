"""Pictures on the clinic's server: sealed slices, a key for each patient, and guards by which an erasure reaches them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "s0003"
down_revision = "s0002"
branch_labels = None
depends_on = None

_FUNCTION = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp"
_FORGET = "DELETE FROM picture_keys WHERE patient_id = {0}; DELETE FROM pictures WHERE patient_id = {0};"
_GUARDS = (
    """
    CREATE FUNCTION pen_may_be_kept(patient text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
      SELECT EXISTS (SELECT 1 FROM patients WHERE id = patient AND erased_at IS NULL)
         AND EXISTS (SELECT 1 FROM consents c JOIN consent_texts t ON t.id = c.text_id
                     WHERE c.patient_id = patient AND c.withdrawn_at IS NULL AND t.name = 'photographs')
    $$
    """,
    # locks what the answer rests on: an erasure or a withdrawal under way is waited for
    f"""
    CREATE FUNCTION pen_picture_of() RETURNS trigger {_FUNCTION} AS $$
    BEGIN
      PERFORM 1 FROM patients WHERE id = NEW.patient_id FOR SHARE;
      PERFORM 1 FROM consents WHERE patient_id = NEW.patient_id FOR SHARE;
      IF NOT pen_may_be_kept(NEW.patient_id)
      THEN RAISE EXCEPTION 'this patient was erased, or agrees to photographs no more'
        USING ERRCODE = 'integrity_constraint_violation';
      END IF;
      RETURN NEW;
    END $$
    """,
    *(
        f"""
        CREATE TRIGGER {table}_of_patients_who_agree BEFORE INSERT ON {table}
        FOR EACH ROW EXECUTE FUNCTION pen_picture_of()
        """
        for table in ("pictures", "picture_slices", "picture_keys")
    ),
    f"""
    CREATE FUNCTION pen_picture_whole() RETURNS trigger {_FUNCTION} AS $$
    BEGIN
      PERFORM 1 FROM pictures p WHERE p.patient_id = NEW.patient_id AND p.sha256 = NEW.sha256 FOR NO KEY UPDATE;
      UPDATE pictures p SET version = nextval('picture_version')
       WHERE p.patient_id = NEW.patient_id AND p.sha256 = NEW.sha256 AND p.version IS NULL AND p.slices =
         (SELECT count(*) FROM picture_slices s WHERE s.patient_id = p.patient_id AND s.sha256 = p.sha256);
      RETURN NULL;
    END $$
    """,  # noqa: S608 - our own words
    """
    CREATE TRIGGER picture_slices_whole AFTER INSERT ON picture_slices
    FOR EACH ROW EXECUTE FUNCTION pen_picture_whole()
    """,
    f"""
    CREATE FUNCTION pen_pictures_of_erased() RETURNS trigger {_FUNCTION} AS $$
    BEGIN {_FORGET.format("NEW.id")} RETURN NULL; END $$
    """,
    """
    CREATE TRIGGER patients_pictures_forgotten AFTER UPDATE OF erased_at ON patients
    FOR EACH ROW WHEN (NEW.erased_at IS NOT NULL) EXECUTE FUNCTION pen_pictures_of_erased()
    """,
    f"""
    CREATE FUNCTION pen_pictures_taken_back() RETURNS trigger {_FUNCTION} AS $$
    BEGIN
      IF NOT pen_may_be_kept(NEW.patient_id) THEN {_FORGET.format("NEW.patient_id")} END IF;
      RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER consents_pictures_taken_back AFTER UPDATE OF withdrawn_at ON consents
    FOR EACH ROW WHEN (NEW.withdrawn_at IS NOT NULL) EXECUTE FUNCTION pen_pictures_taken_back()
    """,
    f"""
    CREATE FUNCTION pen_picture_gone() RETURNS trigger {_FUNCTION} AS $$
    BEGIN DELETE FROM pictures WHERE patient_id = OLD.patient_id AND sha256 = OLD.sha256; RETURN NULL; END $$
    """,  # noqa: S608 - our own words
    """
    CREATE TRIGGER photographs_picture_gone AFTER DELETE ON photographs
    FOR EACH ROW EXECUTE FUNCTION pen_picture_gone()
    """,
)


def upgrade() -> None:
    """Makes the tables. A picture has a version once all its slices are there."""
    op.execute("CREATE SEQUENCE picture_version")
    op.create_table(
        "pictures",
        sa.Column("patient_id", sa.Text, primary_key=True),
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("slices", sa.Integer, sa.CheckConstraint("slices > 0"), nullable=False),
        sa.Column("slice_bytes", sa.Integer, sa.CheckConstraint("slice_bytes > 0"), nullable=False),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("version", sa.BigInteger, unique=True),
    )
    op.create_table(
        "picture_slices",
        sa.Column("patient_id", sa.Text, primary_key=True),
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, sa.CheckConstraint("number >= 0"), primary_key=True),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id", "sha256"], ["pictures.patient_id", "pictures.sha256"], ondelete="CASCADE"
        ),
    )
    # what is sealed cannot be compressed
    op.execute("ALTER TABLE picture_slices ALTER COLUMN sealed SET STORAGE EXTERNAL")
    op.create_table(
        "picture_keys",
        sa.Column("patient_id", sa.Text, primary_key=True),
        sa.Column("key", sa.LargeBinary, sa.CheckConstraint("octet_length(key) = 32"), nullable=False),
        sa.Column("station_id", sa.Text, nullable=False),
    )
    for guard in _GUARDS:
        op.execute(guard)


def downgrade() -> None:
    """Refused: a record is never taken back to a layout that cannot hold it."""
    raise NotImplementedError(
        "a record is never taken back to an older layout; restore the backup made before"
    )

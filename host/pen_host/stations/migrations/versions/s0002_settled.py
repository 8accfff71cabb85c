"""Conflicts are settled by somebody, with a reason; what an erased patient said is in none of them, and comes in no more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "s0002"
down_revision = "s0001"
branch_labels = None
depends_on = None

_GUARDS = (
    """
    CREATE FUNCTION pen_forget() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    BEGIN
      UPDATE conflicts SET content = 'null' WHERE content::jsonb ->> 'patient_id' = NEW.id
        OR content::jsonb ->> 'reaction_id' IN (SELECT id FROM reactions WHERE patient_id = NEW.id);
      RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER patients_forgotten AFTER UPDATE OF erased_at ON patients
    FOR EACH ROW WHEN (NEW.erased_at IS NOT NULL) EXECUTE FUNCTION pen_forget()
    """,
    """
    CREATE FUNCTION pen_forgotten() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    BEGIN
      IF EXISTS (SELECT 1 FROM patients p WHERE p.erased_at IS NOT NULL AND (p.id = NEW.content::jsonb ->> 'patient_id'
           OR p.id = (SELECT patient_id FROM reactions WHERE id = NEW.content::jsonb ->> 'reaction_id')))
      THEN NEW.content := 'null';
      END IF;
      RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER conflicts_forgotten BEFORE INSERT ON conflicts
    FOR EACH ROW EXECUTE FUNCTION pen_forgotten()
    """,
    """
    CREATE FUNCTION pen_not_erased() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    BEGIN
      IF EXISTS (SELECT 1 FROM patients WHERE id = NEW.patient_id AND erased_at IS NOT NULL)
      THEN RAISE EXCEPTION 'this patient was erased' USING ERRCODE = 'integrity_constraint_violation';
      END IF;
      RETURN NEW;
    END $$
    """,
    *(
        f"""
        CREATE TRIGGER {table}_not_of_erased BEFORE INSERT OR UPDATE ON {table}
        FOR EACH ROW EXECUTE FUNCTION pen_not_erased()
        """
        for table in ("demographics", "notes", "photographs")
    ),
)


def upgrade() -> None:
    """Adds how, why and where a conflict was settled, and the guards."""
    for name in ("settled_how", "settled_reason", "settled_station"):
        op.add_column("conflicts", sa.Column(name, sa.Text))
    op.create_check_constraint(
        "conflicts_settled",
        "conflicts",
        "(settled_at IS NULL) = (settled_by IS NULL) AND (settled_at IS NULL) = (settled_reason IS NULL)"
        " AND (settled_at IS NULL) = (settled_station IS NULL)"
        " AND (settled_how IS NOT NULL AND settled_how IN ('standing', 'put_aside', 'both')) = (settled_at IS NOT NULL)",
    )
    for guard in _GUARDS:
        op.execute(guard)


def downgrade() -> None:
    """Refused: a record is never taken back to a layout that cannot hold it."""
    raise NotImplementedError(
        "a record is never taken back to an older layout; restore the backup made before"
    )

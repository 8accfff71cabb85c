"""Backup and restore of a record. What a backup holds of patients is sealed with keys that are not in it.

    saved = back_up(clinic_journal, folder)            # a new folder below; it has its name only once it is whole
    checked = verify_backup(saved.folder, keys)        # chain, signature and every row
    restore(saved.folder, record, vault, code)         # into a place where no record is

Each patient has a key. Erasing a patient destroys it, and with it what every backup ever made holds of who they are: names and
texts in them stay unreadable, while treatments, lots and the chain can be restored. The keys lie beside the record, and in one
sealed file beside the backups, replaced as a whole by each backup, which the recovery code opens. Photographs lie beside the
backups as well, each once (`pictures`). A backup of an encrypted record is restored as an encrypted one.
"""

from pen_host.backups.making import Backup, back_up, recovery_code
from pen_host.backups.restoring import bring_keys_back, restore, verify_backup

__all__ = ["Backup", "back_up", "bring_keys_back", "recovery_code", "restore", "verify_backup"]

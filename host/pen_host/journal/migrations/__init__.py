"""Layouts of the record, oldest first. Run by `pen_host.journal.layout`, never by hand."""

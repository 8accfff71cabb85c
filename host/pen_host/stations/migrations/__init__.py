"""Layouts of the clinic's server beyond the tables of the record, oldest first. Run by `pen_host.stations.server`."""

"""Several stations of one clinic: each writes its own record first and replicates with the clinic's server when it is there.

    setup(admin_url)                                  # once, and after each new version: tables, guards, rights
    login = enrol(admin_url, station_id)              # once for each station
    join(journal, login.url, vault)                   # at the station
    replicate(journal, server_url(journal, vault))    # whenever the server is there; a treatment never waits for it
    settle(journal, url, place, Keep.BOTH, reason, by)   # what two stations said differently, by somebody who looked at both

The server is PostgreSQL with the same tables. A station's outbox is `row_states` of its own record: every row with the number of
its newest change. What others wrote is taken over in slices (`taking_over`), pictures follow their rows (`pictures`). One chain a
station, side by side on the server. See `replicate` for what happens when two stations change the same row,
`pen_host.records.registry` for cartridges, `rights` for who may do what.
"""

from pen_host.stations.errors import (
    ForkedChainError,
    NotJoinedError,
    ServerGoneError,
    ServerNewerError,
    ServerOlderError,
    ServerRefusedError,
    ServerRowsError,
)
from pen_host.stations.joining import Status, join, server_url, status
from pen_host.stations.pictures import WITHOUT_END, Budget
from pen_host.stations.replicate import Replicated, replicate
from pen_host.stations.saved import open_saved
from pen_host.stations.server import Conflict, Login, Saved, conflicts, enrol, setup, verify_server
from pen_host.stations.settling import Keep, Settled, SettleError, settle

__all__ = [
    "WITHOUT_END",
    "Budget",
    "Conflict",
    "ForkedChainError",
    "Keep",
    "Login",
    "NotJoinedError",
    "Replicated",
    "Saved",
    "ServerGoneError",
    "ServerNewerError",
    "ServerOlderError",
    "ServerRefusedError",
    "ServerRowsError",
    "SettleError",
    "Settled",
    "Status",
    "conflicts",
    "enrol",
    "join",
    "open_saved",
    "replicate",
    "server_url",
    "settle",
    "setup",
    "status",
    "verify_server",
]

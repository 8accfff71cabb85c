"""The clinician's console: pages in the browser on the one service of `pen_host.api`."""

"""The console's server: one service over the one pen worker, served as a typed HTTP and websocket API."""

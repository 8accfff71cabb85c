"""The console: its server, its pages, a browser on both."""

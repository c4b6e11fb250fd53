"""The system test: a booted Debian with real systemd."""

"""The real programs, started the way systemd starts them."""

"""What messages cost: sockherd's WebSockets beside those of others."""

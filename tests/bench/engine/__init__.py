"""What a request costs: sockherd beside others, and beside a server that parses nothing."""

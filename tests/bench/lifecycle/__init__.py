"""What each action costs the clients: sockherd beside others, each as its unit runs it."""

"""What the integration, system and bench suites share."""

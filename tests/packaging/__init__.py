"""Tests of the packages as files: what is in them, and what their scripts do. Nothing is installed."""

"""Load benchmarks against other servers."""

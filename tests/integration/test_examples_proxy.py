"""examples/python-proxy: a program with a port of its own and one thread, behind the built-in proxy."""
import unittest

from tests.support import examples


class HttpServer(examples.Proxied, examples.ExampleCase):
    """http.server: one request at a time, a connection for each, and dead at once at SIGTERM."""

    example = "python-proxy"


if __name__ == "__main__":
    unittest.main()

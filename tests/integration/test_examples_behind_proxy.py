"""The programs of examples/gunicorn and examples/uvicorn once more: behind the proxy of examples/python-proxy."""
import unittest

from tests.support import examples


class GunicornOnUnixSockets(examples.Proxied, examples.ExampleCase):
    """The program of examples/gunicorn on a path of its own. On listen-fds it hangs up on idle connections."""

    example = "python-proxy"
    in_hand = 4
    settings = {
        "pool.app.working_directory": f'"{examples.EXAMPLES / "gunicorn"}"', "pool.app.max_in_flight": 4,
        "pool.app.command": '["gunicorn", "--bind", "unix:{socket}", "--worker-class", "gthread", "--threads", "4", '
                            '"--preload", "app:app"]'}


class UvicornOnPorts(examples.Proxied, examples.ExampleCase):
    """The program of examples/uvicorn as it is. On listen-fds it hangs up on who has not asked yet."""

    example = "python-proxy"
    in_hand = 8
    settings = {
        "pool.app.working_directory": f'"{examples.EXAMPLES / "uvicorn"}"', "pool.app.max_in_flight": 8,
        "pool.app.command": '["uvicorn", "--port", "{port}", "--no-access-log", "app:app"]'}


if __name__ == "__main__":
    unittest.main()

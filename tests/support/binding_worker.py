"""A program that knows nothing but an address: binds it, listens, answers until SIGTERM.

    binding_worker.py [--host HOST] [--blocking] [--child] [--sockets N] [--backlog N] [--late FILE]

HOST and PORT of the environment say where; one that was passed a socket serves that. Sets SO_REUSEADDR only: as most programs, which can not share
a port. Answers as stub_worker.py does; /sockets with what it has bound.
--blocking: waits in accept(), one connection after the other, and ends at SIGTERM at once.
--child: a child binds and serves, as the workers of a cluster.
--sockets: binds so many times, as clusters of threads do.
--late: binds only when the file is there.
Beside that it binds a port of its own and a UDP socket of the same number, which are nobody's affair.
"""
import argparse
import json
import os
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from stub_worker import accept_until_told, answer  # pylint: disable=wrong-import-position

LISTEN_FDS_START = 3


def bind(host, port, backlog):
    """The address, as the standard library of every language does it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(backlog)
    return listener


def serve_blocking(listener):
    """One after the other."""
    while True:
        connection, _ = listener.accept()
        with connection:
            try:
                answer(connection)
            except OSError:
                pass


def others(port):
    """What it binds beside that."""
    own = socket.create_server(("127.0.0.1", 0))
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    datagrams.bind(("127.0.0.1", port))
    return own, datagrams


def main():
    """Binds and serves."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default=os.environ.get("HOST"))
    parser.add_argument("--blocking", action="store_true")
    parser.add_argument("--child", action="store_true")
    parser.add_argument("--sockets", type=int, default=1)
    parser.add_argument("--backlog", type=int, default=5)
    parser.add_argument("--late")
    options = parser.parse_args()
    passed = int(os.environ.get("LISTEN_FDS", "0"))
    if passed:
        return accept_until_told([socket.socket(fileno=LISTEN_FDS_START + i) for i in range(passed)])
    port = int(os.environ["PORT"])
    while options.late and not os.path.exists(options.late):
        time.sleep(0.01)
    if options.child:
        child = os.fork()
        if child:
            signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
            _, status = os.waitpid(child, 0)
            sys.exit(os.waitstatus_to_exitcode(status) and 1)
    own, datagrams = others(port)
    listeners = [bind(options.host, port, options.backlog) for _ in range(options.sockets)]
    print(json.dumps({"slot": os.environ["SOCKHERD_SLOT"], "own": own.getsockname()[1],
                      "udp": datagrams.getsockname()[1],
                      "inodes": [os.fstat(one.fileno()).st_ino for one in listeners],
                      "blocking": [os.get_blocking(one.fileno()) for one in listeners]}),
          flush=True)
    return serve_blocking(listeners[0]) if options.blocking else accept_until_told(listeners)


if __name__ == "__main__":
    main()

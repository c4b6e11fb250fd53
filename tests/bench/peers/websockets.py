"""Servers of WebSockets: /echo gives back each message, /room gives it to everybody there.

The same shape as all peers, and the same number of processes. A room of node ws is in all its workers, by the
channel that its cluster has; those of Crystal and python websockets are in one process, and so are only compared
with one.
"""
import pathlib

from tests.bench.peers.crystal import Crystal
from tests.bench.peers.peer import PROGRAMS, Foreground, NotHere, Peer, WrongAnswer, first_line
from tests.bench.peers.sockherd import Sockherd, SockherdOnIoUring, options
from tests.support.paths import bin_dir
from tests.support.websocket import BINARY, WebSocketWire

ECHO, ROOM = "/echo", "/room"
NODE_MODULES = pathlib.Path("/usr/share/nodejs")
PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's packages


class WebSockets(Peer):
    """What all of them are. room_of_all: a room is in all processes of the server."""

    paths = ()
    room_of_all = True

    def is_up(self):
        try:
            WebSocketWire(self.address, ECHO).close()
        except OSError:
            return False
        return True

    def check(self):
        """Messages of every length field come back as they were; a room has its sender in it too."""
        with WebSocketWire(self.address, ECHO) as wire:
            for size in (0, 125, 126, 65535, 65536):
                wire.send_binary(b"x" * size)
                if (came := wire.receive_message()) != (BINARY, b"x" * size):
                    raise WrongAnswer(f"{self.name}: {came[0]}, {len(came[1])} bytes instead of {size}")
        with WebSocketWire(self.address, ROOM) as wire:
            wire.send_binary(b"x")
            if (came := wire.receive_message()) != (BINARY, b"x"):
                raise WrongAnswer(f"{self.name}: {came} from the room")


class SockherdWebSockets(WebSockets, Sockherd):
    """On epoll."""

    routes = f'{{ path = "{ECHO}", websocket = "echo" }}, {{ path = "{ROOM}", websocket = "room:bench" }}'

    def __init__(self, *arguments, **settings):
        if "websocket_buffer" not in options(self.programs or bin_dir()):
            raise NotHere("this build has no WebSockets")
        super().__init__(*arguments, **settings)


class SockherdWebSocketsOnIoUring(SockherdWebSockets, SockherdOnIoUring):
    """The other loop."""

    name = SockherdOnIoUring.name


class NodeWs(WebSockets, Foreground):
    """A primary that hands connections out in turn, and its workers."""

    name = "node ws"
    program = "node"
    environment = {"NODE_PATH": str(NODE_MODULES)}

    def __init__(self, *arguments, **settings):
        if not (NODE_MODULES / "ws").exists():
            raise NotHere("node-ws is not installed (apt install node-ws)")
        super().__init__(*arguments, **settings)

    def command(self, port):
        return ["node", str(PROGRAMS / "websockets.js"), str(port), str(self.workers)]

    def version(self):
        package = first_line("node", "-p", f"require('{NODE_MODULES}/ws/package.json').version")
        return f"node ws/{package} (node {super().version().removeprefix('v')})"


class PythonWebsockets(WebSockets, Foreground):
    """Processes that share a port."""

    name = "python websockets"
    program = PYTHON
    room_of_all = False

    def __init__(self, *arguments, **settings):
        if not pathlib.Path("/usr/lib/python3/dist-packages/websockets").exists():
            raise NotHere("python3-websockets is not installed (apt install python3-websockets)")
        super().__init__(*arguments, **settings)

    def command(self, port):
        return [PYTHON, str(PROGRAMS / "websockets_server.py"), str(port), str(self.workers)]

    def version(self):
        return "python websockets/" + first_line(PYTHON, "-c", "import websockets as w; print(w.__version__)")


class CrystalWebSockets(WebSockets, Crystal):
    """HTTP::WebSocket, in processes that share a port: Kemal's sockets, without Kemal."""

    name = "crystal"
    source = "websockets"
    room_of_all = False


WEB_SOCKET_PEERS = {peer.name: peer for peer in (
    SockherdWebSockets, SockherdWebSocketsOnIoUring, NodeWs, CrystalWebSockets, PythonWebsockets)}

"""websockets_server.py PORT WORKERS: /echo gives back what it gets, /room gives it to everybody in the room.

Processes share the port; a room is one process's, for the library has nothing between processes.
"""
import asyncio
import os
import signal
import sys

import websockets

ROOM = set()


async def serve_one(socket):
    """One connection to its end."""
    if socket.path == "/echo":
        async for message in socket:
            await socket.send(message)
        return
    ROOM.add(socket)
    try:
        async for message in socket:
            websockets.broadcast(ROOM, message)
    finally:
        ROOM.discard(socket)


async def serve(port):
    """Until SIGTERM."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with websockets.serve(serve_one, "127.0.0.1", port, reuse_port=True, backlog=4096):
        await ended.wait()


def main():
    """A parent that waits for its children."""
    port, workers = map(int, sys.argv[1:])
    children = []
    for _ in range(workers):
        pid = os.fork()
        if pid == 0:
            asyncio.run(serve(port))
            sys.exit()
        children.append(pid)
    signal.signal(signal.SIGTERM, lambda *_: [os.kill(pid, signal.SIGTERM) for pid in children])
    for pid in children:
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()

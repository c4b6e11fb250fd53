"""uvicorn on the socket that it is given, and with time for those who have connected and not asked yet."""
import asyncio
import socket

import uvicorn


class PoliteServer(uvicorn.Server):
    """uvicorn's own shutdown() ends every connection at once on which no request has arrived."""

    async def shutdown(self, sockets=None):
        for server in self.servers:
            server.close()  # accepts no more; what waits in the queue is for the next worker
        self.server_state.default_headers.append((b"connection", b"close"))
        for _ in range(100):
            if not self.server_state.connections:
                break
            await asyncio.sleep(0.05)
        await super().shutdown(sockets)


# Not --fd: that takes every socket for a Unix one, and then does not tell the application who the client is.
PoliteServer(uvicorn.Config("app:app", access_log=False)).run(sockets=[socket.socket(fileno=3)])

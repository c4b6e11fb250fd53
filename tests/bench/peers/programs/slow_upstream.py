"""A program of one thread that works for 20 ms on a request: what is behind a proxy and slower than the others.

    python3 slow_upstream.py PORT
"""
import asyncio
import sys

WORK = 0.02  # seconds
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!"


async def serve(reader, writer, at_work):
    """A connection; all of them together get one answer every WORK seconds."""
    try:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            async with at_work:
                await asyncio.sleep(WORK)
            writer.write(ANSWER)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    """Until it is ended."""
    at_work = asyncio.Lock()
    server = await asyncio.start_server(lambda reader, writer: serve(reader, writer, at_work), "127.0.0.1",
                                        int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


asyncio.run(main())

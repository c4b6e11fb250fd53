"""An ASGI application; it knows nothing of sockherd."""
import json
import os


async def app(scope, receive, send):
    """Who answers."""
    del receive
    if scope["type"] != "http":
        return
    body = json.dumps({"language": "Python", "pid": os.getpid(),
                       "slot": int(os.environ["SOCKHERD_SLOT"]),
                       "generation": int(os.environ["SOCKHERD_GENERATION"])}).encode()
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-type", b"application/json"),
                            (b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})

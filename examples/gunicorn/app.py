"""A WSGI application; it knows nothing of sockherd."""
import json
import os


def app(environ, start_response):
    """Who answers."""
    del environ
    body = json.dumps({"language": "Python", "pid": os.getpid(),
                       "slot": int(os.environ["SOCKHERD_SLOT"]),
                       "generation": int(os.environ["SOCKHERD_GENERATION"])}).encode()
    start_response("200 OK", [("Content-Type", "application/json"),
                              ("Content-Length", str(len(body)))])
    return [body]

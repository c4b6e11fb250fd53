"""Stands for all that can only listen on a port of its own, and answers one request at a time."""
import http.server
import json
import os


class Handler(http.server.BaseHTTPRequestHandler):
    """Who answers."""

    def do_GET(self):  # pylint: disable=invalid-name
        """Any path."""
        body = json.dumps({"language": "Python", "pid": os.getpid(),
                           "slot": int(os.environ["SOCKHERD_SLOT"]),
                           "generation": int(os.environ["SOCKHERD_GENERATION"])}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing."""


http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()

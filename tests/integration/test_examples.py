"""The examples: built with everything else, and served."""
import json
import unittest

from tests.support.case import SharedDaemonCase
from tests.support.http import Wire, request
from tests.support.modules import example, module_config
from tests.support.websocket import WebSocketWire


class Chat(SharedDaemonCase):
    """One room over two workers."""

    config = None

    @classmethod
    def setUpClass(cls):
        cls.config = module_config(example("chat"), workers=2)
        super().setUpClass()

    def setUp(self):
        self.kept = {}  # of each wire: what it has heard from those whose turn it was not

    def join(self, name):
        """Somebody in the room."""
        wire = WebSocketWire(self.daemon.address("web"), f"/ws?name={name}")
        self.addCleanup(wire.close)
        return wire

    def hear(self, wire, text):
        """Reads until somebody has said that; the message."""
        while True:
            message = json.loads(wire.receive_message()[1])
            if message["text"] == text:
                return message

    def test_everybody_hears_everybody(self):
        """In both workers, in order, and a newcomer hears what was said before."""
        people = [self.join(f"p{number}") for number in range(8)]
        for number, wire in enumerate(people):
            wire.send_text(f"I am {number}")
        for wire in people:
            for number in range(8):
                self.assertEqual(self.hear_from(wire, f"p{number}"), f"I am {number}")
        people[0].send_text("<b>last</b>")
        for wire in people:
            self.assertEqual(self.hear(wire, "<b>last</b>")["name"], "p0")
        late = self.join("late")
        self.hear(late, "<b>last</b>")

    def hear_from(self, wire, name):
        """The next thing that `name` says, whatever others say meanwhile."""
        kept = self.kept.setdefault(wire, [])
        while not any(message["name"] == name for message in kept):
            kept.append(json.loads(wire.receive_message()[1]))
        message = next(message for message in kept if message["name"] == name)
        kept.remove(message)
        return message["text"]

    def test_what_is_no_message_is_not_said(self):
        """Too long, or empty; and nobody without a name."""
        wire = self.join("ann")
        wire.send_text("")
        wire.send_text("x" * 2001)
        wire.send_text("fits")
        self.assertEqual(self.hear_from(wire, "ann"), "fits")
        strange = self.join("%ff%fe")
        strange.send_text("from somebody strange")
        self.assertEqual(self.hear(strange, "from somebody strange")["name"], "\ufffd\ufffd")
        with WebSocketWire(self.daemon.address("web"), "/ws") as nameless:
            self.assertEqual(nameless.receive_close()[0], 1008)

    def test_the_page(self):
        """It has nothing from elsewhere."""
        page = self.daemon.get("/")
        self.assertEqual(page.status, 200)
        self.assertIn(b"<title>sockherd chat</title>", page.body)
        self.assertNotIn(b"://", page.body)


class Api(SharedDaemonCase):
    """Notes, events, uploads."""

    config = None

    @classmethod
    def setUpClass(cls):
        cls.config = module_config(example("api"), prefix="/api", workers=1, pool="threads = 2")
        super().setUpClass()

    def ask(self, method, path, body=None, headers=None):
        """One request; JSON where it is a dict."""
        if isinstance(body, dict):
            body = json.dumps(body)
        return request(self.daemon.address("web"), method, f"/api{path}", body, headers)

    def test_notes_come_change_and_go(self):
        """Over threads: the store is one."""
        made = self.ask("POST", "/notes", {"text": "milk"})
        self.assertEqual(made.status, 201)
        note = made.json()
        self.assertEqual(made.headers["Location"], f"/api/notes/{note['id']}")
        for _ in range(8):  # connections that either thread takes
            self.assertEqual(self.ask("GET", f"/notes/{note['id']}").json(), note)
        self.assertIn(note, self.ask("GET", "/notes").json())
        changed = self.ask("PUT", f"/notes/{note['id']}", {"text": "bread"}).json()
        self.assertEqual(changed["text"], "bread")
        self.assertEqual(self.ask("DELETE", f"/notes/{note['id']}").status, 204)
        self.assertEqual(self.ask("GET", f"/notes/{note['id']}").status, 404)

    def test_what_is_wrong_is_said(self):
        """Bad JSON, wrong JSON, bad id, no such page, no such method."""
        self.assertEqual(self.ask("POST", "/notes", "{").status, 400)
        self.assertEqual(self.ask("POST", "/notes", {"txt": 1}).status, 422)
        self.assertEqual(self.ask("GET", "/notes/x").status, 400)
        self.assertEqual(self.ask("GET", "/none").json(), {"error": "there is no /none"})
        wrong = self.ask("PATCH", "/notes")
        self.assertEqual((wrong.status, wrong.headers["Allow"]), (405, "GET, HEAD, POST, OPTIONS"))

    def read_until(self, wire, line):
        """That line is the last one that was read."""
        seen = []
        while not seen or seen[-1] != line:
            seen.append(wire.reader.readline())
            self.assertTrue(seen[-1], f"it ended before {line}: {seen}")

    def test_events_tell_what_changes(self):
        """In every thread."""
        listeners = []
        for _ in range(6):
            wire = Wire(self.daemon.address("web"))
            self.addCleanup(wire.close)
            wire.send("GET /api/events HTTP/1.0\r\nHost: x\r\n\r\n")
            self.assertIn(b"200", wire.reader.readline())
            self.read_until(wire, b"data: {}\n")
            listeners.append(wire)
        note = self.ask("POST", "/notes", {"text": "tell"}).json()
        for wire in listeners:
            self.read_until(wire, b"event: added\n")
            self.assertEqual(json.loads(wire.reader.readline().removeprefix(b"data: ")), note)

    def test_uploads(self):
        """Short and long ones, with a field beside them; and what is no upload."""
        long = "z" * 300_000
        body = ("--b\r\nContent-Disposition: form-data; name=\"by\"\r\n\r\nme\r\n"
                "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\n"
                "Content-Type: text/plain\r\n\r\nshort\r\n"
                "--b\r\nContent-Disposition: form-data; name=\"g\"; filename=\"b.bin\"\r\n\r\n"
                f"{long}\r\n--b--\r\n")
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        answer = self.ask("POST", "/upload", body, kind).json()
        self.assertEqual(answer["by"], "me")
        self.assertEqual([(each["filename"], each["type"], each["size"]) for each in answer["files"]],
                         [("a.txt", "text/plain", 5), ("b.bin", "", 300_000)])
        self.assertEqual(self.ask("POST", "/upload", body[:-8], kind).status, 400)
        self.assertEqual(self.ask("POST", "/upload", "x").status, 415)

    def test_a_handler_that_waits(self):
        """On a thread of its own."""
        self.assertEqual(self.ask("GET", "/slow").json(), {"waited_ms": 50})


if __name__ == "__main__":
    unittest.main()

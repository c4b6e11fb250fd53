"""Files over HTTP: what is served, and above all what never is."""
import email
import gzip
import os
import pathlib
import shutil
import tempfile
import unittest

from tests.support.case import SharedDaemonCase
from tests.support.daemon import basic_config
from tests.support.http import Wire, request

SECRET = b"must never be seen"
TEXT = b"0123456789" * 1000


def make_site(root):
    """root/www is served; what lies beside it, hidden in it, or is only linked from it is not."""
    www = root / "www"
    (www / "sub/.hidden").mkdir(parents=True)
    (root / "secret.txt").write_bytes(SECRET)
    (root / "www-beside").mkdir()
    (root / "www-beside/secret.txt").write_bytes(SECRET)
    (www / "index.html").write_text("<h1>index</h1>")
    (www / "text.txt").write_bytes(TEXT)
    (www / "a b+ä.txt").write_text("odd name")
    (www / "empty").write_bytes(b"")
    (www / "sub/index.html").write_text("sub")
    (www / ".env").write_bytes(SECRET)
    (www / "sub/.hidden/file").write_bytes(SECRET)
    (www / "link-out").symlink_to(root / "secret.txt")
    (www / "link-up").symlink_to("../secret.txt")
    (www / "dir-out").symlink_to(root)
    (www / "link-in").symlink_to("text.txt")
    (www / "unreadable").symlink_to("/proc/1/mem")
    os.mkfifo(www / "pipe")
    (www / "sorry.html").write_text("<p>sorry")
    (www / "style.css").write_text("a{}")
    (www / "data.json").write_text("{}")
    script = b"let x = 1;\n" * 20_000
    (www / "app.js").write_bytes(script)
    (www / "app.js.gz").write_bytes(gzip.compress(script))
    (www / "log.txt").write_bytes(script)
    (www / "big").write_bytes(os.urandom(1 << 20) * 8)
    return www


class Files(SharedDaemonCase):
    """A pool that serves a directory below /files/ and one at /."""

    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="sh-www-", dir="/tmp"))
        cls.addClassCleanup(shutil.rmtree, cls.root, True)
        www = make_site(cls.root)
        cls.config = basic_config().replace(
            '{ path = "/", module = "demo" }',
            f'{{ path = "/demo/", module = "demo" }}, {{ path = "/files/", files = "{www}" }}, '
            f'{{ path = "/packed/", files = "{www}", gzip = true, index = ["none", "index.html"] }}, '
            f'{{ path = "/app/", files = "{www}", fallback = "/index.html", '
            f'headers = {{ "Cache-Control" = "max-age=60" }}, error_pages = {{ "4xx" = "{www}/sorry.html" }} }}, '
            '{ path = "/old/", redirect = "https://example.org/new", status = 301 }')
        super().setUpClass()

    def get(self, path, method="GET", **headers):
        """The answer; header names with _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return request(self.daemon.address("web"), method, path, headers=named)

    def raw(self, path):
        """The answer to a target that no client library would let through."""
        with Wire(self.daemon.address("web")) as wire:
            return wire.ask(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    def test_content_and_types(self):
        """Bodies as on disk, the type by name."""
        self.assertEqual(self.get("/files/text.txt").body, TEXT)
        self.assertEqual(self.get("/files/empty").body, b"")
        self.assertEqual(self.get("/files/a%20b+%C3%A4.txt").body, b"odd name")
        self.assertEqual(self.get("/files/link-in").body, TEXT)
        for name, kind in {"style.css": "text/css", "data.json": "application/json",
                           "text.txt": "text/plain", "index.html": "text/html"}.items():
            self.assertIn(kind, self.get(f"/files/{name}").headers["Content-Type"])

    def test_directories(self):
        """The index file; without the slash, a redirect to it; no listing."""
        self.assertEqual(self.get("/files/").body, b"<h1>index</h1>")
        self.assertEqual(self.get("/files/sub/").body, b"sub")
        answer = self.get("/files/sub")
        self.assertIn(answer.status, (301, 308))
        self.assertTrue(answer.headers["Location"].endswith("/files/sub/"), answer)

    def test_big_file_while_others_are_served(self):
        """A client that does not read must not hold up the loop."""
        with Wire(self.daemon.address("web")) as lazy:
            lazy.send("GET /files/big HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(self.get("/files/text.txt").body, TEXT)
            self.assertEqual(lazy.receive().body, (self.root / "www/big").read_bytes())

    def test_nothing_outside_and_nothing_hidden(self):
        """Traversal in every spelling, dot-files, symlinks that lead out, things that are no file."""
        tries = ["/files/../secret.txt", "/files/%2e%2e/secret.txt", "/files/..%2fsecret.txt",
                 "/files/%2e%2e%2fsecret.txt", "/files/sub/../../secret.txt",
                 "/files/....//secret.txt", "/files/..\\secret.txt", "/files/%252e%252e/secret.txt",
                 "/files//../secret.txt", "/files/./../secret.txt", "/files/%c0%ae%c0%ae/secret.txt",
                 "/files-beside/secret.txt", "/files/../www-beside/secret.txt",
                 "/files/text.txt%00.html", "/files/%00", f"/files/{self.root}/secret.txt",
                 f"/files/%2f{self.root}/secret.txt", "/../../../../etc/passwd",
                 "/files/.env", "/files/%2eenv", "/files/sub/.hidden/file", "/files/sub/%2ehidden/file",
                 "/files/link-out", "/files/link-up", "/files/dir-out/secret.txt", "/files/dir-out/",
                 "/files/unreadable", "/files/pipe", "/files/text.txt/", "/files/text.txt/x",
                 "/files/none", "/files/" + "a/" * 1000]
        for path in tries:
            with self.subTest(path=path[:60]):
                answer = self.raw(path)
                self.assertIn(answer.status, (400, 403, 404), answer)
                self.assertNotIn(SECRET, answer.body)
                self.assertNotIn(b"root:", answer.body)

    def test_ranges(self):
        """One range gives 206; what cannot be met 416; what is no range is ignored."""
        cases = {"bytes=0-4": (206, b"01234", "bytes 0-4/10000"),
                 "bytes=9995-": (206, b"56789", "bytes 9995-9999/10000"),
                 "bytes=-3": (206, b"789", "bytes 9997-9999/10000"),
                 "bytes=9999-20000": (206, b"9", "bytes 9999-9999/10000")}
        for wanted, (status, body, content_range) in cases.items():
            with self.subTest(wanted):
                answer = self.get("/files/text.txt", Range=wanted)
                self.assertEqual((answer.status, answer.body, answer.headers["Content-Range"]),
                                 (status, body, content_range))
        answer = self.get("/files/text.txt", Range="bytes=10000-")
        self.assertEqual((answer.status, answer.headers["Content-Range"]), (416, "bytes */10000"))
        for ignored in ("lines=0-4", "bytes=5-2", "bytes=x", "bytes="):
            with self.subTest(ignored):
                self.assertEqual(self.get("/files/text.txt", Range=ignored).body, TEXT)

    def test_several_ranges(self):
        """multipart/byteranges, that another implementation takes apart."""
        answer = self.get("/files/text.txt", Range="bytes=0-4, 9990-9994,-2")
        self.assertEqual(answer.status, 206)
        self.assertEqual(int(answer.headers["Content-Length"]), len(answer.body))
        head = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode()
        parts = email.message_from_bytes(head + answer.body).get_payload()
        self.assertEqual([(part["Content-Range"], part.get_payload()) for part in parts],
                         [("bytes 0-4/10000", "01234"), ("bytes 9990-9994/10000", "01234"),
                          ("bytes 9998-9999/10000", "89")])

    def test_precompressed(self):
        """The .gz beside it for who accepts it; for nobody else."""
        original = (self.root / "www/app.js").read_bytes()
        answer = self.get("/files/app.js", Accept_Encoding="br, gzip")
        self.assertEqual((answer.headers["Content-Encoding"], answer.headers["Vary"]),
                         ("gzip", "Accept-Encoding"))
        self.assertEqual(gzip.decompress(answer.body), original)
        answer = self.get("/files/app.js")
        self.assertEqual(answer.body, original)
        self.assertEqual(answer.headers["Vary"], "Accept-Encoding")

    def test_compressed_while_it_is_sent(self):
        """Where the route says so; for who accepts it."""
        original = (self.root / "www/log.txt").read_bytes()
        answer = self.get("/packed/log.txt", Accept_Encoding="gzip")
        self.assertEqual(answer.headers["Content-Encoding"], "gzip")
        self.assertEqual(gzip.decompress(answer.body), original)
        self.assertEqual(self.get("/packed/log.txt").body, original)
        self.assertEqual(self.get("/files/log.txt", Accept_Encoding="gzip").body, original)
        self.assertEqual(self.get("/packed/").body, b"<h1>index</h1>")

    def test_headers_error_pages_and_fallback(self):
        """What a route adds to all its answers, and to errors."""
        answer = self.get("/app/text.txt")
        self.assertEqual((answer.headers["Cache-Control"], answer.body), ("max-age=60", TEXT))
        answer = self.get("/app/text.txt", If_None_Match=answer.headers["ETag"])
        self.assertEqual((answer.status, answer.headers["Cache-Control"]), (304, "max-age=60"))
        answer = self.get("/app/any/page")
        self.assertEqual((answer.status, answer.body), (200, b"<h1>index</h1>"))
        answer = self.get("/app/text.txt", "DELETE")
        self.assertEqual((answer.status, answer.body, answer.headers["Cache-Control"]),
                         (405, b"<p>sorry", "max-age=60"))
        self.assertIn("GET", answer.headers["Allow"])

    def test_redirect(self):
        """The rest of the path and the query follow."""
        answer = self.get("/old/a%20b?x=1")
        self.assertEqual((answer.status, answer.headers["Location"]),
                         (301, "https://example.org/new/a%20b?x=1"))

    def test_if_range(self):
        """The range only if it is still the same file."""
        tag = self.get("/files/text.txt").headers["ETag"]
        self.assertEqual(self.get("/files/text.txt", Range="bytes=0-1", If_Range='"other"').body, TEXT)
        if not tag.startswith("W/"):
            answer = self.get("/files/text.txt", Range="bytes=0-1", If_Range=tag)
            self.assertEqual(answer.body, b"01")

    def test_conditional_requests(self):
        """304 with the validators and without a body."""
        first = self.get("/files/text.txt")
        tag, modified = first.headers["ETag"], first.headers["Last-Modified"]
        for headers in ({"If_None_Match": tag}, {"If_None_Match": f'"x", {tag}'},
                        {"If_None_Match": "*"}, {"If_Modified_Since": modified}):
            with self.subTest(headers):
                answer = self.get("/files/text.txt", **headers)
                self.assertEqual((answer.status, answer.body), (304, b""))
                self.assertEqual(answer.headers["ETag"], tag)
        answer = self.get("/files/text.txt", If_None_Match='"x"', If_Modified_Since=modified)
        self.assertEqual(answer.status, 200)

    def test_changed_file_is_seen(self):
        """Another content, another tag, at the next request."""
        path = self.root / "www/changing"
        path.write_text("one")
        first = self.get("/files/changing")
        path.write_text("other")
        second = self.get("/files/changing")
        self.assertEqual((first.body, second.body), (b"one", b"other"))
        self.assertNotEqual(first.headers["ETag"], second.headers["ETag"])

    def test_head_and_other_methods(self):
        """HEAD as GET without the body; nothing else."""
        answer = self.get("/files/text.txt", "HEAD")
        self.assertEqual((answer.status, answer.headers["Content-Length"], answer.body),
                         (200, "10000", b""))
        answer = self.get("/files/text.txt", "DELETE")
        self.assertEqual(answer.status, 405)
        self.assertIn("GET", answer.headers["Allow"])


if __name__ == "__main__":
    unittest.main()

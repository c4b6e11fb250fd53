"""The admin API as a client sees it: status codes, problem+json, access rules, metrics."""
import os
import tempfile
import unittest

from tests.support import processes
from tests.support.case import DaemonCase, SharedDaemonCase
from tests.support.daemon import stub_config
from tests.support.faults import Trace, hits_in, injection
from tests.support.http import Wire
from tests.support.wait import until

JSON = {"Content-Type": "application/json"}


class AdminApi(SharedDaemonCase):
    """Nothing here changes the running set."""

    def assert_problem(self, answer, status, kind=None):
        """RFC 9457."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json", answer)
        problem = answer.json()
        self.assertEqual(problem["status"], status)
        self.assertTrue(problem["title"])
        if kind:
            self.assertEqual(problem["type"], f"urn:sockherd:problem:{kind}")
        return problem

    def test_both_sockets_serve_everything(self):
        """Unix and TCP."""
        for index in (0, 1):
            for path in ("/", "/metrics", "/livez", "/readyz", "/readyz?verbose", "/v1/status",
                         "/v1/pools", "/v1/pools/web", "/v1/pools/web/workers", "/v1/listeners"):
                with self.subTest(path=path, index=index):
                    answer = self.daemon.admin("GET", path, index=index)
                    self.assertEqual(answer.status, 200, answer)
                    self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
                    self.assertIn("no-store", answer.headers["Cache-Control"])
                    self.assertIsNone(answer.headers["Access-Control-Allow-Origin"])
                    head = self.daemon.admin("HEAD", path, index=index)
                    self.assertEqual((head.status, head.body), (200, b""))

    def test_what_it_says(self):
        """Status, pools, workers, listeners."""
        status = self.daemon.admin("GET", "/v1/status").json()
        self.assertEqual((status["pid"], status["state"], status["ready"]),
                         (self.daemon.pid, "running", True))
        pool, = self.daemon.admin("GET", "/v1/pools").json()["pools"]
        self.assertEqual((pool["name"], pool["desired"], pool["ready"]), ("web", 2, 2))
        self.assertEqual(pool, {**pool, "starting": 0, "draining": 0, "backoff": 0})
        workers = self.daemon.admin("GET", "/v1/pools/web/workers").json()
        self.assertEqual([worker["slot"] for worker in workers["workers"]], [0, 1])
        for worker in workers["workers"]:
            os.kill(worker["pid"], 0)
        listeners = self.daemon.admin("GET", "/v1/listeners").json()["listeners"]
        self.assertIn(self.daemon.address("web"), {item["address"] for item in listeners})
        self.assertTrue(any(item["adopted"] for item in listeners))

    def test_traffic_is_counted(self):
        """Requests made are requests shown."""
        before = self.daemon.admin("GET", "/v1/pools/web").json()["traffic"]["requests"]
        for _ in range(10):
            self.daemon.get("/plaintext")
        until(lambda: self.daemon.admin("GET", "/v1/pools/web").json()["traffic"]["requests"]
              == before + 10, "ten more requests")

    def test_not_found_and_not_allowed(self):
        """404 for a path that is not there, 405 with Allow for the wrong method."""
        for path in ("/nothing", "/v1", "/v1/pools/none", "/v1/pools/none/workers", "/metrics/",
                     "//metrics", "/v1/pools/%2e%2e/workers", "/../metrics"):
            with self.subTest(path):
                self.assertIn(self.daemon.admin("GET", path).status, (400, 404))
        for method, path, allow in (
                ("DELETE", "/v1/pools", "GET, HEAD, OPTIONS"), ("GET", "/v1/reload", "POST, OPTIONS"),
                ("POST", "/metrics", "GET, HEAD, OPTIONS"),
                ("PATCH", "/v1/pools/web/desired", "PUT, OPTIONS"),
                ("GET", "/v1/pools/web/workers/0/restart", "POST, OPTIONS")):
            with self.subTest(f"{method} {path}"):
                answer = self.daemon.admin(method, path, headers=JSON)
                self.assert_problem(answer, 405)
                self.assertEqual(answer.headers["Allow"], allow)
        answer = self.daemon.admin("OPTIONS", "/v1/reload")
        self.assertEqual((answer.status, answer.headers["Allow"]), (204, "POST, OPTIONS"))

    def test_malformed_content(self):
        """JSON that is none, and JSON that is not what is wanted; names the member."""
        desired = "/v1/pools/web/desired"
        for body in ("", "{", "nonsense", '{"workers": 2', '{"workers": 2}}', "\0", '{"a":\n"\xff"}'):
            with self.subTest(body):
                answer = self.daemon.admin("PUT", desired, body.encode("latin-1"), JSON)
                self.assert_problem(answer, 422 if body == "" else 400)
        for body in ("{}", "[]", "2", '{"workers": "2"}', '{"workers": 2.5}', '{"workers": null}',
                     '{"workers": -1}', '{"workers": 99999999999999999999}', '{"worker": 2}',
                     '{"workers": 2, "x": 1}', '{"workers": 2, "workers": 3}', '{"workers": 100000}'):
            with self.subTest(body):
                problem = self.assert_problem(
                    self.daemon.admin("PUT", desired, body.encode(), JSON), 422)
                self.assertTrue(problem["errors"])
        deep = b"[" * 100000
        self.assertIn(self.daemon.admin("PUT", desired, deep, JSON).status, (400, 413))
        self.assertEqual(len(self.daemon.wait_workers(2)), 2)

    def test_changes_need_json(self):
        """A form, a text or nothing could come from a foreign page."""
        for kind in (None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            with self.subTest(kind):
                headers = {"Content-Type": kind} if kind else {}
                answer = self.daemon.admin("POST", "/v1/reload", b"{}", headers)
                self.assert_problem(answer, 415, "content-type-refused")
        answer = self.daemon.admin("PUT", "/v1/pools/web/desired", b'{"workers": 2}',
                                   {"Content-Type": "application/json; charset=utf-8"})
        self.assertEqual(answer.status, 200)

    def test_host_is_checked_on_tcp(self):
        """DNS rebinding: a name that is not ours."""
        port = self.daemon.address("admin", 1).rsplit(":", 1)[1]
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", "127.0.0.1:1",
                     f"127.0.0.1.evil.example:{port}", ""):
            with self.subTest(host):
                answer = self.daemon.admin("GET", "/v1/status", headers={"Host": host}, index=1)
                self.assertIn(answer.status, (400, 421), answer)
        for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}"):
            with self.subTest(host):
                answer = self.daemon.admin("GET", "/v1/status", headers={"Host": host}, index=1)
                self.assertEqual(answer.status, 200)

    def test_origin_and_site_are_checked(self):
        """A page of another origin may not even read."""
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"},
                        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
            for index in (0, 1):
                with self.subTest(headers=headers, index=index):
                    answer = self.daemon.admin("GET", "/v1/status", headers=headers, index=index)
                    self.assert_problem(answer, 403)
        own = f"http://{self.daemon.address('admin', 1)}"
        self.assertEqual(self.daemon.admin("GET", "/", headers={"Origin": own}, index=1).status, 200)
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
        self.assert_problem(self.daemon.admin("GET", "/", headers=upgrade), 400)

    def test_strict_about_heads(self):
        """The holes of cpp-httplib 0.11 (ecosystem, finding 6) do not show."""
        cases = ["GET /livez HTTP/1.1\r\n\r\n", "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                 "POST /v1/reload HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                 "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
                 "POST /v1/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
                 "Content-Length: 3\r\n\r\n{}"]
        for data in cases:
            with self.subTest(data[:60]), Wire(self.daemon.address("admin")) as wire:
                self.assert_problem(wire.ask(data), 400)
        with Wire(self.daemon.address("admin")) as wire:
            many = "".join(f"A{i}: b\r\n" for i in range(20000))
            try:
                answer = wire.ask(f"GET /livez HTTP/1.1\r\nHost: localhost\r\n{many}\r\n")
            except OSError:
                return  # closed while we were still sending: as good
            self.assertEqual(answer.status, 431)

    def test_keep_alive_and_pipelining(self):
        """Several requests on a connection, in order."""
        with Wire(self.daemon.address("admin")) as wire:
            paths = ["/livez", "/v1/status", "/nothing", "/livez"]
            wire.send("".join(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n" for path in paths))
            self.assertEqual([wire.receive().status for _ in paths], [200, 200, 404, 200])

    def test_metrics(self):
        """The text format, with the series the issue names."""
        answer = self.daemon.admin("GET", "/metrics")
        self.assertIn("text/plain; version=0.0.4", answer.headers["Content-Type"])
        text = answer.body.decode()
        self.assertIn('sockherd_workers_desired{pool="web"} 2\n', text)
        self.assertIn('sockherd_workers{pool="web",state="ready"} 2\n', text)
        for line in text.splitlines():
            self.assertRegex(line, r"^# (HELP|TYPE) |^[a-z_]+(\{[^}]*\})? [-+0-9.eEInfNa]+$")
        types = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
        self.assertEqual(len(types), len(set(types)), "a family twice")

    def test_restart_of_nobody(self):
        """404 for a slot or pool that is not there."""
        for path in ("/v1/pools/web/workers/99/restart", "/v1/pools/web/workers/x/restart",
                     "/v1/pools/web/workers/-1/restart", "/v1/pools/none/restart"):
            with self.subTest(path):
                self.assert_problem(self.daemon.admin("POST", path, {}), 404)


class AdminChanges(DaemonCase):
    """What it can do."""

    def test_restart_of_one_worker(self):
        """Another process in that slot, nothing lost, the others untouched."""
        daemon = self.ready()
        load = self.load(daemon)
        load.after(100)
        before = {worker["slot"]: worker["pid"] for worker in daemon.workers()}
        answer = daemon.admin("POST", "/v1/pools/web/workers/1/restart", {})
        self.assertEqual((answer.status, answer.json()["ok"]), (200, True), answer)
        after = {worker["slot"]: worker["pid"] for worker in daemon.wait_workers(2)}
        self.assertEqual(after[0], before[0])
        self.assertNotEqual(after[1], before[1])
        load.after(100)
        self.assert_nothing_lost(load.stop(), daemon)

    def test_restart_of_a_pool(self):
        """Every process is another one."""
        daemon = self.ready()
        before = {worker["pid"] for worker in daemon.workers()}
        self.assertEqual(daemon.admin("POST", "/v1/pools/web/restart", {}).status, 200)
        self.assertFalse(before & {worker["pid"] for worker in daemon.wait_workers(2)})

    def test_readyz_follows_the_workers(self):
        """503 while a pool has too few: its only worker cannot start as long as a file is there."""
        with tempfile.NamedTemporaryFile(prefix="sh-crash-") as flag:
            os.rename(flag.name, flag.name + ".off")
            daemon = self.ready(stub_config(
                "--crash-slot", "0", "--while", flag.name, workers=1,
                pool='restart_delay = "50ms"\nrestart_delay_max = "50ms"'))
            self.assertEqual(daemon.admin("GET", "/readyz").status, 200)
            os.rename(flag.name + ".off", flag.name)
            os.kill(daemon.workers()[0]["pid"], 9)
            until(lambda: daemon.admin("GET", "/readyz").status == 503, "not ready",
                  explain=daemon.log)
            self.assertEqual(daemon.admin("GET", "/livez").status, 200)
        until(lambda: daemon.admin("GET", "/readyz").status == 200, "ready again",
              explain=daemon.log)

    def test_metrics_while_a_process_ends(self):
        """What /proc says no longer (ESRCH) is left out, and nothing else."""
        daemon = self.ready()
        self.assertEqual(daemon.admin("GET", "/metrics").status, 200)
        [admin] = [pid for pid in processes.children(daemon.pid)
                   if processes.name(pid).startswith("sockherd-admin")]
        of_path = {file: ["-P", f"/proc/{daemon.pid}/{file}"] for file in ("stat", "limits")}
        for call, path in (("read", "stat"), ("read", "limits"), ("getdents64", None)):
            with self.subTest(call=call, path=path):
                options = [*of_path.get(path, []), *injection(call, "ESRCH", 1)]
                with Trace(admin, options) as trace:
                    self.assertEqual(daemon.admin("GET", "/metrics").status, 200)
                self.assertEqual(hits_in(trace.lines), 1)

    def test_switched_off(self):
        """enabled = false: no admin process, and the pool serves."""
        config = """
[listener.web]
[pool.web]
listeners = ["web"]
workers = 2
routes = [{ path = "/", module = "demo" }]
[admin]
enabled = false
"""
        daemon = self.ready(config, admin=False)
        self.assertEqual(daemon.get("/plaintext").status, 200)
        self.assertEqual(daemon.ctl("status", check=0).returncode, 0)


if __name__ == "__main__":
    unittest.main()

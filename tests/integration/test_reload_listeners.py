"""Reloads that touch sockets: a listener that moves or goes, the admin addresses, a start beside."""
import contextlib
import os
import signal

from tests.support import processes
from tests.support.case import DaemonCase
from tests.support.daemon import address_of, reserved_port, tcp_listener
from tests.support.hammer import Hammer
from tests.support.http import attempt, request
from tests.support.wait import until

POOL = """
[pool.{name}]
listeners = {listeners}
workers = {workers}
routes = [{{ path = "/", module = "demo" }}]
{more}
"""


def pool(name, listeners, workers, more=""):
    """One pool of the built-in engine."""
    return POOL.format(name=name, listeners=str(listeners).replace("'", '"'), workers=workers,
                       more=more)


def listeners(*names, address=""):
    """Listeners that systemd passes, or one that is bound."""
    return "".join(f'[listener.{name}]\naddress = "{address}"\n' for name in names)


def equal_sockets(count):
    """What equal ListenStream= lines make."""
    first = tcp_listener()
    return [first] + [tcp_listener(port=first.getsockname()[1]) for _ in range(count - 1)]


class Sockets(DaemonCase):
    """What all of these need."""

    def free_port(self):
        """A port that nobody else gets for the time of the test."""
        holder, port = reserved_port()
        self.addCleanup(holder.close)
        return port


class Listeners(Sockets):
    """Each of these was found in review."""

    def reload(self, daemon, config, ok=True):
        """The outcome of a reload with another configuration."""
        daemon.rewrite(config)
        done = daemon.ctl("reload")
        self.assertEqual(done.returncode == 0, ok, f"{done}\n{daemon.log()}")
        return done.stdout + done.stderr

    def test_a_listener_moves_to_a_pool_with_fewer_workers(self):
        """The fleet sees no change in that pool; its slots must be steered to all the same."""
        daemon = self.ready(
            listeners("web", "api") + pool("wide", ["web"], 4) + pool("narrow", ["api"], 2),
            sockets={"web": equal_sockets(4), "api": equal_sockets(1)})
        daemon.wait_workers(4, "wide")
        self.reload(daemon, listeners("web", "api") + pool("narrow", ["api", "web"], 2))
        daemon.wait_workers(2, "narrow")
        self.assert_nothing_lost(self.load(daemon, count=1000).finish(), daemon)

    def test_a_count_above_the_new_ceiling_and_one_more_listener(self):
        """The new listener needs a socket for each slot that still runs."""
        one = pool("web", ["web"], 1, "max_workers = 8")
        daemon = self.ready(listeners("web", "api") + one.replace('"web"]', '"web", "api"]'),
                            sockets={"web": equal_sockets(1), "api": equal_sockets(1)})
        self.assertEqual(daemon.scale(6).status, 200)
        daemon.wait_workers(6)
        port = self.free_port()
        more = f'[listener.more]\naddress = "127.0.0.1:{port}"\n'
        self.reload(daemon, listeners("web", "api") + more +
                    pool("web", ["web", "api", "more"], 1, "max_workers = 2"))
        daemon.wait_workers(2)
        self.assert_nothing_lost(self.load(daemon, count=500).finish(), daemon)
        self.assertEqual(request(f"127.0.0.1:{port}", "GET", "/plaintext").status, 200)

    def move(self, daemon, before, after, port):
        """Reloads under load on the old address; nobody who had got through to it may be lost."""
        load = Hammer(f"127.0.0.1:{port}", path="/whoami", short=12, keepalive=12, slow=12, think_ms=150,
                      latency_ms=100, timeout_ms=3000)
        self.addCleanup(load.__exit__)
        load.after(300)
        self.reload(daemon, after)
        load.after(1, "refused")
        report = load.stop()
        self.assertEqual(report.lost, report["refused"], f"{report.summary()}\n{daemon.log()}")
        self.assertNotEqual(before, after)

    def test_an_address_that_changes(self):
        """The new one serves at once; the old one lets nobody new in, serves all others, and closes."""
        one, other = self.free_port(), self.free_port()
        config = listeners("web", address=f"127.0.0.1:{one}") + pool("web", ["web"], 3)
        daemon = self.ready(config, sockets={})
        self.move(daemon, config, config.replace(str(one), str(other)), one)
        self.assertEqual(request(f"127.0.0.1:{other}", "GET", "/plaintext").status, 200)
        self.move(daemon, config.replace(str(one), str(other)), config, other)
        self.assertEqual(request(f"127.0.0.1:{one}", "GET", "/plaintext").status, 200)

    def test_a_listener_that_goes(self):
        """Removed from the pool and from the file, and added again."""
        port, other = self.free_port(), self.free_port()
        one = f'[listener.web]\naddress = "127.0.0.1:{port}"\n'
        more = f'[listener.more]\naddress = "127.0.0.1:{other}"\n'
        both = one + more + pool("web", ["web", "more"], 3)
        daemon = self.ready(both, sockets={})
        stays = Hammer(f"127.0.0.1:{port}", path="/whoami", short=12)
        self.addCleanup(stays.__exit__)
        for _ in range(3):
            self.move(daemon, both, one + pool("web", ["web"], 3), other)
            self.reload(daemon, both)
            self.assertEqual(request(f"127.0.0.1:{other}", "GET", "/plaintext").status, 200)
        self.assert_nothing_lost(stays.stop(), daemon)

    def test_a_listener_with_another_name(self):
        """It is the same address, and so the same sockets."""
        port = self.free_port()
        config = listeners("web", address=f"127.0.0.1:{port}") + pool("web", ["web"], 3)
        daemon = self.ready(config, sockets={})
        load = Hammer(f"127.0.0.1:{port}", path="/whoami", short=12, slow=12, think_ms=100)
        self.addCleanup(load.__exit__)
        for name in ("site", "web"):
            self.reload(daemon, listeners(name, address=f"127.0.0.1:{port}") + pool("web", [name], 3))
            load.after(200)
        self.assert_nothing_lost(load.stop(), daemon)

    def kill_until_backoff(self, daemon, name):
        """The first end of a worker costs no wait, every further one a longer wait than the last."""
        def waits():
            worker = daemon.workers(name)[0]
            if worker["state"] == "ready":
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker["pid"], signal.SIGKILL)
            return worker["state"] == "backoff"
        until(waits, "a worker that has to wait", explain=daemon.log)

    def test_a_pool_in_backoff_keeps_its_listener(self):
        """A change in another pool parked it, as if it had been removed."""
        port, other = self.free_port(), self.free_port()
        config = (f'[listener.web]\naddress = "127.0.0.1:{port}"\n'
                  f'[listener.api]\naddress = "127.0.0.1:{other}"\n' +
                  pool("web", ["web"], 1, 'restart_delay = "2s"') + pool("api", ["api"], 1))
        daemon = self.ready(config, sockets={})
        self.kill_until_backoff(daemon, "web")
        self.assertEqual(daemon.scale(3, "api").status, 200)
        daemon.wait_workers(3, "api")
        answer = daemon.admin("GET", "/v1/listeners").json()
        self.assertTrue(all(one["served"] for one in answer["listeners"]), answer)
        # Who waits, waits for it: those of another pool have other routes.
        self.assertEqual(request(f"127.0.0.1:{port}", "GET", "/whoami").json()["pool"], "web", daemon.log())

    def test_an_adopted_listener_goes_and_comes_back(self):
        """Nobody can ask systemd for its socket again."""
        both = listeners("web", "api") + pool("web", ["web"], 1) + pool("api", ["api"], 1)
        daemon = self.ready(both, sockets={"web": equal_sockets(1), "api": equal_sockets(1)})
        self.reload(daemon, listeners("web") + pool("web", ["web"], 1))
        self.reload(daemon, both)
        self.assertEqual(daemon.get("/plaintext", "api").status, 200)


class Admin(Sockets):
    """The admin process and its sockets."""

    def test_hosts_change_and_the_addresses_stay(self):
        """The sockets that are bound already were bound once more, which failed."""
        port = self.free_port()
        text = ('[admin]\naddress = ["127.0.0.1:%d"]\nhosts = ["%s"]\n')
        base = listeners("web") + pool("web", ["web"], 1)
        daemon = self.ready(base + text % (port, "one.example"), admin=False)

        def status_for(host):
            return request(f"127.0.0.1:{port}", "GET", "/v1/status", headers={"Host": host}).status

        until(lambda: attempt(lambda: status_for("one.example")) == 200, "the admin server", explain=daemon.log)
        self.assertNotEqual(status_for("two.example"), 200)
        daemon.rewrite(base + text % (port, "two.example"))
        daemon.ctl("reload", check=0)
        until(lambda: attempt(lambda: status_for("two.example")) == 200, "the new hosts", explain=daemon.log)
        self.assertNotIn("admin-change-failed", daemon.log())

    def test_passed_sockets_outlive_a_change(self):
        """They were forgotten after their first use."""
        base = listeners("web") + pool("web", ["web"], 1)
        daemon = self.ready(base)
        daemon.rewrite(base + "[admin]\nenabled = false\n")
        daemon.ctl("reload", check=0)
        daemon.rewrite(base + "[admin]\nenabled = true\n")
        daemon.ctl("reload", check=0)
        until(lambda: attempt(lambda: daemon.admin("GET", "/v1/status", index=1).status) == 200,
              "the admin server", explain=daemon.log)

    def test_an_address_in_use_fails_the_reload(self):
        """It was called a success, with an error in the log."""
        taken = tcp_listener(reuse_port=False)
        self.addCleanup(taken.close)
        base = listeners("web") + pool("web", ["web"], 1)
        port = self.free_port()
        daemon = self.ready(base + f'[admin]\naddress = ["127.0.0.1:{port}"]\n', admin=False)
        daemon.rewrite(base + f'[admin]\naddress = ["{address_of(taken)}"]\n')
        failed = daemon.ctl("reload")
        self.assertNotEqual(failed.returncode, 0)
        self.assert_in(["admin.address", "address already in use"], failed.stdout + failed.stderr)
        self.assertEqual(request(f"127.0.0.1:{port}", "GET", "/v1/status").status, 200)

    def test_one_that_hangs_does_not_keep_the_service_from_stopping(self):
        """It is killed after a while."""
        daemon = self.ready()
        daemon.admin("GET", "/v1/status")
        for pid in processes.children(daemon.pid):
            if processes.name(pid).startswith("sockherd-admin"):
                os.kill(pid, signal.SIGSTOP)
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.exit_status(deadline=20), 0)


class Start(Sockets):
    """Starts that fail."""

    def test_a_second_daemon_in_the_same_place_leaves_the_first_alone(self):
        """It bound the ports, and what came to its sockets was lost when it gave up."""
        port = self.free_port()
        config = (listeners("web", address=f"127.0.0.1:{port}") + pool("web", ["web"], 2) +
                  "[admin]\nenabled = false\n")
        first = self.ready(config, sockets={}, admin=False)
        load = Hammer(f"127.0.0.1:{port}", path="/whoami", short=12)
        self.addCleanup(load.__exit__)
        load.after(200)
        for _ in range(5):
            second = self.launch(config, sockets={}, admin=False,
                                 environment={"RUNTIME_DIRECTORY": str(first.runtime)})
            self.assertNotEqual(second.exit_status(), 0)
            self.assertIn("control", second.log())
        load.after(200)
        self.assert_nothing_lost(load.stop(), first)

    def test_a_pool_that_can_not_start_leaves_no_worker_of_another_behind(self):
        """They went on serving without a supervisor."""
        config = (listeners("web", "api") + pool("web", ["web"], 2) +
                  '[pool.api]\nlisteners = ["api"]\nworkers = 1\ncommand = ["/bin/false"]\n')
        daemon = self.launch(config, sockets={"web": equal_sockets(2), "api": equal_sockets(1)})
        self.assertEqual(daemon.exit_status(), 1)
        self.assertEqual(processes.session_of(daemon.pid), [], daemon.log())
        self.assertIn("start-failed", daemon.log())

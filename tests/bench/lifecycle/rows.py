"""The rows of the table: what is done to a server while clients use it."""

# (key, title, whether a process is killed with what it has accepted)
ROWS = (
    ("reload", "reload, same configuration", False),
    ("reload-changed", "reload, changed configuration", False),
    ("reload-broken", "reload, broken configuration", False),
    ("listener", "listener added, listener removed", False),
    ("scale", "workers 1 → 8 → 2 → 8", False),
    ("scale-hash", "… balance = \"hash\"", False),
    ("scale-cpu", "… balance = \"cpu\"", False),
    ("scale-lines", "… sockets from systemd, no capability", False),
    ("late", "… clients 100 to 300 ms away", False),
    ("rolling", "rolling restart", False),
    ("recycle", "workers recycled (max_requests)", False),
    ("restart", "systemctl restart", False),
    ("restart-socket", "… with its socket unit", False),
    ("upgrade", "upgrade to another build, and back", False),
    ("stop", "systemctl stop, traffic starts it again", False),
    ("kill-main", "kill -9 of the main process", False),
    ("kill-both", "kill -9 of main process and worker", True),
    ("kill-worker", "kill -9 of a worker", True),
    ("crash-loop", "one slot crashes again and again", True),
    ("hang", "a worker hangs (SIGSTOP)", True),
)
TITLES = {key: title for key, title, _ in ROWS}
KILLS = {key for key, _, kills in ROWS if kills}

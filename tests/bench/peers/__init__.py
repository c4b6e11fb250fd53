"""The servers that are compared, by name: one file each, and what they run in programs/."""
from tests.bench.peers.ceiling import Ceiling, CeilingOnIoUring
from tests.bench.peers.crystal import Crystal
from tests.bench.peers.h2o import H2o
from tests.bench.peers.haproxy import Haproxy
from tests.bench.peers.lighttpd import Lighttpd
from tests.bench.peers.nginx import Nginx
from tests.bench.peers.node import Node
from tests.bench.peers.peer import PROCESSES, NotHere
from tests.bench.peers.puma import Puma
from tests.bench.peers.sockherd import Sockherd, SockherdOnIoUring, SockherdThreads

# In the order of the tables. The ceiling is what the others are measured against.
PEERS = {peer.name: peer for peer in (
    Sockherd, SockherdOnIoUring, SockherdThreads, Ceiling, CeilingOnIoUring, Haproxy, H2o, Nginx, Lighttpd,
    Crystal, Node, Puma)}

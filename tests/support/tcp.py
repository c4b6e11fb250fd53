"""What the kernel knows of the TCP connections of this network namespace."""
import os
import re
import socket
import struct
import subprocess


def inodes_of(port):
    """Of the established connections to a local port, accepted or not. By sock_diag: /proc/net/tcp
    takes long where many connections have just ended."""
    listed = subprocess.run(["ss", "-tneH", "state", "established", f"sport = :{port}"], check=True,
                            text=True, capture_output=True).stdout
    return {f"socket:[{inode}]" for inode in re.findall(r"\bino:(\d+)", listed)}


def accepted(pids, port):
    """How many of them these processes hold. Exact only while they stand still (SIGSTOP)."""
    inodes = inodes_of(port)
    count = 0
    for pid in pids:
        folder = f"/proc/{pid}/fd"
        for entry in os.listdir(folder):
            try:
                count += os.readlink(f"{folder}/{entry}") in inodes
            except FileNotFoundError:
                pass  # closed while we looked
    return count


def free_port(host="127.0.0.1"):
    """A port that is free there at this moment; for servers that cannot be handed a socket."""
    with socket.socket() as holder:
        holder.bind((host, 0))
        return holder.getsockname()[1]


def accept_queue(listener):
    """(length, limit) of what waits in a listening socket: tcpi_unacked and tcpi_sacked of TCP_INFO."""
    return struct.unpack_from("=II", listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 24)

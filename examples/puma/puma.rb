# One process; sockherd makes the others.
workers 0
threads 4, 4
bind_to_activated_sockets "only"  # LISTEN_FDS

// A server without a library: it takes the sockets of LISTEN_FDS, answers one request after the other, and at SIGTERM
// it finishes the one that it has. What waits in the queue is none of its business: the queue is not its own.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { FIRST = 3, MOST = 16 };

static volatile sig_atomic_t leaving = 0;

static void leave(int number) {
  (void)number;
  leaving = 1;
}

// How many sockets were passed to us, from descriptor 3 on; sd_listen_fds(3) in a few lines.
static int passed_sockets(void) {
  const char* pid = getenv("LISTEN_PID");
  const char* count = getenv("LISTEN_FDS");
  if (pid == NULL || count == NULL || atol(pid) != (long)getpid()) return 0;
  return atoi(count) < MOST ? atoi(count) : MOST;
}

// Reads the head of a request; no body is expected.
static int read_head(int client) {
  char head[8192];
  size_t size = 0;
  while (size < sizeof(head) - 1) {
    const ssize_t got = recv(client, head + size, sizeof(head) - 1 - size, 0);
    if (got <= 0) return 0;
    size += (size_t)got;
    head[size] = '\0';
    if (strstr(head, "\r\n\r\n") != NULL) return 1;
  }
  return 0;
}

static void answer(int client) {
  const struct timeval patience = {.tv_sec = 2};
  setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  if (!read_head(client)) return;
  const char* slot = getenv("SOCKHERD_SLOT");
  const char* generation = getenv("SOCKHERD_GENERATION");
  char body[256];
  char text[512];
  snprintf(body, sizeof(body), "{\"language\":\"C\",\"pid\":%d,\"slot\":%s,\"generation\":%s}", (int)getpid(),
           slot ? slot : "0", generation ? generation : "0");
  snprintf(text, sizeof(text),
           "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
           strlen(body), body);
  send(client, text, strlen(text), MSG_NOSIGNAL);
}

int main(void) {
  const int count = passed_sockets();
  if (count == 0) return fputs("hello: no sockets in LISTEN_FDS; start it with sockherd\n", stderr), 1;

  // SIGTERM comes in ppoll() only, so that none comes between a look at `leaving` and the wait.
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigprocmask(SIG_BLOCK, &blocked, &before);
  sigaction(SIGTERM, &(struct sigaction){.sa_handler = leave}, NULL);

  struct pollfd sockets[MOST];
  for (int i = 0; i < count; ++i) sockets[i] = (struct pollfd){.fd = FIRST + i, .events = POLLIN};
  while (!leaving) {
    if (ppoll(sockets, (nfds_t)count, NULL, &before) < 0) continue;
    for (int i = 0; i < count; ++i) {
      if (sockets[i].revents == 0) continue;
      const int client = accept(sockets[i].fd, NULL, NULL);  // EAGAIN: somebody else has taken it
      if (client < 0) continue;
      answer(client);
      close(client);
    }
  }
  return 0;
}

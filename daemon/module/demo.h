// The demo module: endpoints that show what the engine does, and to measure it by. It is an
// application as any other, but built in.
//
//   /            a page that shows which workers answer     /time    the time as a text
//   /plaintext   "Hello, World!"                            /whoami  which worker this is, as JSON
//   /10k         10 KiB of text                             /echo    POST: the body comes back
//   /cpu?n=27    a Fibonacci number, the slow way           /io?ms=5 waits without blocking
//   /ws          WebSocket: what you say comes back         /room    WebSocket: to everybody there
#pragma once

namespace sockherd::app {
class App;
}

namespace sockherd::module {

void set_up_demo(app::App& app);

}  // namespace sockherd::module

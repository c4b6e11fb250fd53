# The program that is started once for each CPU and shares its port: HTTP::Server with reuse_port. The class that
# forks it, watches it and restarts it is gone.
require "http/server"
require "json"

# Leaves politely: HTTP::Server#close hangs up on those who have just been accepted, and so does the end of the program.
class PoliteServer < HTTP::Server
  getter clients = 0

  def stop_accepting
    @sockets.each &.close
  end

  private def handle_client(io : IO)
    @clients += 1
    super
  ensure
    @clients -= 1
  end
end

leaving = false
server = PoliteServer.new do |context|
  context.response.headers["Connection"] = "close" if leaving
  context.response.content_type = "application/json"
  {
    language:   "Crystal",
    pid:        Process.pid,
    slot:       ENV["SOCKHERD_SLOT"].to_i,
    generation: ENV["SOCKHERD_GENERATION"].to_i,
  }.to_json(context.response)
end

Signal::TERM.trap do
  leaving = true
  server.stop_accepting
end

server.bind_tcp ENV["HOST"], ENV["PORT"].to_i, reuse_port: true
server.listen

asked = Time.monotonic
while server.clients > 0 && Time.monotonic - asked < 5.seconds
  sleep 10.milliseconds
end

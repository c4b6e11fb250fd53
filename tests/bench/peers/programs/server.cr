# One process; several of them share the port. What it answers: tests/bench/peers/peer.py.
require "http/server"

plaintext = "Hello, World!"
ten_kib = "x" * (10 * 1024)

server = HTTP::Server.new do |context|
  body = context.request.path == "/10k" ? ten_kib : plaintext
  context.response.content_type = "text/plain"
  context.response.content_length = body.bytesize
  context.response << body
end
server.bind_tcp "127.0.0.1", ARGV[0].to_i, reuse_port: true
server.listen

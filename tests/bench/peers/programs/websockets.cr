# One process; several of them share the port. /echo gives back what it gets, /room gives it to everybody in
# the room, which is this process's, as in Kemal's chat.
require "http/server"

ROOM = [] of HTTP::WebSocket

handler = HTTP::WebSocketHandler.new do |socket, context|
  if context.request.path == "/echo"
    socket.on_message { |text| socket.send text }
    socket.on_binary { |bytes| socket.send bytes }
  else
    ROOM << socket
    socket.on_message { |text| ROOM.each &.send(text) }
    socket.on_binary { |bytes| ROOM.each &.send(bytes) }
    socket.on_close { ROOM.delete socket }
  end
end

server = HTTP::Server.new([handler])
server.bind_tcp "127.0.0.1", ARGV[0].to_i, reuse_port: true
server.listen

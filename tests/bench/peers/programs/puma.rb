# What it answers: tests/bench/peers/peer.py. Workers, threads and port come from the command line.
plaintext = "Hello, World!"
ten_kib = "x" * (10 * 1024)

app do |env|
  body = env["PATH_INFO"] == "/10k" ? ten_kib : plaintext
  [200, { "content-type" => "text/plain", "content-length" => body.bytesize.to_s }, [body]]
end
persistent_timeout 75

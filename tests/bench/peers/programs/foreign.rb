# What it answers: tests/bench/peers/foreign.py. Workers, threads and address come from the command line.
def fibonacci(n)
  n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2)
end

plaintext = "Hello, World!"
ten_kib = "x" * (10 * 1024)

app do |env|
  body = plaintext
  case env["PATH_INFO"]
  when "/10k" then body = ten_kib
  when "/cpu" then fibonacci(18)
  when "/io" then sleep(0.005)
  end
  [200, { "content-type" => "text/plain", "content-length" => body.bytesize.to_s }, [body]]
end
persistent_timeout 75

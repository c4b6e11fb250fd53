# What it answers: tests/bench/peers/blocking.py. Workers, threads and port come from the command line.
def fibonacci(n)
  n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2)
end

def burn(seconds)
  clock = Process::CLOCK_THREAD_CPUTIME_ID
  until_then = Process.clock_gettime(clock) + seconds
  nil while Process.clock_gettime(clock) < until_then
end

app do |env|
  case env["PATH_INFO"]
  when "/cpu" then fibonacci(23)
  when "/burn" then burn(0.002)
  when "/io" then sleep(0.005)
  end
  body = "Hello, World!"
  [200, { "content-type" => "text/plain", "content-length" => body.bytesize.to_s }, [body]]
end
persistent_timeout 75

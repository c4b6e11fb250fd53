# A Rack application; it knows nothing of sockherd.
require "json"

run(lambda do |_env|
  [200, { "content-type" => "application/json" }, [JSON.generate({
    language: "Ruby",
    pid: Process.pid,
    slot: ENV["SOCKHERD_SLOT"].to_i,
    generation: ENV["SOCKHERD_GENERATION"].to_i,
  })]]
end)

-- For wrk: requests pipelined DEPTH deep, with extra header fields, and a report as one JSON line.
local depth, close = tonumber(os.getenv("BENCH_DEPTH") or "1"), os.getenv("BENCH_CLOSE") == "1"
local batch

function init(args)
  if close then wrk.headers["Connection"] = "close" end
  local requests = {}
  for i = 1, depth do requests[i] = wrk.format() end
  batch = table.concat(requests)
end

function request() return batch end

function done(summary, latency, requests)
  local e = summary.errors
  local function ms(share) return latency:percentile(share) / 1e3 end
  io.write(string.format(
    '\nBENCH {"requests":%d,"seconds":%.6f,"p50_ms":%.3f,"p99_ms":%.3f,"p999_ms":%.3f,"errors":%d}\n',
    summary.requests, summary.duration / 1e6, ms(50), ms(99), ms(99.9),
    e.connect + e.read + e.write + e.status + e.timeout))
end

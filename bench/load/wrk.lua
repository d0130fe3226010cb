-- Random keys from requests built beforehand; the result as one line of JSON. Settings come by environment.
local prefix, suffix = os.getenv("BENCH_PREFIX"), os.getenv("BENCH_SUFFIX")
local keys, body = tonumber(os.getenv("BENCH_KEYS")), os.getenv("BENCH_BODY")
local requests = {}

init = function()
  for key = 0, keys - 1 do
    requests[key] = wrk.format("POST", prefix .. "k" .. key .. suffix, { ["content-type"] = "application/json" }, body)
  end
end

request = function()
  return requests[math.random(0, keys - 1)]
end

done = function(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    'result {"requests":%d,"durationMs":%f,"errors":%d,"p50Ms":%f,"p99Ms":%f,"p999Ms":%f,"maxMs":%f}\n',
    summary.requests, summary.duration / 1000, failed, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    latency:percentile(99.9) / 1000, latency.max / 1000))
end

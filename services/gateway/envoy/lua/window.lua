-- A service's word on its own limit came first; the bucket's, which was added to it, is taken away.

function envoy_on_response(handle)
  local headers = handle:headers()
  for _, name in ipairs({"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}) do
    if headers:getNumValues(name) > 1 then
      headers:replace(name, headers:getAtIndex(name, 0))
    end
  end
end

-- Event streams: a browser's EventSource can not send headers, so the token may come as ?token=. It is moved into the
-- authorization header, where everything behind expects it, and out of the URL, which ends up in logs.

local function refuse(handle)
  handle:respond({[":status"] = "401"}, "")
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local path = headers:get(":path")
  local mark = string.find(path, "?", 1, true)
  if not mark then
    return
  end
  local token, kept = nil, {}
  for pair in string.gmatch(string.sub(path, mark + 1), "[^&]+") do
    local name, value = string.match(pair, "^([^=]*)=?(.*)$")
    name = string.gsub(name, "%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
    if name ~= "token" then
      kept[#kept + 1] = pair
    elseif token then
      return refuse(handle)
    else
      token = value
    end
  end
  if not token then
    return
  end
  headers:replace(":path", string.sub(path, 1, mark - 1) .. (#kept > 0 and "?" .. table.concat(kept, "&") or ""))
  if token == "" then
    return
  end
  if headers:get("authorization") or string.find(token, "[^%w%-_%.]") then
    return refuse(handle)
  end
  headers:add("authorization", "Bearer " .. token)
end

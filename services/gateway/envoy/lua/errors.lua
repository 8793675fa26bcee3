-- What a service refused: its own status and its ready body, from the trailers, in place of the transcoder's.
-- Envoy's own refusals have their body already and no grpc-status.

local CODES = {
  ["400"] = "INVALID_ARGUMENT", ["401"] = "UNAUTHENTICATED", ["403"] = "PERMISSION_DENIED", ["404"] = "NOT_FOUND",
  ["409"] = "CONFLICT", ["429"] = "RATE_LIMITED", ["501"] = "UNIMPLEMENTED",
  ["503"] = "UNAVAILABLE", ["504"] = "DEADLINE_EXCEEDED",
}
local TEXTS = {
  ["400"] = "The request is not valid", ["404"] = "Not found", ["429"] = "Too many requests",
  ["501"] = "Not offered here", ["503"] = "Temporarily unavailable", ["504"] = "Took too long",
}

local function own_body(status, request_id)
  local code = CODES[status] or "INTERNAL_ERROR"
  local text = TEXTS[status] or "Something went wrong on our side"
  return '{"detail":{"message":"' .. text .. '","code":"' .. string.lower(code) .. '","error_code":"' .. code ..
    '","params":{},"request_id":"' .. (request_id or "") .. '"}}'
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local grpc_status = headers:get("grpc-status")
  if grpc_status == nil or grpc_status == "0" then
    return
  end
  local status = headers:get("x-mesh-status") or headers:get(":status")
  if status == "499" and headers:get("x-mesh-error") == nil then
    -- Cancelled, and not by the caller, whom no answer would reach: the service is shutting down.
    status = "503"
    headers:replace("retry-after", "1")
  end
  local body = headers:get("x-mesh-error") or own_body(status, headers:get("x-request-id"))
  headers:replace(":status", status)
  headers:replace("content-type", "application/json")
  if status == "401" then
    headers:replace("www-authenticate", "Bearer")
  end
  handle:body(true):setBytes(body)
end

// Makes the calls of calls.json with the generated clients and prints what came of each, as tests/support/calls.py does.
// stdin: {target, tokens: {who: token}, rows}; stdout: {name: {code, messages, events?, status?}}, in protobuf's JSON.
"use strict";

const grpc = require("@grpc/grpc-js");
const { Status } = require("google/rpc/status");
const details = require("google/rpc/error_details");

const JSON_FORM = {
  emitDefaultValues: true,
  useProtoFieldName: true,
  typeRegistry: Object.values(details),
};
const FILES = ["agent/v1/runs", "threads/v1/threads", "billing/v1/billing", "sandbox/v1/sandbox"];

/** The generated service, its client, and the method, of `package.Service/Method`. */
function resolve(call) {
  const [service, method] = call.split("/");
  const name = service.split(".").pop();
  for (const file of FILES) {
    const type = require(`mesh/${file}`)[name];
    if (type?.typeName === service) {
      const Client = require(`mesh/${file}.grpc-client`)[`${name}Client`];
      return { Client, method: type.methods.find((found) => found.name === method) };
    }
  }
  throw new Error(`no generated client has ${call}`);
}

/** `{name.path.to.value}` in texts, replaced by what earlier calls answered. */
function filled(value, outcomes) {
  if (typeof value === "string") {
    return value.replace(/\{([\w.]+)\}/g, (_, path) => path.split(".").reduce((at, key) => at[key], outcomes));
  }
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((item) => filled(item, outcomes));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filled(item, outcomes)]));
}

/** Resolves to {code, messages, status?} when the call has ended, however it ended. */
function made(client, method, row, requests, metadata) {
  return new Promise((resolve) => {
    const messages = [];
    let left = false;
    const options = { deadline: Date.now() + (row.deadline_s ?? 60) * 1000 };
    const take = (message) => {
      if (left) return;
      messages.push(method.O.toJson(message, JSON_FORM));
      if (row.leave_at && messages.at(-1).events.some((event) => row.leave_at in event)) {
        left = true;
        call.cancel();
      }
    };
    const end = (error) => {
      const told = error?.metadata?.get("grpc-status-details-bin")[0];
      const status = told && Status.toJson(Status.fromBinary(told), JSON_FORM);
      resolve({ code: grpc.status[error?.code ?? 0], messages, ...(status && { status }) });
    };
    const answered = (error, message) => {
      if (!error) take(message);
      end(error);
    };
    const call = method.clientStreaming
      ? client[method.localName](metadata, options, answered)
      : method.serverStreaming
        ? client[method.localName](requests[0], metadata, options)
        : client[method.localName](requests[0], metadata, options, answered);
    if (method.clientStreaming) {
      for (const request of requests) call.write(request);
      call.end();
    }
    if (method.serverStreaming) {
      call.on("data", take);
      call.on("error", end);
      call.on("end", () => end(null));
    }
  });
}

async function main() {
  const { target, tokens, rows } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
  const outcomes = {};
  for (const row of rows) {
    const { Client, method } = resolve(row.call);
    const client = new Client(target, grpc.credentials.createInsecure(), { "grpc.enable_http_proxy": 0 });
    const metadata = new grpc.Metadata();
    const who = row.who ?? "owner";
    if (who !== "nobody") metadata.set("authorization", `Bearer ${tokens[who]}`);
    const requests = [row.request].flat().map((request) => method.I.fromJson(filled(request, outcomes)));
    const outcome = await made(client, method, row, requests, metadata);
    if (outcome.messages[0]?.events) outcome.events = outcome.messages.flatMap((message) => message.events);
    outcomes[row.name] = outcome;
    client.close();
  }
  process.stdout.write(JSON.stringify(outcomes));
}

main();

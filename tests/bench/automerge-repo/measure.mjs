// What automerge-repo puts on the wire for documents that Callout exported: one JSON line.
//
//   node measure.mjs DIR    DIR holds one saved Automerge document per file, *.automerge
//
// A server repo holds all documents; a client repo in a process of its own, which has nothing, fetches each of them over a
// WebSocket on loopback ("first"). Then the client, which now has everything, connects again with the documents loaded
// ("nothing_new"), and once more after a sentence was added to ten of them on the server ("ten_changed").
// Bytes are those of the WebSocket payloads in both directions; processor time is each process's own.
import { fork } from "node:child_process";
import { createServer } from "node:http";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { randomUUID } from "node:crypto";
import { WebSocketServer } from "ws";
import { Repo, generateAutomergeUrl, parseAutomergeUrl } from "@automerge/automerge-repo";
import { WebSocketClientAdapter, WebSocketServerAdapter } from "@automerge/automerge-repo-network-websocket";

class MemoryStorage {
  rows = new Map();
  key = (parts) => parts.join("/");
  async load(key) { return this.rows.get(this.key(key)); }
  async save(key, data) { this.rows.set(this.key(key), data); }
  async remove(key) { this.rows.delete(this.key(key)); }
  async loadRange(prefix) {
    const start = this.key(prefix) + "/";
    return [...this.rows].filter(([key]) => key.startsWith(start)).map(([key, data]) => ({ key: key.split("/"), data }));
  }
  async removeRange(prefix) {
    const start = this.key(prefix) + "/";
    for (const key of this.rows.keys()) if (key.startsWith(start)) this.rows.delete(key);
  }
}

const seconds = (since) => { const used = process.cpuUsage(since); return (used.user + used.system) / 1e6; };
const [what, address] = process.argv.slice(2);
if (what === "client") client(address); else await server(what);

function client(address) {
  const disk = new MemoryStorage();
  let leave = async () => {};
  const visit = async (urls) => {
    const begun = process.cpuUsage();
    const adapter = new WebSocketClientAdapter(address);
    const repo = new Repo({ network: [adapter], storage: disk, sharePolicy: async () => true, peerId: `phone-${randomUUID()}` });
    await repo.networkSubsystem.whenReady();
    await Promise.all(urls.map((url) => repo.find(url)));
    leave = async () => { await repo.flush(); adapter.disconnect(); return seconds(begun); };
    process.send("here");
  };
  process.on("message", async (message) => {
    if (message === "leave") process.send(await leave()); else await visit(message);
  });
  process.send("ready");
}

async function server(folder) {
  const files = readdirSync(folder).filter((name) => name.endsWith(".automerge")).sort();
  const http = createServer().listen(0, "127.0.0.1");
  await new Promise((ready) => http.once("listening", ready));
  const sockets = new WebSocketServer({ server: http });
  let bytes = 0, messages = 0, last = Date.now();
  const count = (data) => { bytes += data.byteLength ?? data.length; messages += 1; last = Date.now(); };
  sockets.on("connection", (socket) => {
    socket.on("message", count);
    const send = socket.send.bind(socket);
    socket.send = (data, ...rest) => { count(data); return send(data, ...rest); };
  });
  const quiet = async () => {
    do await new Promise((later) => setTimeout(later, 200)); while (Date.now() - last < 1500);
  };
  const repo = new Repo({ network: [new WebSocketServerAdapter(sockets)], sharePolicy: async () => false, peerId: "server" });
  const held = [];
  const urls = files.map((name) => {
    const url = generateAutomergeUrl();
    held.push(repo.import(readFileSync(join(folder, name)), { docId: parseAutomergeUrl(url).documentId }));
    return url;
  });
  const phone = fork(fileURLToPath(import.meta.url), ["client", `ws://127.0.0.1:${http.address().port}`]);
  const heard = () => new Promise((answer) => phone.once("message", answer));
  await heard();
  const visit = async () => {
    bytes = 0; messages = 0; last = Date.now();
    const begun = process.cpuUsage();
    const here = heard();
    phone.send(urls);
    await here;
    await quiet();
    const left = heard();
    phone.send("leave");
    const client_seconds = await left;
    return { bytes, messages, server_seconds: seconds(begun), client_seconds };
  };
  const first = await visit();
  const nothing_new = await visit();
  held.slice(0, 10).forEach((handle) => handle.change((ticket) => { ticket.said = "replaced the fuse, 230 V, works again"; }));
  const ten_changed = await visit();
  console.log(JSON.stringify({ documents: urls.length, first, nothing_new, ten_changed }));
  phone.kill();
  process.exit(0);
}

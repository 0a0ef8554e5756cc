// What PouchDB puts on the wire for tickets that Callout exported: one JSON line.
//
//   node measure.mjs TICKETS.json    one document a ticket, its entries in it, as somebody writes them who has PouchDB
//
// A server (express-pouchdb) holds all documents in memory; a client in a process of its own, also in memory, replicates
// them ("first"), again ("nothing_new"), and once more after a sentence was added to ten of them ("ten_changed").
// Bytes are those of the bodies of requests and answers, as the client counts them; processor time is each process's own.
import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import express from "express";
import serve from "express-pouchdb";
import PouchDB from "pouchdb";
import memory from "pouchdb-adapter-memory";

PouchDB.plugin(memory);
const seconds = (since) => { const used = process.cpuUsage(since); return (used.user + used.system) / 1e6; };
const [what, address] = process.argv.slice(2);
if (what === "client") await client(address); else await server(what);

async function client(address) {
  let bytes = 0, requests = 0;
  const counted = async (url, options = {}) => {
    requests += 1;
    bytes += options.body ? Buffer.byteLength(options.body) : 0;
    const answer = await PouchDB.fetch(url, options);
    const body = await answer.arrayBuffer();
    bytes += body.byteLength;
    return new Response([204, 304].includes(answer.status) ? null : body, { status: answer.status, headers: answer.headers });
  };
  const phone = new PouchDB("phone", { adapter: "memory" });
  process.on("message", async () => {
    bytes = 0; requests = 0;
    const begun = process.cpuUsage();
    const { docs_written: documents } = await phone.replicate.from(new PouchDB(address, { fetch: counted }));
    process.send({ bytes, messages: requests, documents, client_seconds: seconds(begun) });
  });
  process.send("ready");
}

async function server(file) {
  const InMemory = PouchDB.defaults({ adapter: "memory" });
  const app = express().use("/", serve(InMemory, { mode: "minimumForPouchDB", inMemoryConfig: true, logPath: "/dev/null" }));
  const http = app.listen(0, "127.0.0.1");
  await new Promise((ready) => http.once("listening", ready));
  const tickets = new InMemory("tickets");
  const value = (field) => (field && Array.isArray(field.bytes) ? Buffer.from(field.bytes).toString("base64") : field);
  const plain = (entry) => Object.fromEntries(Object.entries(entry).map(([name, field]) => [name, value(field)]));
  const documents = JSON.parse(readFileSync(file, "utf8")).map(({ entries, ...ticket }, number) => (
    { _id: String(number).padStart(6, "0"), ...ticket, entries: entries.map(plain) }));
  await tickets.bulkDocs(documents);
  const phone = fork(fileURLToPath(import.meta.url), ["client", `http://127.0.0.1:${http.address().port}/tickets`]);
  const heard = () => new Promise((answer) => phone.once("message", answer));
  await heard();
  const visit = async () => {
    const begun = process.cpuUsage();
    const answer = heard();
    phone.send("go");
    return { ...(await answer), server_seconds: seconds(begun) };
  };
  const first = await visit();
  const nothing_new = await visit();
  for (const { _id } of documents.slice(0, 10)) {
    await tickets.put({ ...(await tickets.get(_id)), said: "replaced the fuse, 230 V, works again" });
  }
  const ten_changed = await visit();
  console.log(JSON.stringify({ documents: documents.length, first, nothing_new, ten_changed }));
  phone.kill();
  process.exit(0);
}

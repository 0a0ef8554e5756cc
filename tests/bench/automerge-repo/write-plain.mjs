// Writes tickets as somebody would who has automerge-repo and nothing else: one document a ticket, its entries in a map
// under their ids, text as plain JavaScript strings, times as numbers, hashes as bytes. One change an entry, by one
// author, after one that makes the ticket.
//
//   node write-plain.mjs TICKETS.json DIR
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as Automerge from "@automerge/automerge";

const [from, to] = process.argv.slice(2);
const value = (field) => (field && Array.isArray(field.bytes) ? Uint8Array.from(field.bytes) : field);
JSON.parse(readFileSync(from, "utf8")).forEach(({ entries, ...ticket }, number) => {
  const desk = Automerge.from({ ...ticket, entries: {} });
  let phone = Automerge.merge(Automerge.init(), desk);
  for (const { id, ...entry } of entries) {
    const fields = Object.entries(entry).filter(([, field]) => field !== null).map(([name, field]) => [name, value(field)]);
    phone = Automerge.change(phone, (ticket) => { ticket.entries[id] = Object.fromEntries(fields); });
  }
  writeFileSync(join(to, `${String(number).padStart(4, "0")}.automerge`), Automerge.save(phone));
});

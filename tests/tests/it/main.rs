//! All end-to-end tests in one program, because linking is expensive.

#![expect(clippy::expect_used, reason = "a test reports by failing")]

mod architecture;
mod attachments;
mod catalogue;
mod couriered;
mod customers_and_sites;
mod desk_and_phone;
mod devices;
mod dispatching;
mod engineers;
mod evidence;
mod exports;
mod faults;
mod fixtures;
mod idempotency;
mod imports;
mod knowledge;
mod knowledge_on_phones;
mod ledger;
mod live;
mod offline;
mod on_phones;
mod own_database;
mod positions;
mod processes;
mod receipts;
mod relay;
mod restored;
mod returned;
mod roots;
mod server;
mod sessions;
mod slow_clients;
mod strangers;
mod sync;
mod tickets;
mod unit_of_work;
mod users;

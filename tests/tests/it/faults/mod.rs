//! The fault list, a file for each fault or a few that belong together: see the table in `tests/README.md`. Every name
//! begins with the number of its fault and says what must happen. All end in the ledger check.

pub(crate) mod f01_killed;
mod f02_hung_up;
mod f04_repeated;
mod f05_parallel;
mod f06_partial_upload;
mod f08_database_restarted;
mod f10_restored_server;
mod f11_full_disk;
mod f16_clock;
mod f17_positions;
mod f18_revoked;
mod f19_worked_offline;
mod f20_two_devices;
mod f21_copied_phone;
mod f22_versions;
mod f23_poison;
mod f26_captive_portal;
mod f27_migrations;

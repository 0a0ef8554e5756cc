//! The fault list, a file for each fault or a few that belong together: see the table in `tests/README.md`. Every name
//! begins with the number of its fault and says what must happen. All end in the ledger check.

mod f01_killed;

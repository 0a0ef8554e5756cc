//! The engine from outside: what dispatchers may rely on.

#![expect(clippy::unwrap_used, reason = "these are tests; clippy knows that only of functions marked so")]

mod boards;
mod checker;
mod day;

mod plan;
mod rank;
mod relax;
mod rules;
mod solomon;

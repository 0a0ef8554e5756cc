//! Finding an article by its words, in Chinese, in English and in both at once: the same on a phone with no network and
//! on the server.
//!
//! A text becomes [terms](terms()), a question becomes a [`Query`] over such terms, and [`rank`] decides which of the
//! texts that hold them answer it and in what order. Where the terms are kept is not decided here: a phone has an index
//! of its own (`replica::knowledge`), the server one in its database.
//!
//! Why it is done this way, what else was measured, and what it does not find: `docs/search.md`.

mod letters;
mod terms;
mod stem;
mod query;
mod rank;
mod snippet;

pub use query::Query;
pub use rank::{Hit, Postings, Ranked, rank};
pub use snippet::{Part, mark, snippet};
pub use terms::{Counted, Occurrence, count, terms};

/// Rises when the same text gives other terms than before: every index is then built anew.
pub const VERSION: u32 = 1;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod golden;

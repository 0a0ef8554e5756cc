//! How the server admitted a fact, as data: a rebuild and an old app read it and never judge again.

use std::collections::BTreeSet;

use crate::document::field::{Field, FieldError, bad};
use crate::document::flag::Flag;
use crate::document::scalar::{Fields, Scalar};
use crate::time::ServerTime;
use crate::words::words;
use crate::workflow::Status;

words!(/// Whether an admitted fact counts.
Verdict, "verdict", {
    /// It counts.
    Allowed = "allowed",
    /// It counts, and somebody should look.
    Flagged = "flagged",
    /// It is kept and shown, and changes nothing.
    Inert = "inert",
});

words!(/// What became of a wish to move a visit.
WindowEffect, "window effect", {
    /// The core has it.
    Applied = "applied",
    /// Kept aside: the side had changed since its author saw it.
    Stale = "stale",
    /// Kept aside: the window would run backwards or have one side only.
    Backwards = "backwards",
    /// Kept aside: the engineer is taken at that time.
    Booked = "booked",
});

/// The server's record of one fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Rises by one with each admission to the ticket; orders what a person reads, nothing else.
    pub n: i64,
    /// Whether it counts.
    pub verdict: Verdict,
    /// What came of it.
    pub effect: Effect,
    /// When it arrived.
    pub received: ServerTime,
}

/// What came of a fact, at the moment it was admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Where the ticket stood with it.
    pub status: Status,
    /// Reasons for review that came with it.
    pub flags: BTreeSet<Flag>,
    /// For a wish to move a visit.
    pub window: Option<WindowEffect>,
}

impl Admission {
    pub(crate) fn to_fields(&self) -> Fields {
        let mut fields = Fields::new();
        self.n.put("n", &mut fields);
        self.verdict.as_str().to_owned().put("verdict", &mut fields);
        self.effect.status.as_str().to_owned().put("status", &mut fields);
        let flags: Vec<&str> = self.effect.flags.iter().map(|flag| flag.as_str()).collect();
        (!flags.is_empty()).then(|| flags.join(" ")).put("flags", &mut fields);
        self.effect.window.map(|window| window.as_str().to_owned()).put("window", &mut fields);
        self.received.put("recv", &mut fields);
        fields
    }

    /// Reads leniently what a newer server may have written: a flag or window effect unknown here is passed over, a
    /// verdict unknown here changes nothing.
    pub(crate) fn from_fields(mut fields: Fields) -> Result<Self, FieldError> {
        let n = Field::take("n", &mut fields)?;
        let verdict = String::take("verdict", &mut fields)?.parse().unwrap_or(Verdict::Inert);
        let status = String::take("status", &mut fields)?.parse().map_err(|_| bad("status", "a status"))?;
        let flags = match fields.remove("flags") {
            Some(Scalar::Str(words)) => words.split(' ').filter_map(|word| word.parse().ok()).collect(),
            _ => BTreeSet::new(),
        };
        let window: Option<String> = Field::take("window", &mut fields)?;
        let effect = Effect { status, flags, window: window.and_then(|word| word.parse().ok()) };
        Ok(Admission { n, verdict, effect, received: Field::take("recv", &mut fields)? })
    }
}

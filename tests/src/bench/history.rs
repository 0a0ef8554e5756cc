//! What is said on the tickets of the first sync: made up, but as various as what people say.

use callout_server::platform::random::Random;
use sync_core::document::{Covers, FactBody, Quantity, Sealed};
use sync_core::ids::{FactId, PartId, Sha256Hash};
use sync_core::time::DeviceTime;

/// Twenty entries on each ticket.
pub const ENTRIES: usize = 20;

/// What the entries are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// A visit from its acceptance to the customer's signature: steps, answers, photos, notes, a part, hours.
    Visit,
    /// A sentence each: the most text there can be.
    Notes,
}

impl History {
    /// The name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Visit => "a visit's work",
            Self::Notes => "notes alone",
        }
    }

    /// The entry of this number. `seal` seals for a field of it.
    pub fn entry(self, number: usize, now: DeviceTime, seal: impl Fn(&str, &str) -> Sealed) -> FactBody {
        match self {
            Self::Notes => FactBody::Note { text: seal("text", &sentence()), corrects: None },
            Self::Visit => visit(number % ENTRIES, now, seal),
        }
    }
}

fn visit(number: usize, now: DeviceTime, seal: impl Fn(&str, &str) -> Sealed) -> FactBody {
    let hash = || Sha256Hash(Random.bytes());
    match number {
        0 => FactBody::Accept {},
        1 => FactBody::Depart {},
        2 => FactBody::CheckIn {},
        3 => FactBody::Start {},
        4 | 9 | 13 => FactBody::Blob {
            sha256: hash(),
            size: 180_000 + i64::from(pick(250_000)),
            mime: "image/jpeg".into(),
            role: of(&["before", "after", "meter"]).into(),
            step: None,
        },
        5..=8 | 10 | 11 => FactBody::Answer {
            step: of(&["supply", "fuse", "earth", "cover", "function", "cleaned"]).into(),
            value: seal("value", of(&["yes", "no", "230 V", "0.4 ohm", "not accessible"])),
            corrects: None,
        },
        12 => FactBody::PartUsed {
            part: PartId::fresh(now.0, Random.bytes()),
            quantity: Quantity::new(1).expect("one is a quantity"),
            serial: Some(format!("SN-{:06}", pick(1_000_000))),
        },
        14 | 15 => FactBody::Note { text: seal("text", &sentence()), corrects: None },
        16 => FactBody::Labour { start: DeviceTime(now.0 - 3_600_000), end: now },
        17 => FactBody::Signature {
            shown_sha256: hash(),
            covers: Covers::new([(FactId::fresh(now.0, Random.bytes()), hash())]),
            strokes_sha256: hash(),
            signer: seal("signer", of(&["Ms Ito", "Mr Okafor", "R. Lindqvist", "the caretaker"])),
        },
        18 => FactBody::Done { outcome: "solved".into(), solution: Some(seal("solution", &sentence())) },
        _ => FactBody::CheckOut {},
    }
}

/// About as long as what people type on a phone.
fn sentence() -> String {
    let did = of(&["replaced", "cleaned", "tightened", "reset", "found", "could not reach", "measured", "took out"]);
    let what = of(&["the fuse", "the lamp", "the breaker", "the seal", "the motor", "the photo cell", "the wiring"]);
    let place = of(&["at the pole", "behind the cover", "in the cabinet", "by the gate", "on the second floor"]);
    let end = of(&["works again", "needs a second visit", "customer informed", "wet inside", "as on the drawing"]);
    format!("{did} {what} {place}, {} V, {end}", 180 + pick(90))
}

fn of<'a>(choices: &[&'a str]) -> &'a str {
    choices[pick(u32::try_from(choices.len()).unwrap_or(1)) as usize]
}

fn pick(below: u32) -> u32 {
    u32::from_be_bytes(Random.bytes()) % below
}

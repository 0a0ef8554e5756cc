//! What people do on a phone, in their words.

use callout_server::platform::random::Random;
use sync_core::command::{self, Attachment, Refusal, Signing, Stamp};
use sync_core::document::{Fact, FactBody, Fields, Quantity};
use sync_core::ids::{FactId, PartId, Sha256Hash, TicketId, VisitId};
use sync_core::replica::{ExecuteError, Sight};
use sync_core::time::{DeviceTime, ServerTime};

use super::Phone;
use super::ledger::Entry;

/// Why nothing was done.
pub type NotDone = ExecuteError<Refusal>;

/// One thing an engineer does on a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    Accept,
    Decline {
        reason: String,
    },
    Depart,
    CheckIn,
    Start,
    Pause {
        reason: String,
    },
    CheckOut,
    Answer {
        step: String,
        value: String,
    },
    /// A picture, whose bytes are on the disk before the ticket names them.
    Photo {
        bytes: Vec<u8>,
        role: String,
    },
    /// The customer signs for every entry of the visit.
    Sign {
        signer: String,
        strokes: Vec<u8>,
    },
    UsePart {
        part: PartId,
        quantity: i64,
    },
    Note {
        text: String,
    },
    Done {
        solution: String,
    },
    Reschedule {
        start: Option<ServerTime>,
        end: Option<ServerTime>,
    },
}

impl Phone {
    /// Does it, if it may be done. When this returns, the phone has said "saved".
    pub fn attempt(&mut self, visit: VisitId, deed: Deed) -> Result<FactId, NotDone> {
        let ticket = self.ticket_of(visit).ok_or(ExecuteError::NotHere)?;
        self.keep_bytes(&deed);
        let now = self.time.day.unwrap_or_else(|| self.time.now());
        let fact = self.replica.execute(ticket, now, |sight| word(sight, visit, deed, fresh(now)))?;
        self.promise(ticket, fact);
        Ok(fact)
    }

    pub fn accept(&mut self, visit: VisitId) -> FactId {
        self.must(visit, Deed::Accept)
    }

    pub fn decline(&mut self, visit: VisitId, reason: &str) -> FactId {
        self.must(visit, Deed::Decline { reason: reason.into() })
    }

    pub fn depart(&mut self, visit: VisitId) -> FactId {
        self.must(visit, Deed::Depart)
    }

    pub fn check_in(&mut self, visit: VisitId) -> FactId {
        self.must(visit, Deed::CheckIn)
    }

    pub fn start(&mut self, visit: VisitId) -> FactId {
        self.must(visit, Deed::Start)
    }

    pub fn check_out(&mut self, visit: VisitId) -> FactId {
        self.must(visit, Deed::CheckOut)
    }

    pub fn answer(&mut self, visit: VisitId, step: &str, value: &str) -> FactId {
        self.must(visit, Deed::Answer { step: step.into(), value: value.into() })
    }

    pub fn photograph(&mut self, visit: VisitId, bytes: &[u8]) -> FactId {
        self.must(visit, Deed::Photo { bytes: bytes.to_vec(), role: "after".into() })
    }

    pub fn sign(&mut self, visit: VisitId, signer: &str) -> FactId {
        self.must(visit, Deed::Sign { signer: signer.into(), strokes: format!("strokes of {signer}").into_bytes() })
    }

    pub fn note(&mut self, visit: VisitId, text: &str) -> FactId {
        self.must(visit, Deed::Note { text: text.into() })
    }

    pub fn done(&mut self, visit: VisitId, solution: &str) -> FactId {
        self.must(visit, Deed::Done { solution: solution.into() })
    }

    /// Moves the earliest start of the visit.
    pub fn move_start(&mut self, visit: VisitId, to: ServerTime) -> FactId {
        self.must(visit, Deed::Reschedule { start: Some(to), end: None })
    }

    /// Works the whole visit, from taking it on to the solution.
    pub fn work(&mut self, visit: VisitId) {
        self.accept(visit);
        self.depart(visit);
        self.check_in(visit);
        self.start(visit);
        self.done(visit, "solved");
    }

    /// Says something that no honest app would let its user say: no command is asked.
    pub fn forge(&mut self, visit: VisitId, body: FactBody) -> FactId {
        let ticket = self.ticket_of(visit).expect("the ticket is on the phone");
        let now = self.time.now();
        let forged = |sight: &Sight<'_>| {
            let (doc, user) = (sight.ticket.doc, sight.author.user);
            let grant = doc.grants().values().find(|grant| grant.visit == visit && grant.user == user);
            let Stamp { id, wall, hlc, place } = sight.stamp(fresh(now), None);
            let (grant, after, extra) = (grant.map(|grant| grant.id), doc.frontier(), Fields::new());
            Ok::<_, Refusal>(Fact { id, visit: Some(visit), grant, wall, hlc, after, place, body, extra })
        };
        let fact = self.replica.execute(ticket, now, forged).expect("the phone's store");
        self.promise(ticket, fact);
        fact
    }

    fn promise(&mut self, ticket: TicketId, fact: FactId) {
        let entry =
            self.look(ticket, |sight| saved(ticket, sight.ticket.doc.fact(fact).expect("the fact that was made")));
        self.ledger.write(&[entry]).expect("the phone's ledger");
    }

    fn must(&mut self, visit: VisitId, deed: Deed) -> FactId {
        let what = format!("{deed:?}");
        self.attempt(visit, deed).unwrap_or_else(|error| panic!("{} could not {what}: {error:?}", self.owner.email))
    }

    /// The bytes of what the deed will name are safe first.
    fn keep_bytes(&self, deed: &Deed) {
        let (Deed::Photo { bytes, .. } | Deed::Sign { strokes: bytes, .. }) = deed else { return };
        let path = self.photo_path(Sha256Hash::of(bytes));
        std::fs::create_dir_all(self.directory.join("photos")).expect("a directory for photos");
        let mut file = std::fs::File::create(path).expect("a file for the photo");
        std::io::Write::write_all(&mut file, bytes).expect("the photo");
        file.sync_all().expect("the photo on the disk");
    }

    /// Where the bytes of this digest are.
    pub fn photo_path(&self, sha256: Sha256Hash) -> std::path::PathBuf {
        self.directory.join("photos").join(sha256.to_string())
    }
}

/// The line of the ledger for a fact that was just saved.
fn saved(ticket: TicketId, fact: &Fact) -> Entry {
    let blobs = match &fact.body {
        FactBody::Blob { sha256, .. } => vec![sha256.to_string()],
        FactBody::Signature { strokes_sha256, .. } => vec![strokes_sha256.to_string()],
        _ => Vec::new(),
    };
    Entry::Saved {
        ticket: ticket.to_string(),
        fact: fact.id.to_string(),
        kind: fact.body.kind_name().to_owned(),
        content: fact.content_hash().to_string(),
        blobs,
    }
}

/// An id for a new fact.
fn fresh(now: DeviceTime) -> FactId {
    FactId::fresh(now.0, Random.bytes())
}

/// The command that says it.
fn word(sight: &Sight<'_>, visit: VisitId, deed: Deed, id: FactId) -> Result<Fact, Refusal> {
    let (ticket, author, stamp) = (&sight.ticket, &sight.author, sight.stamp(id, None));
    let sealed = |field: &str, text: &str| sight.seal(id, field, text);
    match deed {
        Deed::Accept => command::accept(ticket, author, stamp, visit),
        Deed::Decline { reason } => command::decline(ticket, author, stamp, visit, reason),
        Deed::Depart => command::depart(ticket, author, stamp, visit),
        Deed::CheckIn => command::check_in(ticket, author, stamp, visit),
        Deed::Start => command::start(ticket, author, stamp, visit),
        Deed::Pause { reason } => command::pause(ticket, author, stamp, visit, reason),
        Deed::CheckOut => command::check_out(ticket, author, stamp, visit),
        Deed::Answer { step, value } => command::answer(ticket, author, stamp, visit, step, sealed("value", &value)),
        Deed::Photo { bytes, role } => {
            let (sha256, size) = (Sha256Hash::of(&bytes), i64::try_from(bytes.len()).unwrap_or(i64::MAX));
            let attachment = Attachment { sha256, size, mime: "image/jpeg".into(), role, step: None };
            command::attach(ticket, author, stamp, Some(visit), attachment)
        }
        Deed::Sign { signer, strokes } => {
            let shown: Vec<FactId> =
                ticket.doc.facts().filter(|fact| fact.visit == Some(visit)).map(|fact| fact.id).collect();
            let page: Vec<u8> = shown.iter().flat_map(|fact| *fact.as_bytes()).collect();
            let signing = Signing {
                shown_sha256: Sha256Hash::of(&page),
                shown,
                strokes_sha256: Sha256Hash::of(&strokes),
                signer: sealed("signer", &signer),
            };
            command::sign(ticket, author, stamp, visit, signing)
        }
        Deed::UsePart { part, quantity } => {
            let quantity = Quantity::new(quantity).ok_or(Refusal::NoChange)?;
            command::use_part(ticket, author, stamp, visit, (part, quantity), None)
        }
        Deed::Note { text } => command::note(ticket, author, stamp, Some(visit), sealed("text", &text), None),
        Deed::Done { solution } => {
            let solution = Some(sealed("solution", &solution));
            command::complete(ticket, author, stamp, visit, "solved".into(), solution)
        }
        Deed::Reschedule { start, end } => command::reschedule(ticket, author, stamp, visit, (start, end)),
    }
}

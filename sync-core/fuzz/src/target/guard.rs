//! A change from a stranger, all the way: guard, trial, save, load. Whatever it is, the guard answers; what passes adds
//! one fact to the ticket and changes nothing else, for whoever it meets, and the ticket still saves and opens.

use sync_core::document::{Fact, TicketDoc};
use sync_core::guard::{MAX_OPS, check_against, check_chunk, prescan};
use sync_core::workflow::Workflow;

use crate::mutant::chunk;
use crate::ticket::{Ground, KEY, TICKET, grounds, phone};

/// What the guard said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// With this code.
    Refused(&'static str),
    Passed,
}

/// One byte for the ticket, then the body of a change chunk.
pub fn guard(bytes: &[u8]) {
    let Some((selector, body)) = bytes.split_first() else { return };
    let grounds = grounds();
    answer_to(&grounds[usize::from(*selector) % grounds.len()], &chunk(body));
}

/// The guard's answer to a change chunk; what passed has been seen to do no harm.
pub fn answer_to(ground: &Ground, raw: &[u8]) -> Answer {
    let scanned = match prescan(raw) {
        Ok(scanned) => scanned,
        Err(why) => {
            assert!(check_chunk(raw).is_err());
            return Answer::Refused(why.code());
        }
    };
    let parsed = match check_chunk(raw) {
        Ok(parsed) => parsed,
        Err(why) => return Answer::Refused(why.code()),
    };
    assert!(scanned.ops <= MAX_OPS);
    assert_eq!((parsed.hash(), parsed.seq()), (scanned.hash, scanned.seq));
    assert_eq!(parsed.actor().map(|actor| actor.0), Some(scanned.actor));
    assert!(parsed.deps().iter().copied().eq(scanned.deps()));
    let before = &ground.servers;
    let checked = match check_against(before, parsed, phone()) {
        Ok(checked) => checked,
        Err(why) => return Answer::Refused(why.code()),
    };
    let (fact, hash) = (checked.fact().clone(), checked.hash());
    let mut doc = before.clone();
    doc.apply_checked(checked).expect("what passed the guard applies");
    assert!(doc.has_change(&hash));
    assert_adds_only(before, &doc, &fact);
    assert_opens(&doc);
    Answer::Passed
}

fn assert_adds_only(before: &TicketDoc, after: &TicketDoc, fact: &Fact) {
    assert_eq!(after.fact(fact.id), Some(fact));
    assert_eq!(before.fact(fact.id), None);
    assert!(after.facts().filter(|other| other.id != fact.id).eq(before.facts()), "the other facts stand as they did");
    assert_eq!(after.core(), before.core());
    assert_eq!(after.grants(), before.grants());
    assert_eq!(after.admissions(), before.admissions());
}

/// It saves and opens, from a snapshot, from its changes, and after a journey; everybody reads the same.
fn assert_opens(doc: &TicketDoc) {
    let workflow = Workflow::field_service();
    let reopened = TicketDoc::load_own(&doc.save()).expect("it opens");
    let rebuilt = TicketDoc::from_changes(doc.changes_since(&[])).expect("it can be rebuilt");
    let arrived = TicketDoc::arrived(&doc.to_travel(&KEY), TICKET, &KEY).expect("it arrives");
    for other in [reopened, rebuilt, arrived] {
        assert_eq!(other.heads(), doc.heads());
        assert!(other.facts().eq(doc.facts()));
        assert_eq!(other.state(&workflow), doc.state(&workflow));
    }
}

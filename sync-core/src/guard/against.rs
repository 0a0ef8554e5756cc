//! The third look at a change: on the document it is for.

use automerge::ReadDoc;

use crate::document::{Actor, CheckedChange, TicketDoc};
use crate::guard::{ParsedChange, Refusal};

/// Checks a change against the document it is to be applied to, which must hold nothing but admitted changes.
///
/// `actor` is the one that the signer of the batch must have used. What passes applies without a loss to anybody: it
/// only adds one map under a key that nobody has used.
pub fn check_against(doc: &TicketDoc, parsed: ParsedChange, actor: Actor) -> Result<CheckedChange, Refusal> {
    let ParsedChange { change, fact, room } = parsed;
    let automerge = doc.automerge();
    if *change.actor_id() != actor.id() {
        return Err(Refusal::OtherActor);
    }
    if automerge.get_change_meta_by_hash(&change.hash()).is_some() {
        return Err(Refusal::AlreadyThere);
    }

    let his = automerge.get_changes_meta(&[]).into_iter().filter(|earlier| *earlier.actor == *change.actor_id());
    let (last_seq, last_op) = his.map(|earlier| (earlier.seq, earlier.max_op)).max().unwrap_or_default();
    match last_seq + 1 {
        expected if change.seq() > expected => return Err(Refusal::SeqGap { expected, found: change.seq() }),
        expected if change.seq() < expected => return Err(Refusal::SeqReused { found: change.seq() }),
        _ => {}
    }

    // Every document has a first change, which is the server's: a change without deps is not of this document.
    let mut base_op = 0;
    for dep in change.deps() {
        base_op = base_op.max(automerge.get_change_meta_by_hash(dep).ok_or(Refusal::UnknownDeps)?.max_op);
    }
    let expected = base_op + 1;
    if base_op == 0 || last_op >= expected {
        return Err(Refusal::UnknownDeps);
    }
    if change.start_op().get() != expected {
        return Err(Refusal::WrongStartOp { expected, found: change.start_op().get() });
    }

    let facts = doc.fact_room();
    match facts {
        automerge::ObjId::Id(counter, maker, _) if *counter == room.counter() && maker == room.actor() => {}
        _ => return Err(Refusal::OutsideFacts),
    }
    let key = crate::document::key::of(&fact.id.0);
    if !automerge.get_all(facts, key).is_ok_and(|there| there.is_empty()) {
        return Err(Refusal::KeyTaken);
    }
    let deps: Vec<_> = change.deps().iter().map(|hash| crate::ids::Sha256Hash(hash.0)).collect();
    if !fact.after.iter().all(|id| doc.fact_exists_at(*id, &deps)) {
        return Err(Refusal::UnknownAfter);
    }
    Ok(CheckedChange::new(change, fact))
}

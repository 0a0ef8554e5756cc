//! The records of facts and of workflows, and replay: what a phone's own store and a `review` intent bring back.

use std::collections::BTreeMap;

use sync_core::command::{Author, TicketView, redo};
use sync_core::document::Fact;
use sync_core::guard::{MAX_CHANGE_BYTES, check_against, check_chunk};
use sync_core::policy::{Origin, Role};
use sync_core::time::ServerTime;
use sync_core::workflow::Workflow;

use crate::ticket::{FIRST, NOON, USER, grounds, phone};

/// One byte for the ticket, then the record.
pub fn fact(bytes: &[u8]) {
    let Some((selector, record)) = bytes.split_first() else { return };
    if let Ok(workflow) = Workflow::from_bytes(record) {
        assert_eq!(Workflow::from_bytes(&workflow.to_bytes()).as_ref(), Ok(&workflow));
    }
    let Ok(fact) = Fact::from_bytes(record) else { return };
    let again = Fact::from_bytes(&fact.to_bytes()).expect("what was read can be read again");
    assert_eq!((again.to_bytes(), again.content_hash()), (fact.to_bytes(), fact.content_hash()));
    assert_eq!(again, fact);

    let grounds = grounds();
    let ground = &grounds[usize::from(*selector) % grounds.len()];
    let workflow = Workflow::field_service();
    let view = TicketView::new(&ground.phones, &workflow, ServerTime(NOON));
    let author = Author { user: USER, role: Role::Engineer, origin: Origin::Phone };
    // Everything it followed was refused and had followed the first fact, or itself, which no honest history says.
    let refused: BTreeMap<_, _> =
        fact.after.iter().enumerate().map(|(n, id)| (*id, vec![if n % 3 == 2 { *id } else { FIRST }])).collect();
    for refused in [BTreeMap::new(), refused] {
        let Ok(redone) = redo(fact.clone(), &refused, &view, &author) else { continue };
        assert_eq!((redone.id, redone.content_hash()), (fact.id, fact.content_hash()));
        let mut doc = ground.phones.clone();
        let change = doc.append_fact(phone(), &redone).expect("what may be said can be written");
        if change.bytes.len() > MAX_CHANGE_BYTES {
            continue;
        }
        // What a phone may say by its own rules, the server's guard lets through.
        let parsed = check_chunk(&change.bytes).expect("an honest change");
        check_against(&ground.servers, parsed, phone()).expect("on an honest ground");
    }
}

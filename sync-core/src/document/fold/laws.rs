//! The laws of the fold, on random histories: replicas that say random things and meet at random.

use std::collections::BTreeSet;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::document::field::Field;
use crate::document::{Actor, Effect, Fields, Quantity, RawChange, Scalar, TicketDoc};
use crate::ids::{PartId, UserId};
use crate::testing::{NOON, TICKET, VISIT, core, sealed, server_actor, stamp};
use crate::time::ServerTime;

const SECOND_VISIT: VisitId = VisitId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0003));
const REPLICAS: usize = 4;

/// One step of a history.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// A replica exchanges all it knows with the server, which is replica 0.
    Meet(usize),
    /// A replica says something: which of the bodies, and about which visit.
    Say(usize, usize, bool),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        1 => (1..REPLICAS).prop_map(Event::Meet),
        3 => (0..REPLICAS, 0..BODIES, any::<bool>()).prop_map(|(who, what, which)| Event::Say(who, what, which)),
    ]
}

const BODIES: usize = 22;

/// Anything at all, sensible or not: the fold must cope with what no command would say.
fn body(which: usize, grant: GrantId, known: &[FactId]) -> FactBody {
    let reason = || "reason".to_owned();
    match which {
        0 => FactBody::Assign { grant, user: UserId(grant.0), start: None, end: None },
        1 => FactBody::Unassign { grant },
        2 => FactBody::Accept {},
        3 => FactBody::Decline { reason: reason() },
        4 => FactBody::Depart {},
        5 | 6 => FactBody::CheckIn {},
        7 => FactBody::CheckOut {},
        8 | 9 => FactBody::Start {},
        10 => FactBody::Pause { reason: reason() },
        11 => FactBody::Done { outcome: "solved".into(), solution: None },
        12 => FactBody::Verify {},
        13 => FactBody::Close {},
        14 => FactBody::Cancel { reason: reason() },
        15 => FactBody::Reopen { reason: reason() },
        16 => FactBody::Note { text: sealed("note"), corrects: known.last().copied() },
        17 => FactBody::Answer { step: "a".into(), value: sealed("yes"), corrects: None },
        18 => FactBody::DeskEdit { path: "title".into(), old: None, new: Some(Scalar::Int(1)) },
        19 => FactBody::PartUsed { part: PartId(grant.0), quantity: Quantity::new(1).unwrap(), serial: None },
        20 => FactBody::Unknown { kind: "new".into(), fields: Fields::new() },
        _ => {
            let mut fields = Fields::from([("covers".to_owned(), Scalar::Bytes(Vec::new()))]);
            crate::ids::Sha256Hash([1; 32]).put("shown_sha256", &mut fields);
            crate::ids::Sha256Hash([2; 32]).put("strokes_sha256", &mut fields);
            sealed("name").put("signer", &mut fields);
            FactBody::take("signature", &mut fields).unwrap()
        }
    }
}

/// Verifying and closing are always about the whole ticket.
fn ends_ticket(body: &FactBody) -> bool {
    matches!(body, FactBody::Verify {} | FactBody::Close {})
}

/// The facts of a history, in the order in which they were said.
fn facts(history: &[Event]) -> Vec<Fact> {
    let mut said: Vec<Fact> = Vec::new();
    let mut known: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); REPLICAS];
    for event in history {
        match *event {
            Event::Meet(who) => {
                let both: BTreeSet<usize> = known[0].union(&known[who]).copied().collect();
                known[0].clone_from(&both);
                known[who] = both;
            }
            Event::Say(who, what, is_second) => {
                let seen: Vec<&Fact> = known[who].iter().map(|place| &said[*place]).collect();
                let followed: BTreeSet<FactId> = seen.iter().flat_map(|fact| fact.after.iter().copied()).collect();
                let mut after: Vec<FactId> =
                    seen.iter().map(|fact| fact.id).filter(|id| !followed.contains(id)).collect();
                after.sort_unstable();
                let grant = GrantId(Uuid::from_u128(1 + (said.len() as u128 + who as u128) % 3));
                let ids: Vec<FactId> = seen.iter().map(|fact| fact.id).collect();
                let body = body(what, grant, &ids);
                let visit = if is_second { SECOND_VISIT } else { VISIT };
                let for_ticket = !body.kind().needs_visit() && (ends_ticket(&body) || !said.len().is_multiple_of(3));
                // Ids do not tell in which order things were said.
                let number = (said.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let stamp = stamp(NOON + said.len() as i64, number);
                said.push(Fact {
                    id: FactId(Uuid::from_u128(u128::from(number) << 32)),
                    visit: (!for_ticket).then_some(visit),
                    grant: (!body.kind().is_desk() && who > 0).then_some(grant),
                    wall: stamp.wall,
                    hlc: stamp.hlc,
                    after,
                    place: None,
                    body,
                    extra: Fields::new(),
                });
                known[who].insert(said.len() - 1);
            }
        }
    }
    said
}

/// A fact whose author has seen everything.
fn in_sight_of_all(facts: &[Fact], body: FactBody, visit: Option<VisitId>) -> Fact {
    let followed: BTreeSet<FactId> = facts.iter().flat_map(|fact| fact.after.iter().copied()).collect();
    let mut after: Vec<FactId> = facts.iter().map(|fact| fact.id).filter(|id| !followed.contains(id)).collect();
    after.sort_unstable();
    let stamp = stamp(NOON, 0xffff_0000 + facts.len() as u64);
    Fact {
        id: stamp.id,
        visit,
        grant: None,
        wall: stamp.wall,
        hlc: stamp.hlc,
        after,
        place: None,
        body,
        extra: Fields::new(),
    }
}

fn state_of(facts: &[&Fact], admissions: &BTreeMap<FactId, Admission>) -> TicketState {
    let mut facts = facts.to_vec();
    facts.sort_unstable_by_key(|fact| fact.id);
    let (core, workflow) = (core(), Workflow::field_service());
    fold(&Input { facts: &facts, core: &core, grants: &BTreeMap::new(), admissions, workflow: &workflow })
}

/// The same without what depends on the server's answers.
fn judged(mut state: TicketState) -> TicketState {
    state.pending = 0;
    for list in [
        &mut state.entries.notes,
        &mut state.entries.parts_used,
        &mut state.entries.part_requests,
        &mut state.entries.evidence,
        &mut state.entries.unknown,
    ] {
        list.sort_unstable();
    }
    state.entries.answers.values_mut().for_each(|answers| answers.sort_unstable());
    state
}

fn admission(n: i64, verdict: Verdict) -> Admission {
    let effect = Effect { status: Status::Created, flags: BTreeSet::new(), window: None };
    Admission { n, verdict, effect, received: ServerTime(NOON) }
}

/// Each replica's documents, and all changes they made.
fn changes(facts: &[Fact]) -> Vec<RawChange> {
    let (first, made) = TicketDoc::create(server_actor(), crate::ids::TenantId(Uuid::nil()), TICKET, &core()).unwrap();
    let mut changes = vec![made];
    let mut docs: Vec<TicketDoc> = vec![first; REPLICAS];
    for (i, fact) in facts.iter().enumerate() {
        // A fact is written on a document that has what it follows.
        let who = i % REPLICAS;
        let missing = fact.after.iter().any(|id| docs[who].fact(*id).is_none());
        if missing {
            docs[who].apply_admitted(changes.clone()).unwrap();
        }
        changes.push(docs[who].append_fact(Actor([who as u8; 16]), fact).unwrap());
    }
    changes
}

proptest! {
    #[test]
    fn arrival_batches_and_duplicates_do_not_matter(
        history in prop::collection::vec(event(), 1..40),
        order in any::<prop::sample::Index>(),
        seed in any::<u64>(),
    ) {
        let facts = facts(&history);
        let changes = changes(&facts);
        let workflow = Workflow::field_service();
        let at_once = TicketDoc::from_changes(changes.clone()).unwrap();
        let mut waiting = changes.clone();
        waiting.rotate_left(order.index(changes.len()));
        let mut doc = TicketDoc::from_changes([changes[0].clone()]).unwrap();
        let mut random = seed | 1;
        while !waiting.is_empty() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let from = (random >> 33) as usize % waiting.len();
            let batch: Vec<RawChange> = waiting[from..].iter().take(1 + (random >> 60) as usize).cloned().collect();
            match doc.apply_admitted(batch.clone()) {
                Ok(()) => waiting.retain(|change| !batch.contains(change)),
                Err(crate::document::DocumentError::MissingPast(_)) => {}
                Err(other) => panic!("{other}"),
            }
        }
        doc.apply_admitted(changes).unwrap();
        prop_assert_eq!(doc.heads(), at_once.heads());
        prop_assert_eq!(doc.facts().collect::<Vec<_>>(), at_once.facts().collect::<Vec<_>>());
        prop_assert_eq!(doc.facts().count(), facts.len(), "every fact said is there");
        prop_assert_eq!(doc.state(&workflow), at_once.state(&workflow));
        prop_assert_eq!(&doc.state(&workflow), &doc.state_with(&workflow, &facts), "hearing it again changes nothing");
        prop_assert_eq!(&doc.state(&workflow), &doc.state_at(&workflow, &doc.frontier()));
        prop_assert_eq!(TicketDoc::load_own(&doc.save()).unwrap().state(&workflow), doc.state(&workflow));
    }

    #[test]
    fn the_order_of_admission_does_not_matter(
        history in prop::collection::vec(event(), 1..60),
        admitted in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let mut facts = facts(&history);
        facts.retain(|fact| !matches!(fact.body, FactBody::Unknown { .. }));
        let all: Vec<&Fact> = facts.iter().collect();
        let speculation = state_of(&all, &BTreeMap::new());
        let mut admissions = BTreeMap::new();
        for (n, index) in admitted.iter().enumerate().filter(|_| !facts.is_empty()) {
            let id = facts[index.index(facts.len())].id;
            admissions.entry(id).or_insert(admission(n as i64, Verdict::Allowed));
        }
        prop_assert_eq!(judged(state_of(&all, &admissions)), judged(speculation));
    }

    #[test]
    fn an_end_is_left_only_by_a_reopening_that_comes_after_it(
        history in prop::collection::vec(event(), 1..60),
        more in prop::collection::vec((0..BODIES, any::<bool>()), 1..6),
    ) {
        let mut facts = facts(&history);
        let mut status = state_of(&facts.iter().collect::<Vec<_>>(), &BTreeMap::new()).status;
        if !status.is_terminal() {
            status = Status::Closed;
            facts.push(in_sight_of_all(&facts, FactBody::Close {}, None));
        }
        for (what, is_second) in more {
            let body = body(what, GrantId(Uuid::from_u128(1)), &[]);
            let visit = (!ends_ticket(&body)).then_some(if is_second { SECOND_VISIT } else { VISIT });
            if !matches!(body, FactBody::Reopen { .. }) {
                facts.push(in_sight_of_all(&facts, body, visit));
            }
            prop_assert_eq!(state_of(&facts.iter().collect::<Vec<_>>(), &BTreeMap::new()).status, status);
        }
        facts.push(in_sight_of_all(&facts, FactBody::Reopen { reason: "again".into() }, None));
        for visit in [VISIT, SECOND_VISIT] {
            facts.push(in_sight_of_all(&facts, FactBody::Reopen { reason: "again".into() }, Some(visit)));
        }
        let reopened = state_of(&facts.iter().collect::<Vec<_>>(), &BTreeMap::new()).status;
        prop_assert!(!reopened.is_terminal(), "{}", reopened);
    }

    #[test]
    fn inert_facts_and_lies_about_the_past_change_nothing_and_hang_nothing(
        history in prop::collection::vec(event(), 1..40),
        lies in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..20),
    ) {
        let mut facts = facts(&history);
        let is_empty = facts.is_empty();
        // Dangling references are passed over.
        let honest = state_of(&facts.iter().collect::<Vec<_>>(), &BTreeMap::new());
        for fact in &mut facts {
            fact.after.push(FactId(Uuid::max()));
        }
        prop_assert_eq!(&state_of(&facts.iter().collect::<Vec<_>>(), &BTreeMap::new()), &honest);
        // Circles end, and end alike for everybody.
        for (from, to) in lies.into_iter().filter(|_| !is_empty) {
            let to = facts[to.index(facts.len())].id;
            let from = from.index(facts.len());
            facts[from].after.push(to);
        }
        let all: Vec<&Fact> = facts.iter().collect();
        prop_assert_eq!(state_of(&all, &BTreeMap::new()), state_of(&all, &BTreeMap::new()));
        // What is inert moves nothing.
        let inert = facts.iter().enumerate().map(|(n, fact)| (fact.id, admission(n as i64, Verdict::Inert))).collect();
        let nothing = state_of(&all, &inert);
        prop_assert_eq!((nothing.status, nothing.labour.len(), nothing.reviews.len()), (Status::Created, 0, 0));
    }
}

proptest! {
    /// More facts never make fewer entries: what was said stays, but for what a later word replaces.
    #[test]
    fn facts_are_monotone(history in prop::collection::vec(event(), 1..60), cut in any::<prop::sample::Index>()) {
        let facts = facts(&history);
        let all: Vec<&Fact> = facts.iter().collect();
        let earlier = state_of(&all[..cut.index(all.len() + 1)], &BTreeMap::new());
        let later = state_of(&all, &BTreeMap::new());
        let mut by_id = all.clone();
        by_id.sort_unstable_by_key(|fact| fact.id);
        let corrected: BTreeSet<FactId> = all.iter().filter_map(|fact| entries::corrects(fact)).collect();
        let (before, after) = (&earlier.entries, &later.entries);
        for (before, after) in [
            (&before.parts_used, &after.parts_used),
            (&before.part_requests, &after.part_requests),
            (&before.evidence, &after.evidence),
            (&before.unknown, &after.unknown),
        ] {
            prop_assert!(before.iter().all(|fact| after.contains(fact)));
        }
        prop_assert!(before.notes.iter().all(|note| after.notes.contains(note) || corrected.contains(note)));
        for (step, answers) in &before.answers {
            // A later answer to the same step shows in the place of an earlier one that its author had seen.
            let saw = |later: &FactId, answer: &FactId| order::seen(&by_id, &[*later]).iter().any(|one| one.id == *answer);
            let shown = after.answers.get(step).map_or(&[][..], |shown| shown);
            let is_followed = |answer: &FactId| shown.iter().any(|later| saw(later, answer));
            prop_assert!(answers.iter().all(|answer| is_followed(answer) || corrected.contains(answer)));
        }
        let logs = |state: &TicketState| state.labour.iter().map(|log| log.fact).collect::<BTreeSet<_>>();
        prop_assert!(logs(&earlier).is_subset(&logs(&later)));
        let signed = |state: &TicketState| state.signatures.iter().map(|one| one.fact).collect::<BTreeSet<_>>();
        prop_assert!(signed(&earlier).is_subset(&signed(&later)));
        prop_assert!(earlier.visits.keys().all(|visit| later.visits.contains_key(visit)));
    }
}

/// Every pair of moves there is, made apart from one another, either of them first by its id.
#[test]
fn the_fold_does_what_the_table_says() {
    let grant = GrantId(Uuid::from_u128(1));
    let which = |verb: Move| match verb {
        Move::Assign => 0,
        Move::Unassign => 1,
        Move::Accept => 2,
        Move::Decline => 3,
        Move::Depart => 4,
        Move::CheckIn => 5,
        Move::CheckOut => 7,
        Move::Start => 8,
        Move::Pause => 10,
        Move::Done => 11,
        Move::Verify => 12,
        Move::Close => 13,
        Move::Cancel => 14,
        Move::Reopen => 15,
    };
    let fact = |number: u64, after: &[u64], verb: Move| {
        let id = |number: u64| FactId(Uuid::from_u128(u128::from(number)));
        let body = body(which(verb), grant, &[]);
        let is_ticket = matches!(verb, Move::Verify | Move::Close | Move::Cancel);
        Fact {
            id: id(number),
            visit: (!is_ticket).then_some(VISIT),
            grant: (!body.kind().is_desk()).then_some(grant),
            wall: crate::time::DeviceTime(number as i64),
            hlc: crate::time::Hlc::default(),
            after: after.iter().map(|number| id(*number)).collect(),
            place: None,
            body,
            extra: Fields::new(),
        }
    };
    let mut wrong = Vec::new();
    for a in Move::ALL.iter().copied() {
        for b in Move::ALL.iter().copied() {
            // What a move needs before it, so that it has an effect at all.
            let mut facts = vec![fact(1, &[], Move::Assign)];
            let needed = if [a, b].contains(&Move::Reopen) {
                Some(Move::Done)
            } else {
                [a, b].contains(&Move::CheckOut).then_some(Move::CheckIn)
            };
            facts.extend(needed.map(|verb| fact(2, &[1], verb)));
            let base = facts.len() as u64;
            facts.push(fact(3, &[base], a));
            facts.push(fact(4, &[base], b));
            let outcome = concurrent(Act::Moved(a), Act::Moved(b));
            let state = state_of(&facts.iter().collect::<Vec<_>>(), &BTreeMap::new());
            let flags: Vec<Flag> = state.reviews.keys().copied().collect();
            if (Some(state.status), &flags[..]) != (outcome.stands.map(Move::leads_to), outcome.flag.as_slice()) {
                wrong.push(format!("{a} ‖ {b}: {} {flags:?}, by the table {outcome:?}", state.status));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

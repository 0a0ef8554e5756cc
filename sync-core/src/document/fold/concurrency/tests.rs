use std::fmt::Write;

use super::*;
use crate::command;
use crate::document::core;
use crate::testing::{Scene, VISIT};

/// `docs/concurrency.md`: each pair once, pairs with one answer on one line.
fn printed() -> String {
    let mut acts = Act::all();
    acts.sort_by_key(|act| match act {
        Act::Moved(verb) => (0, std::cmp::Reverse(strength(*verb))),
        _ => (1, std::cmp::Reverse(0)),
    });
    let mut text = INTRODUCTION.to_owned();
    for (i, one) in acts.iter().enumerate() {
        let mut answers: Vec<(Outcome, Vec<&str>)> = Vec::new();
        for other in &acts[i..] {
            let outcome = concurrent(*one, *other);
            match answers.iter_mut().find(|(known, _)| *known == outcome) {
                Some((_, others)) => others.push(name(*other)),
                None => answers.push((outcome, vec![name(*other)])),
            }
        }
        for (Outcome { stands, flag }, others) in answers {
            if (stands, flag) == (None, None) {
                continue;
            }
            let stands = stands.map_or("both", Move::as_str);
            let flag = flag.map_or("", Flag::as_str);
            writeln!(text, "| {} | {} | {stands} | {flag} |", name(*one), others.join(", ")).unwrap();
        }
    }
    text
}

const INTRODUCTION: &str = "\
# What stands when two people act and neither had seen the other

Printed from `src/document/fold/concurrency.rs` by its tests; change it there.

Facts beat plans: work on the site beats what the desk planned meanwhile, and whoever is only on the way turns back.
Of two moves one decides the status. Pairs that are not listed, such as a note and a check-in, simply stay beside each
other. Whatever does not stand is kept. The last column says why a dispatcher is asked to look.

A move that was made in sight of the other is no conflict and not in this table: the later one decides.

| one | the other | stands | review |
|---|---|---|---|
";

fn name(act: Act) -> &'static str {
    match act {
        Act::Moved(verb) => verb.as_str(),
        Act::Entered => "note, answer, evidence, part, time",
        Act::Signed => "signature",
        Act::Edited => "desk edit",
        Act::Planned => "time window",
        Act::Unknown => "unknown kind",
    }
}

#[test]
fn the_document_shows_the_table() {
    crate::testing::golden("docs/concurrency.md", printed().as_bytes());
}

#[test]
fn every_pair_has_one_answer_whichever_comes_first() {
    for a in Act::all() {
        for b in Act::all() {
            assert_eq!(concurrent(a, b), concurrent(b, a), "{a:?} ‖ {b:?}");
        }
    }
}

#[test]
fn strength_is_a_total_order() {
    let mut strengths: Vec<u8> = Move::ALL.iter().map(|verb| strength(*verb)).collect();
    strengths.sort_unstable();
    strengths.dedup();
    assert_eq!(strengths.len(), Move::ALL.len(), "no two moves are equally strong, so joining is associative");
}

#[test]
fn when_the_desk_moves_a_visit_that_is_a_plan_and_its_other_edits_are_none() {
    let cancel = |ticket: &command::TicketView<'_>, author: &command::Author, stamp| {
        command::cancel(ticket, author, stamp, None, "any".into())
    };
    let fact = Scene::new().try_desk(cancel).unwrap();
    let act = |path: &str| {
        let body = FactBody::DeskEdit { path: path.into(), old: None, new: None };
        Act::of(&Fact { body, ..fact.clone() })
    };
    assert_eq!((act(&core::path::visit_start(VISIT)), act("title")), (Act::Planned, Act::Edited));
}

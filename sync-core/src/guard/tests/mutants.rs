//! Noise on the bytes of honest changes.

use proptest::prelude::*;

use super::{a_ticket, bodies, change_of, desk_edits, push};
use crate::document::FactBody;
use crate::guard::prescan::tests::reframe;

/// One edit of the bytes of a change.
#[derive(Debug, Clone)]
enum Edit {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Copy(prop::sample::Index, prop::sample::Index, u8),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let at = any::<prop::sample::Index>;
    let interesting = prop_oneof![any::<u8>(), Just(0), Just(1), Just(0x7f), Just(0x80), Just(0xff)];
    let edit = prop_oneof![
        6 => (at(), interesting.clone()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        1 => (at(), interesting).prop_map(|(at, byte)| Edit::Insert(at, byte)),
        1 => at().prop_map(Edit::Remove),
        1 => (at(), at(), 1..20_u8).prop_map(|(from, to, length)| Edit::Copy(from, to, length)),
    ];
    proptest::collection::vec(edit, 1..4)
}

fn mutate(body: &mut Vec<u8>, edits: &[Edit]) {
    for edit in edits {
        match edit {
            Edit::Set(at, byte) => {
                let at = at.index(body.len());
                body[at] = *byte;
            }
            Edit::Insert(at, byte) => body.insert(at.index(body.len()), *byte),
            Edit::Remove(at) if body.len() > 1 => {
                body.remove(at.index(body.len()));
            }
            Edit::Remove(_) => {}
            Edit::Copy(from, to, length) => {
                let from = from.index(body.len());
                let piece = body[from..body.len().min(from + usize::from(*length))].to_vec();
                let to = to.index(body.len());
                body.splice(to..to, piece);
            }
        }
    }
}

/// Whatever becomes of the bytes, the guard answers; what it lets through does no harm. Returns how many passed.
fn mutants_of(body: FactBody, rounds: u32) -> u32 {
    let doc = a_ticket();
    let raw = change_of(&doc, body);
    let mut concurrent = doc.clone();
    desk_edits(&mut concurrent);
    let body = &raw[9 + (if raw.len() > 137 { 2 } else { 1 })..];
    assert_eq!(reframe(body), raw);
    let passed = std::cell::Cell::new(0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(rounds));
    let result = runner.run(&edits(), |edits| {
        let mut body = body.to_vec();
        mutate(&mut body, &edits);
        if push(&mut concurrent.clone(), &reframe(&body)).is_ok() {
            passed.set(passed.get() + 1);
        }
        Ok(())
    });
    result.unwrap();
    passed.get()
}

#[test]
fn mutants_of_a_short_change_do_no_harm() {
    let passed = mutants_of(FactBody::CheckIn {}, 8_000);
    assert!(passed > 300, "{passed} passed: too few to mean anything");
}

#[test]
fn mutants_of_a_long_change_do_no_harm() {
    let passed: u32 = bodies().into_iter().skip(1).map(|body| mutants_of(body, 3_000)).sum();
    assert!(passed > 500, "{passed} passed: too few to mean anything");
}

//! Changes that are wrong: the bytes of a body altered, or a change taken apart, altered and put together again. Both
//! get the right length and checksum, so that nothing is refused for those alone.

use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::legacy::{Key, ObjectId, Op, OpId, OpType};
use automerge::{ActorId, Change, ChangeHash, ExpandedChange, ObjType, ScalarValue};
use sync_core::ids::Sha256Hash;
use sync_sim::chance::Chance;

/// The chunk around a body, with the right length and checksum.
pub fn chunk(body: &[u8]) -> Vec<u8> {
    let mut hashed = vec![1];
    let mut length = body.len();
    while length >= 0x80 {
        hashed.push(length as u8 | 0x80);
        length >>= 7;
    }
    hashed.push(length as u8);
    hashed.extend_from_slice(body);
    [&[0x85, 0x6f, 0x4a, 0x83], &Sha256Hash::of(&hashed).0[..4], &hashed].concat()
}

/// What stands in a chunk after its head.
pub fn body(chunk: &[u8]) -> &[u8] {
    let length = chunk[9..].iter().position(|byte| byte & 0x80 == 0).map_or(0, |last| last + 1);
    &chunk[9 + length..]
}

/// Alters a few bytes.
pub fn noise(body: &mut Vec<u8>, chance: &mut Chance) {
    for _ in 0..1 + chance.below(3) {
        let at = chance.below(body.len());
        let byte = match chance.below(3) {
            0 => chance.number() as u8,
            1 => [0, 1, 0x3f, 0x40, 0x7e, 0x7f, 0x80, 0xff][chance.below(8)],
            _ => body.get(at).map_or(0, |byte| byte ^ (1 << chance.below(8))),
        };
        match chance.below(8) {
            0 => body.insert(at, byte),
            1 if body.len() > 1 => {
                body.remove(at);
            }
            2 => {
                let piece = body[at..body.len().min(at + 1 + chance.below(20))].to_vec();
                let to = chance.below(body.len());
                body.splice(to..to, piece);
            }
            3 => body.truncate(at + 1),
            _ => {
                if let Some(there) = body.get_mut(at) {
                    *there = byte;
                }
            }
        }
    }
}

/// Takes the change with this body apart, alters it and puts it together; nothing if that cannot be done.
pub fn forge(body: &[u8], chance: &mut Chance) -> Option<Vec<u8>> {
    let work = || {
        let mut change = Change::from_bytes(chunk(body)).ok()?.decode();
        for _ in 0..1 + chance.below(2) {
            alter(&mut change, chance);
        }
        Some(self::body(Change::from(change).raw_bytes()).to_vec())
    };
    catch_unwind(AssertUnwindSafe(work)).ok().flatten()
}

fn alter(change: &mut ExpandedChange, chance: &mut Chance) {
    match chance.below(12) {
        0 => change.seq = chance.edge(),
        1 => change.start_op = NonZeroU64::new(chance.edge()).unwrap_or(NonZeroU64::MIN),
        2 => shift(change, 1 + chance.edge() % 5_000_000_000),
        3 => change.actor_id = an_actor(change, chance),
        4 => match chance.below(3) {
            0 => change.time = chance.edge() as i64,
            1 => change.message = Some("hello".into()),
            _ => change.extra_bytes = vec![chance.number() as u8; 1 + chance.below(3)],
        },
        5 => match chance.below(3) {
            0 => change.deps.clear(),
            1 => change.deps.push(ChangeHash(Sha256Hash::of(&chance.number().to_be_bytes()).0)),
            _ => change.deps.extend(change.deps.clone()),
        },
        6 => {
            let at = chance.below(change.operations.len());
            if at < change.operations.len() {
                change.operations.remove(at);
            }
        }
        7 => {
            if let Some(op) = chance.pick(&change.operations).cloned() {
                let at = chance.below(change.operations.len() + 1);
                change.operations.insert(at, op);
            }
        }
        8 => {
            let (one, other) = (chance.below(change.operations.len()), chance.below(change.operations.len()));
            if one < change.operations.len() {
                change.operations.swap(one, other);
            }
        }
        _ => {
            let ids = own_ids(change);
            let names: Vec<Key> = change.operations.iter().map(|op| op.key.clone()).collect();
            let at = chance.below(change.operations.len());
            if let Some(op) = change.operations.get_mut(at) {
                alter_op(op, &ids, &names, chance);
            }
        }
    }
}

fn alter_op(op: &mut Op, ids: &[OpId], names: &[Key], chance: &mut Chance) {
    let some_id = |chance: &mut Chance| chance.pick(ids).cloned();
    match chance.below(6) {
        0 => {
            op.obj = match chance.below(4) {
                0 => ObjectId::Root,
                _ => some_id(chance).map_or(ObjectId::Root, ObjectId::Id),
            };
        }
        1 => {
            op.key = match chance.below(4) {
                0 => Key::head(),
                1 => Key::Map(NAMES[chance.below(NAMES.len())].into()),
                _ => chance.pick(names).cloned().unwrap_or_else(Key::head),
            };
        }
        2 => op.insert = !op.insert,
        3 => op.pred = some_id(chance).into_iter().collect::<Vec<_>>().into(),
        4 => op.action = an_action(chance),
        _ => {
            if let OpType::Put(value) = &mut op.action {
                alter_value(value, chance);
            }
        }
    }
}

fn an_action(chance: &mut Chance) -> OpType {
    match chance.below(12) {
        0 => OpType::Delete,
        1 => OpType::Increment(chance.edge() as i64),
        2 => OpType::Make(ObjType::List),
        3 => OpType::Make(ObjType::Text),
        4 => OpType::Make(ObjType::Table),
        5 => OpType::Make(ObjType::Map),
        6 => OpType::MarkEnd(chance.below(2) == 0),
        _ => OpType::Put(match chance.below(8) {
            0 => ScalarValue::Null,
            1 => ScalarValue::F64([f64::NAN, f64::INFINITY, -0.0, 1.5][chance.below(4)]),
            2 => ScalarValue::counter(chance.edge() as i64),
            3 => ScalarValue::Timestamp(chance.edge() as i64),
            4 => ScalarValue::Uint(chance.edge()),
            5 => ScalarValue::Boolean(chance.below(2) == 0),
            6 => ScalarValue::Bytes(vec![7; chance.below(300)]),
            _ => ScalarValue::Int(chance.edge() as i64),
        }),
    }
}

fn alter_value(value: &mut ScalarValue, chance: &mut Chance) {
    match value {
        ScalarValue::Int(number) => *number = chance.edge() as i64,
        ScalarValue::Bytes(bytes) => {
            let length = chance.below(2 * bytes.len() + 2);
            bytes.resize(length, chance.number() as u8);
            if let Some(byte) = bytes.get_mut(length / 2) {
                *byte ^= 1;
            }
        }
        ScalarValue::Str(text) => {
            let mut longer = text.to_string();
            match chance.below(4) {
                0 => longer.push('\u{202e}'),
                1 => longer.push_str(&longer.clone()),
                2 => {
                    longer.pop();
                }
                _ => longer = NAMES[chance.below(NAMES.len())].to_owned(),
            }
            *text = longer.as_str().into();
        }
        other => *other = ScalarValue::Int(chance.edge() as i64),
    }
}

/// Moves a change to other operation counters, its own references included.
fn shift(change: &mut ExpandedChange, by: u64) {
    let own = change.actor_id.clone();
    for op in &mut change.operations {
        if let ObjectId::Id(id) = &mut op.obj
            && id.1 == own
        {
            id.0 = id.0.saturating_add(by);
        }
    }
    change.start_op = change.start_op.saturating_add(by);
}

/// Whatever this change makes or mentions, and the containers that every ticket has.
fn own_ids(change: &ExpandedChange) -> Vec<OpId> {
    let made = (0..change.operations.len() as u64).map(|n| OpId(change.start_op.get() + n, change.actor_id.clone()));
    let mentioned = change.operations.iter().filter_map(|op| match &op.obj {
        ObjectId::Id(id) => Some(id.clone()),
        ObjectId::Root => None,
    });
    let rooms = (1..24).map(|counter| OpId(counter, ActorId::from(crate::ticket::desk().0)));
    mentioned.chain(made).chain(rooms).collect()
}

fn an_actor(change: &ExpandedChange, chance: &mut Chance) -> ActorId {
    match chance.below(4) {
        0 => ActorId::from(crate::ticket::desk().0),
        1 => ActorId::from([1; 16]),
        2 => ActorId::from(vec![7; chance.below(40)]),
        _ => change.actor_id.clone(),
    }
}

/// Names that mean something in a ticket.
const NAMES: [&str; 22] = [
    "",
    "p",
    "k",
    "wall",
    "hlc",
    "after",
    "place",
    "visit",
    "grant",
    "core",
    "asg",
    "fact",
    "adm",
    "v",
    "note",
    "check_in",
    "close",
    "__proto__",
    "AZAAAAAAcACAAAAAAAAAMg",
    "AZAAAAAAcACAAAAAAAAACg",
    "title",
    "\u{0}",
];

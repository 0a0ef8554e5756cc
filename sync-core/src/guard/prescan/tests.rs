use super::*;
use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, ObjType, ROOT};
use proptest::prelude::*;

fn a_change(fields: i64) -> Vec<u8> {
    let mut doc = Automerge::new().with_actor(ActorId::from(&[7; 16][..]));
    let mut tx = doc.transaction();
    let map = tx.put_object(ROOT, "fact", ObjType::Map).unwrap();
    for field in 0..fields {
        tx.put(&map, format!("key {field}"), field).unwrap();
        tx.put(&map, format!("text {field}"), "text".repeat(field as usize % 4)).unwrap();
    }
    tx.commit();
    doc.get_last_local_change().unwrap().raw_bytes().to_vec()
}

/// A chunk of this body, with the right length and checksum.
pub fn reframe(body: &[u8]) -> Vec<u8> {
    let mut hashed = vec![CHANGE_CHUNK];
    let mut length = body.len();
    while length >= 0x80 {
        hashed.push(length as u8 | 0x80);
        length >>= 7;
    }
    hashed.push(length as u8);
    hashed.extend_from_slice(body);
    [&MAGIC, &Sha256Hash::of(&hashed).0[..4], &hashed].concat()
}

#[test]
fn an_honest_change_is_read_as_automerge_reads_it() {
    for fields in [0, 1, 10, 900] {
        let raw = a_change(fields);
        let change = automerge::Change::from_bytes(raw.clone()).unwrap();
        let scanned = prescan(&raw).unwrap();
        assert_eq!(scanned.hash.0, change.hash().0);
        assert_eq!(scanned.actor, change.actor_id().to_bytes());
        assert_eq!(
            (scanned.seq, scanned.start_op, scanned.ops),
            (change.seq(), change.start_op().get(), change.len() as u64)
        );
        assert_eq!(scanned.deps().len(), change.deps().len());
    }
}

#[test]
fn a_bomb_of_a_hundred_bytes_is_refused() {
    // actor, seq 1, start_op 1, time 0, no message, no other actors, one column of actions: 2^62 times "put".
    let mut body = vec![0, 16];
    body.extend([7; 16]);
    body.extend([1, 1, 0, 0, 0, 1, 0x42, 10]);
    body.extend([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x3f, 1]);
    assert_eq!(prescan(&reframe(&body)), Err(GuardError::TooManyOps));
}

#[test]
fn the_limits_are_exact() {
    assert!(prescan(&a_change(999)).is_ok_and(|scanned| scanned.ops == 1_999));
    assert_eq!(prescan(&a_change(1_000)), Err(GuardError::TooManyOps));
    assert_eq!(prescan(&vec![0; MAX_CHANGE_BYTES + 1]), Err(GuardError::TooLarge));
}

#[test]
fn every_frame_but_a_plain_change_is_refused() {
    let raw = a_change(3);
    for kind in [0, 2, 3, 4, 255] {
        let mut other = raw.clone();
        other[8] = kind;
        assert_eq!(prescan(&other), Err(GuardError::NotAChange));
    }
    for cut in 0..raw.len() {
        assert!(prescan(&raw[..cut]).is_err());
    }
    let longer = [raw.as_slice(), &[0]].concat();
    assert_eq!(prescan(&longer), Err(GuardError::BadChecksum));
    let mut wrong = raw.clone();
    wrong[4] ^= 1;
    assert_eq!(prescan(&wrong), Err(GuardError::BadChecksum));
    let mut doc = Automerge::new();
    doc.transact::<_, _, automerge::AutomergeError>(|tx| tx.put(ROOT, "k", 1)).unwrap();
    assert_eq!(prescan(&doc.save()), Err(GuardError::NotAChange));
}

#[test]
fn numbers_are_read_as_automerge_reads_them() {
    let read = |bytes: &[u8]| (Bytes(bytes).unsigned().ok(), Bytes(bytes).signed().ok());
    assert_eq!(read(&[0x7f]), (Some(127), Some(-1)));
    assert_eq!(read(&[0xff, 0x3f]), (Some(8191), Some(8191)));
    assert_eq!(read(&[0x80, 0x40]), (Some(8192), Some(-8192)));
    assert_eq!(read(&[0x81, 0x00]), (None, None));
    assert_eq!(read(&[0xbf, 0x00]), (None, None));
    let ones = [0xff; 9];
    assert_eq!(read(&[&ones[..], &[1]].concat()), (Some(u64::MAX), None));
    assert_eq!(read(&[&ones[..], &[0]].concat()), (None, Some(i64::MAX)));
    assert_eq!(read(&[&[0x80; 9][..], &[0x7f]].concat()), (None, Some(i64::MIN)));
    assert_eq!(read(&[0x80; 12]), (None, None));
}

/// A chunk put together by hand, honest unless something is changed.
struct Chunk {
    deps: Vec<[u8; 32]>,
    seq: u64,
    start_op: u64,
    others: Vec<[u8; 16]>,
    columns: Vec<(u64, Vec<u8>)>,
}

/// Two puts of one byte each under two keys.
fn two_puts() -> Chunk {
    let columns = vec![
        (0x15, [leb(-2), vec![1, b'a', 1, b'b']].concat()),
        (0x42, [leb(2), vec![1]].concat()),
        (0x56, [leb(2), vec![0x17]].concat()),
        (0x57, vec![7, 7]),
    ];
    Chunk { deps: vec![[1; 32]], seq: 1, start_op: 1, others: vec![], columns }
}

impl Chunk {
    fn bytes(&self) -> Vec<u8> {
        let mut body = uleb(self.deps.len() as u64);
        body.extend(self.deps.concat());
        body.extend([&[16][..], &[7; 16]].concat());
        body.extend([uleb(self.seq), uleb(self.start_op), vec![0, 0], uleb(self.others.len() as u64)].concat());
        for other in &self.others {
            body.extend([&[16][..], other].concat());
        }
        body.extend(uleb(self.columns.len() as u64));
        for (spec, content) in &self.columns {
            body.extend([uleb(*spec), uleb(content.len() as u64)].concat());
        }
        self.columns.iter().for_each(|(_, content)| body.extend(content));
        reframe(&body)
    }

    /// What the prescan says if one column is another, or there for the first time.
    fn with(&self, spec: u64, content: Vec<u8>) -> Result<u64, GuardError> {
        let mut columns = self.columns.clone();
        columns.retain(|(known, _)| *known != spec);
        columns.push((spec, content));
        columns.sort();
        let chunk = Chunk { columns, deps: self.deps.clone(), others: self.others.clone(), ..*self };
        prescan(&chunk.bytes()).map(|scanned| scanned.ops)
    }
}

fn uleb(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn leb(mut number: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !(-0x40..0x40).contains(&number) {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8 & 0x7f);
    bytes
}

#[test]
fn the_largest_change_is_exactly_64_kib() {
    let sized = |length: usize| {
        let mut chunk = two_puts();
        // One value of one byte, and one of the rest.
        chunk.columns[2].1 = [leb(-2), vec![0x17], uleb((length as u64 - 1) << 4 | 7)].concat();
        chunk.columns[3].1 = vec![7; length];
        chunk.bytes()
    };
    let around = sized(60_000).len() - 60_000;
    let largest = sized(MAX_CHANGE_BYTES - around);
    assert_eq!(largest.len(), MAX_CHANGE_BYTES);
    assert_eq!(prescan(&largest).map(|scanned| scanned.ops), Ok(2));
    assert_eq!(prescan(&sized(MAX_CHANGE_BYTES - around + 1)), Err(GuardError::TooLarge));
}

#[test]
fn dependencies_are_in_order_and_each_once() {
    let deps = |deps: &[u8]| {
        let deps = deps.iter().map(|byte| [*byte; 32]).collect();
        prescan(&Chunk { deps, ..two_puts() }.bytes()).map(|scanned| scanned.deps().len())
    };
    let disorder = Err(GuardError::Malformed("order of dependencies"));
    assert_eq!(deps(&[1, 2, 3]), Ok(3));
    assert_eq!(deps(&[2, 1]), disorder);
    assert_eq!(deps(&[2, 2]), disorder);
}

#[test]
fn numbers_begin_at_one_and_end_where_automerge_keeps_them() {
    let numbered = |seq, start_op| prescan(&Chunk { seq, start_op, ..two_puts() }.bytes()).map(|_| ());
    assert_eq!(numbered(0, 1), Err(GuardError::Malformed("zero")));
    assert_eq!(numbered(1, 0), Err(GuardError::Malformed("zero")));
    assert_eq!(numbered(u64::MAX, MAX_COUNTER - 2), Ok(()));
    assert_eq!(numbered(1, MAX_COUNTER - 1), Err(GuardError::Malformed("start_op")));
}

#[test]
fn columns_agree_with_each_other_and_stay_within_the_limits() {
    let chunk = two_puts();
    assert_eq!(prescan(&chunk.bytes()).map(|scanned| scanned.ops), Ok(2));
    // Values are as long as the column before says.
    assert_eq!(chunk.with(0x57, vec![7]), Err(GuardError::Malformed("values")));
    assert_eq!(chunk.with(0x57, vec![7, 7, 7]), Err(GuardError::Malformed("values")));
    assert_eq!(chunk.with(0x56, [leb(2), vec![0x07]].concat()), Err(GuardError::Malformed("values")));
    // Actors are those that were named.
    assert_eq!(chunk.with(0x01, [leb(2), vec![0]].concat()), Ok(2));
    assert_eq!(chunk.with(0x01, [leb(2), vec![1]].concat()), Err(GuardError::Malformed("actor index")));
    let with_another = Chunk { others: vec![[8; 16]], ..two_puts() };
    assert_eq!(with_another.with(0x01, [leb(2), vec![1]].concat()), Ok(2));
    // Predecessors and booleans cannot claim more than there may be operations.
    assert_eq!(chunk.with(0x70, [leb(2), uleb(MAX_OPS / 2)].concat()), Ok(2));
    assert_eq!(chunk.with(0x70, [leb(2), uleb(MAX_OPS / 2 + 1)].concat()), Err(GuardError::TooManyOps));
    assert_eq!(chunk.with(0x34, uleb(MAX_OPS)), Ok(2));
    assert_eq!(chunk.with(0x34, uleb(MAX_OPS + 1)), Err(GuardError::TooManyOps));
    assert_eq!(chunk.with(0x34, [uleb(MAX_OPS), vec![1]].concat()), Err(GuardError::TooManyOps));
    // A run of absent values has a length and no value.
    assert_eq!(chunk.with(0x13, vec![0, 2]), Ok(2));
    assert_eq!(chunk.with(0x13, [vec![0], uleb(MAX_OPS + 1)].concat()), Err(GuardError::TooManyOps));
    assert_eq!(chunk.with(0x13, [leb(-1), vec![5, 0, 1]].concat()), Ok(2));
    // Nothing stands twice, out of order, or unknown.
    let twice = Chunk { columns: [two_puts().columns, vec![(0x57, vec![])]].concat(), ..two_puts() };
    assert_eq!(prescan(&twice.bytes()), Err(GuardError::Malformed("column")));
    assert_eq!(chunk.with(0x99, vec![]), Err(GuardError::Malformed("column")));
}

#[test]
fn bounds_are_in_it() {
    let run = |length: u64| {
        let column = [vec![0], uleb(length)].concat();
        scan_runs(Bytes(&column), |bytes| bytes.unsigned()).map(|runs| runs.items)
    };
    assert_eq!(run(MAX_OPS), Ok(MAX_OPS));
    assert_eq!(run(MAX_OPS + 1), Err(GuardError::TooManyOps));
    let up_to_five = |number: u64| Bytes(&uleb(number)).unsigned_up_to(5, "it");
    assert_eq!([4, 5, 6].map(up_to_five), [Ok(4), Ok(5), Err(GuardError::Malformed("it"))]);
    for number in [i64::MIN, i64::MIN + 1, -(1 << 56), -(1 << 55), -64, -65, -1, 0, i64::MAX] {
        assert_eq!(Bytes(&leb(number)).signed(), Ok(number));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_answered(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = prescan(&body);
        let _ = prescan(&reframe(&body));
    }
}

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

proptest! {
    #[test]
    fn any_bytes_are_answered(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = prescan(&body);
        let _ = prescan(&reframe(&body));
    }
}

//! The first look at a change, alone: on any bytes, as they come and with the right length and checksum around them.

use sync_core::guard::{MAX_CHANGE_BYTES, MAX_OPS, prescan as look};

use crate::mutant::chunk;

/// One byte that says whether a head is put before the rest.
pub fn prescan(bytes: &[u8]) {
    let Some((selector, rest)) = bytes.split_first() else { return };
    let raw = if selector & 1 == 0 { rest.to_vec() } else { chunk(rest) };
    let Ok(scanned) = look(&raw) else { return };
    assert!(raw.len() <= MAX_CHANGE_BYTES && (1..=MAX_OPS).contains(&scanned.ops) && scanned.seq > 0);
    assert!(scanned.deps().is_sorted());
    // What passes is cheap to decode: as many operations as were counted, or an error.
    if let Ok(Ok(change)) = std::panic::catch_unwind(|| automerge::Change::from_bytes(raw.clone())) {
        assert_eq!(change.hash().0, scanned.hash.0);
        assert_eq!(change.actor_id().to_bytes(), scanned.actor);
        assert_eq!((change.seq(), change.start_op().get()), (scanned.seq, scanned.start_op));
        assert!(change.deps().iter().map(|dep| dep.0).eq(scanned.deps().map(|dep| dep.0)));
    }
}

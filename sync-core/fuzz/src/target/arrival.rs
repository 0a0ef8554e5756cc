//! A ticket's document on its way to a phone, damaged.
//!
//! Only what our server signed is ever opened, so forged documents are not the guard's but the signature's to refuse:
//! Automerge does not bear them. What can happen to an honest one is damage, and damage gives an error, never a panic,
//! a wait or another document. The bytes here therefore say how an honest document is damaged: cut, lengthened, or
//! with up to three bytes in a row changed, which no checksum of four bytes fits by chance.

use std::sync::OnceLock;

use sync_core::document::{DocumentKey, TicketDoc};

use crate::ticket::{KEY, TICKET, grounds};

/// One byte for the document, one for the kind of damage, two for the place, then what is put there.
pub fn arrival(bytes: &[u8]) {
    let [selector, kind, high, low, rest @ ..] = bytes else { return };
    let honest = honest();
    let (doc, bytes) = &honest[usize::from(*selector) % honest.len()];
    let travels = selector & 0x80 == 0;
    let whole = if travels { &bytes[0] } else { &bytes[1] };
    let at = usize::from(u16::from_be_bytes([*high, *low])) % whole.len();
    let mut damaged = whole.clone();
    let there = &rest[..rest.len().min(3)];
    match kind % 4 {
        0 => damaged.truncate(at),
        1 => damaged.extend_from_slice(rest),
        2 => damaged.iter_mut().skip(at).zip(there).for_each(|(byte, new)| *byte = *new),
        _ => {
            damaged.splice(at..at, there.iter().copied());
        }
    }
    let opened = if travels { TicketDoc::arrived(&damaged, TICKET, &KEY) } else { TicketDoc::load_own(&damaged) };
    if let Ok(opened) = opened {
        assert_eq!(opened.heads(), doc.heads(), "damage makes no other document");
        assert!(opened.facts().eq(doc.facts()));
    }
    if travels {
        // With another key the sealed texts come out wrong, which the document's own checksum tells.
        assert!(TicketDoc::arrived(&damaged, TICKET, &DocumentKey([9; 32])).is_err());
    }
}

/// Each document, as it travels and as it is kept.
fn honest() -> &'static [(TicketDoc, [Vec<u8>; 2])] {
    static HONEST: OnceLock<Vec<(TicketDoc, [Vec<u8>; 2])>> = OnceLock::new();
    HONEST.get_or_init(|| {
        let docs = grounds().iter().map(|ground| ground.servers.clone());
        docs.map(|doc| (doc.clone(), [doc.to_travel(&KEY), doc.save()])).collect()
    })
}

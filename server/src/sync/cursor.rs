//! Where a device stands, in bytes that only the server reads.

use sync_core::ids::{ServerEpoch, TicketId};
use sync_core::wire::Cursor;

use crate::ledger::feed::Position;

/// A device's place: in the feed, and in the middle of its first sync which ticket it had last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub epoch: ServerEpoch,
    pub position: Position,
    /// The first sync has sent the tickets up to this one; none when it is over.
    pub entering_after: Option<TicketId>,
}

impl Place {
    /// The place in these bytes; none for a cursor of another server, another epoch, or nobody.
    pub fn read(cursor: &Cursor, epoch: ServerEpoch) -> Option<Self> {
        let (head, rest) = cursor.0.split_first_chunk::<16>()?;
        let (xid, rest) = rest.split_first_chunk::<8>()?;
        let (serial, rest) = rest.split_first_chunk::<8>()?;
        let entering_after = if rest.is_empty() { None } else { Some(TicketId::from_slice(rest).ok()?) };
        let position = Position { xid: i64::from_be_bytes(*xid), serial: i64::from_be_bytes(*serial) };
        let place = Self { epoch: ServerEpoch::from_slice(head).ok()?, position, entering_after };
        (place.epoch == epoch && position.xid >= 0 && position.serial >= 0).then_some(place)
    }

    /// Its bytes.
    pub fn write(self) -> Cursor {
        let mut bytes = self.epoch.as_bytes().to_vec();
        bytes.extend_from_slice(&self.position.xid.to_be_bytes());
        bytes.extend_from_slice(&self.position.serial.to_be_bytes());
        if let Some(ticket) = self.entering_after {
            bytes.extend_from_slice(ticket.as_bytes());
        }
        Cursor(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_does() {
        let epoch = ServerEpoch(uuid::Uuid::from_u128(7));
        for entering_after in [None, Some(TicketId(uuid::Uuid::from_u128(9)))] {
            let place = Place { epoch, position: Position { xid: 5, serial: 6 }, entering_after };
            let cursor = place.write();
            assert_eq!(Place::read(&cursor, epoch), Some(place));
            assert_eq!(Place::read(&cursor, ServerEpoch(uuid::Uuid::nil())), None);
            for cut in 0..cursor.0.len() {
                let cut = Cursor(cursor.0[..cut].to_vec());
                assert!(Place::read(&cut, epoch).is_none_or(|read| read.entering_after.is_none()));
            }
        }
        assert_eq!(Place::read(&Cursor(vec![0xff; 32]), ServerEpoch(uuid::Uuid::from_bytes([0xff; 16]))), None);
    }
}

//! Two phones that meet where there is no server, over a link as bad as any.

use sync_core::peer::{PeerFault, PeerSession};

use crate::chance::Chance;
use crate::phone::Phone;
use crate::server::Server;

/// What may befall a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Good,
    /// They go out of reach after so many frames.
    Cut(usize),
    /// A frame arrives otherwise than it was sent.
    Flipped(usize),
    /// A frame arrives twice.
    Doubled(usize),
}

impl Fate {
    fn any(chance: &mut Chance) -> Self {
        match chance.below(10) {
            0 | 1 => Self::Cut(chance.below(12)),
            2 => Self::Flipped(chance.below(12)),
            3 => Self::Doubled(chance.below(12)),
            _ => Self::Good,
        }
    }

    /// What arrives of this frame; nothing if they are out of reach.
    fn carry(self, number: usize, mut frame: Vec<u8>, chance: &mut Chance) -> Option<Vec<u8>> {
        match self {
            Self::Cut(at) if at == number => return None,
            Self::Flipped(at) if at == number => {
                let at = chance.below(frame.len());
                frame[at] ^= 1 << chance.below(8);
            }
            Self::Doubled(at) if at == number => frame = frame.repeat(2),
            _ => {}
        }
        Some(frame)
    }
}

/// Each hands over what the server has not heard of.
pub fn meet(one: &mut Phone, other: &mut Phone, server: &Server, chance: &mut Chance) {
    let fate = Fate::any(chance);
    let mut said = talk(one, other, server, fate, chance);
    // Whose store failed in the middle is not known from the fault; a process that begins again is like any other.
    if let Err(PeerFault::Store(_)) = &said {
        one.restart(server, chance);
        other.restart(server, chance);
        said = Ok(());
    }
    match (&said, fate) {
        (Ok(()), _) | (Err(_), Fate::Flipped(_) | Fate::Doubled(_)) => {}
        // One is the other's copy, has never synced, or its clock has jumped since.
        (Err(PeerFault::Oneself | PeerFault::NoCertificate(_) | PeerFault::Certificate(_)), _) => {}
        (Err(why), fate) => panic!("{why:?} of {fate:?}"),
    }
    for phone in [one, other] {
        phone.note_what_it_took();
    }
}

fn talk(one: &mut Phone, other: &mut Phone, server: &Server, fate: Fate, chance: &mut Chance) -> Result<(), PeerFault> {
    let (now, then) = (one.now(server), other.now(server));
    let mut first = PeerSession::initiate(one.replica(), chance.bytes(), now)?;
    let mut second = PeerSession::respond(other.replica(), chance.bytes(), then)?;
    let mut number = 0;
    while !(first.is_over() && second.is_over()) {
        let before = number;
        while let Some(frame) = first.poll_bytes(one.replica(), now)? {
            let Some(frame) = fate.carry(number, frame, chance) else { return Ok(()) };
            second.handle_bytes(other.replica(), &frame, then)?;
            number += 1;
        }
        while let Some(frame) = second.poll_bytes(other.replica(), then)? {
            let Some(frame) = fate.carry(number, frame, chance) else { return Ok(()) };
            first.handle_bytes(one.replica(), &frame, now)?;
            number += 1;
        }
        // A length that grew on the way is waited for until they give up.
        if number == before {
            assert!(matches!(fate, Fate::Flipped(_)), "nobody says anything");
            return Ok(());
        }
    }
    Ok(())
}

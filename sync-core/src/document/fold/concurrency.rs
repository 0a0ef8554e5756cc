//! The concurrency table: what stands when two people act on a ticket and neither had seen the other.
//!
//! Facts beat plans. Of two moves the stronger stands, by one total order, so that joining any number of them in any
//! grouping gives the same; everything that is not a move stays beside the other. Nothing is ever dropped: what does
//! not stand is kept and, where a person should know, flagged. `docs/concurrency.md` is printed from here.

use crate::document::body::FactBody;
use crate::document::fact::Fact;
use crate::document::flag::Flag;
use crate::workflow::Move;

/// What a fact does to a ticket, as far as concurrency is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It changes where something stands.
    Moved(Move),
    /// It adds a note, an answer, evidence, parts or time.
    Entered,
    /// The customer signs.
    Signed,
    /// The desk changes what the ticket is.
    Edited,
    /// Somebody moves a visit in time.
    Planned,
    /// Something this version does not know.
    Unknown,
}

/// What comes of two concurrent acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The one that decides the status; nothing where both simply stay.
    pub stands: Option<Move>,
    /// Why somebody should look.
    pub flag: Option<Flag>,
}

/// The table. Symmetric; a new kind of act does not compile until it has a cell for every other.
pub fn concurrent(a: Act, b: Act) -> Outcome {
    use Act::*;
    let beside = |flag| Outcome { stands: None, flag };
    match (a, b) {
        (Moved(a), Moved(b)) => Outcome { stands: Some(stronger(a, b)), flag: flag_between(a, b) },
        either!(Entered | Signed, Moved(Move::Close)) => beside(Some(Flag::LateEntry)),
        (Signed, Edited) | (Edited, Signed) => beside(Some(Flag::SignatureOutdated)),
        (Edited, Edited) => beside(Some(Flag::EditedTwice)),
        either!(Entered | Signed | Edited | Planned | Unknown, Moved(_)) => beside(None),
        (Signed, Entered | Signed | Planned | Unknown)
        | (Edited, Entered | Planned | Unknown)
        | (Entered | Planned | Unknown, Entered | Signed | Edited | Planned | Unknown) => beside(None),
    }
}

/// Of two concurrent moves the one that decides the status.
pub fn stronger(a: Move, b: Move) -> Move {
    if strength(a) >= strength(b) { a } else { b }
}

/// Plans that withdraw beat what is only on its way to the site; work on the site beats plans; what ends the work
/// beats the work.
fn strength(verb: Move) -> u8 {
    match verb {
        Move::Assign => 0,
        Move::Decline => 1,
        Move::Accept => 2,
        Move::Depart => 3,
        Move::CheckOut => 4,
        Move::Reopen => 5,
        Move::Unassign => 6,
        Move::Cancel => 7,
        Move::CheckIn => 8,
        Move::Pause => 9,
        Move::Start => 10,
        Move::Done => 11,
        Move::Verify => 12,
        Move::Close => 13,
    }
}

/// Whether a person should know that these two moves met.
fn flag_between(a: Move, b: Move) -> Option<Flag> {
    use Move::*;
    match (a, b) {
        // The desk withdraws, or others have finished, while an engineer is still getting ready or on the way.
        either!(Accept | Depart, Unassign | Cancel | Done | Verify | Close) => Some(Flag::TurnBack),
        // The desk withdraws while an engineer is at work.
        either!(CheckIn | Pause | Start, Unassign) => Some(Flag::ReassignedOnSite),
        either!(CheckIn | Pause | Start, Cancel) => Some(Flag::WorkedThoughCancelled),
        either!(Done, Unassign) => Some(Flag::DoneThoughReassigned),
        either!(Done, Cancel) => Some(Flag::DoneThoughCancelled),
        // The desk decides on the result, not knowing of more work.
        either!(CheckIn | Pause | Start | Done, Reopen | Verify | Close) => Some(Flag::WorkUnseen),
        // One engineer ends the visit while another works on it.
        either!(CheckIn | Pause | Start, Done) => Some(Flag::StillWorking),
        // One engineer answers on two devices.
        either!(Decline, Accept | Depart | CheckIn | Pause | Start) => Some(Flag::AnsweredTwice),
        // Nobody is misled by these.
        either!(
            Assign,
            Decline | Accept | Depart | CheckOut | Reopen | Unassign | Cancel | CheckIn | Pause | Start
        )
        | either!(Assign | Decline | CheckOut, Done | Verify | Close)
        | either!(CheckOut, Decline | Accept | Depart | Reopen | Unassign | Cancel | CheckIn | Pause | Start)
        | either!(Decline | Accept | Depart, Reopen)
        | either!(Decline, Unassign | Cancel)
        | either!(Reopen, Unassign | Cancel | Verify | Close)
        | either!(Unassign, Cancel | Verify | Close)
        | either!(Cancel, Verify | Close)
        | either!(Verify, Close)
        | either!(Accept | Depart, CheckIn | Pause | Start) => None,
        // Two check-ins are two labour logs; the rest is one thing said twice.
        (Accept | Depart, Accept | Depart) | (CheckIn | Pause | Start, CheckIn | Pause | Start) => None,
        (Assign, Assign) | (Decline, Decline) | (CheckOut, CheckOut) | (Reopen, Reopen) | (Unassign, Unassign) => None,
        (Cancel, Cancel) | (Done, Done) | (Verify, Verify) | (Close, Close) => None,
    }
}

/// A pair in either order.
macro_rules! either {
    ($a:pat, $b:pat) => {
        ($a, $b) | ($b, $a)
    };
}
use either;

impl Act {
    /// What this fact does.
    pub fn of(fact: &Fact) -> Self {
        use Act::*;
        match &fact.body {
            FactBody::Accept {} => Moved(Move::Accept),
            FactBody::Decline { .. } => Moved(Move::Decline),
            FactBody::Depart {} => Moved(Move::Depart),
            FactBody::CheckIn {} => Moved(Move::CheckIn),
            FactBody::CheckOut {} => Moved(Move::CheckOut),
            FactBody::Start {} => Moved(Move::Start),
            FactBody::Pause { .. } => Moved(Move::Pause),
            FactBody::Done { .. } => Moved(Move::Done),
            FactBody::Verify {} => Moved(Move::Verify),
            FactBody::Close {} => Moved(Move::Close),
            FactBody::Cancel { .. } => Moved(Move::Cancel),
            FactBody::Reopen { .. } => Moved(Move::Reopen),
            FactBody::Assign { .. } => Moved(Move::Assign),
            FactBody::Unassign { .. } => Moved(Move::Unassign),
            FactBody::DeskEdit { path, .. } if path.starts_with("visits/") => Planned,
            FactBody::DeskEdit { .. } => Edited,
            FactBody::Reschedule { .. } => Planned,
            FactBody::Note { .. }
            | FactBody::Answer { .. }
            | FactBody::PartUsed { .. }
            | FactBody::PartRequest { .. }
            | FactBody::Labour { .. }
            | FactBody::Blob { .. } => Entered,
            FactBody::Signature { .. } => Signed,
            FactBody::Unknown { .. } => Unknown,
        }
    }

    /// Every act there is.
    pub fn all() -> Vec<Act> {
        let moves = Move::ALL.iter().copied().map(Act::Moved);
        moves.chain([Act::Entered, Act::Signed, Act::Edited, Act::Planned, Act::Unknown]).collect()
    }
}

#[cfg(test)]
mod tests;

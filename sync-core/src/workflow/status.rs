//! Where a ticket, a visit or an engineer's part of it stands, and the moves that lead from one to the next.

use crate::words::words;

words!(/// Where a ticket, a visit, or one engineer's part of a visit stands.
Status, "status", {
    /// Asked for; nobody has it.
    Created = "created",
    /// Given to an engineer who has not answered.
    Assigned = "assigned",
    /// The engineer took it.
    Accepted = "accepted",
    /// The engineer is on the way.
    EnRoute = "en_route",
    /// The engineer has checked in.
    OnSite = "on_site",
    /// The work is being done.
    InProgress = "in_progress",
    /// The work is interrupted.
    Paused = "paused",
    /// The engineer reports it solved.
    Done = "done",
    /// The desk has checked the result.
    Verified = "verified",
    /// Nothing is left to do.
    Closed = "closed",
    /// It will not be done.
    Cancelled = "cancelled",
});

impl Status {
    /// Left only by a reopening that comes after it.
    pub fn is_terminal(self) -> bool {
        matches!(self, Status::Closed | Status::Cancelled)
    }

    /// The work is reported solved, checked or closed.
    pub fn is_finished(self) -> bool {
        matches!(self, Status::Done | Status::Verified | Status::Closed)
    }
}

words!(/// A step that changes where something stands.
Move, "move", {
    /// The desk gives a visit to an engineer.
    Assign = "assign",
    /// The desk takes it back.
    Unassign = "unassign",
    /// The engineer takes it on.
    Accept = "accept",
    /// The engineer turns it down.
    Decline = "decline",
    /// The engineer sets out.
    Depart = "depart",
    /// The engineer is there.
    CheckIn = "check_in",
    /// The engineer begins, or goes on.
    Start = "start",
    /// The engineer interrupts the work.
    Pause = "pause",
    /// The engineer leaves the site.
    CheckOut = "check_out",
    /// The engineer reports it solved.
    Done = "done",
    /// The desk has checked the result.
    Verify = "verify",
    /// The desk closes the ticket.
    Close = "close",
    /// The desk calls it off.
    Cancel = "cancel",
    /// The desk opens again what was done, closed or cancelled.
    Reopen = "reopen",
});

impl Move {
    /// Where it leads when no workflow says otherwise.
    pub fn leads_to(self) -> Status {
        match self {
            Move::Assign | Move::Reopen => Status::Assigned,
            Move::Unassign | Move::Decline => Status::Created,
            Move::Accept => Status::Accepted,
            Move::Depart => Status::EnRoute,
            Move::CheckIn => Status::OnSite,
            Move::Start => Status::InProgress,
            Move::Pause | Move::CheckOut => Status::Paused,
            Move::Done => Status::Done,
            Move::Verify => Status::Verified,
            Move::Close => Status::Closed,
            Move::Cancel => Status::Cancelled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(*status));
        }
        for verb in Move::ALL {
            assert_eq!(verb.as_str().parse(), Ok(*verb));
        }
        assert!("on site".parse::<Status>().is_err());
    }
}

//! Why a dispatcher should look at a ticket: what was settled by rule, and might be wanted otherwise.

use crate::words::words;

words!(/// A reason for review. None of them is an error: the rule has been applied and everything is kept.
Flag, "flag", {
    /// The work was reported done while the desk cancelled it: done stands.
    DoneThoughCancelled = "done_though_cancelled",
    /// An engineer was working while the desk cancelled: the work stands.
    WorkedThoughCancelled = "worked_though_cancelled",
    /// An engineer took it on or set out while the desk withdrew it: tell him to turn back.
    TurnBack = "turn_back",
    /// An engineer was on site while the visit was given to another: he stays until he leaves, the other waits.
    ReassignedOnSite = "reassigned_on_site",
    /// The work was reported done while the visit was given to another: the other need not go.
    DoneThoughReassigned = "done_though_reassigned",
    /// Work was reported that whoever closed or verified the ticket had not seen.
    WorkUnseen = "work_unseen",
    /// A note, an answer or evidence came that whoever closed the ticket had not seen.
    LateEntry = "late_entry",
    /// One engineer reported the visit done while another went on working.
    StillWorking = "still_working",
    /// One engineer both took the visit on and turned it down, on two devices.
    AnsweredTwice = "answered_twice",
    /// A move came after the ticket was closed or cancelled, and its author had seen that: it has no effect.
    AfterTheEnd = "after_the_end",
    /// The ticket changed after or while the customer signed: the change needs a new signature.
    SignatureOutdated = "signature_outdated",
    /// What the customer signed names an entry that is missing or differs.
    SignatureBroken = "signature_broken",
    /// Two people at the desk changed the same field: the last stands, the other is kept.
    EditedTwice = "edited_twice",
    /// A wish to move the visit could not be applied; it is kept.
    WindowKept = "window_kept",
    /// The customer moved the visit.
    CustomerMoved = "customer_moved",
    /// Written under a grant that had ended meanwhile.
    GrantEnded = "grant_ended",
    /// Of a kind this server does not know: kept without effect.
    UnknownKind = "unknown_kind",
});

//! Why a change from outside is refused.

/// What is wrong with a change by itself, whatever document it is for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    #[error("the change is larger than 64 KiB")]
    TooLarge,
    #[error("not a plain change")]
    NotAChange,
    #[error("the checksum is wrong")]
    BadChecksum,
    #[error("malformed: {0}")]
    Malformed(&'static str),
    #[error("more than 2,000 operations")]
    TooManyOps,
    #[error("the change does nothing")]
    NoOps,
    #[error("the change carries a {0}, which ours never do")]
    Extra(&'static str),
    #[error("the change does not decode")]
    Undecodable,
    #[error("the change is not encoded the way Automerge encodes it")]
    NotCanonical,
    #[error("an operation that a phone may not use: {0}")]
    ForbiddenOp(&'static str),
    #[error("not exactly one fact: {0}")]
    NotOneFact(&'static str),
    #[error("the fact is malformed: {0}")]
    BadFact(String),
}

/// What is wrong with a change on this document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("another actor than the batch's")]
    OtherActor,
    #[error("it is there already")]
    AlreadyThere,
    #[error("seq {found} where {expected} is due")]
    SeqGap { expected: u64, found: u64 },
    #[error("seq {found} was used already for another change")]
    SeqReused { found: u64 },
    #[error("it builds on a change that is not admitted")]
    UnknownDeps,
    #[error("start_op {found} where {expected} is due")]
    WrongStartOp { expected: u64, found: u64 },
    #[error("the key is taken")]
    KeyTaken,
    #[error("it says it has seen a fact that was not there")]
    UnknownAfter,
    #[error("it adds something that is not under the ticket's facts")]
    OutsideFacts,
}

impl GuardError {
    /// Stable, for rejects and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "change_too_large",
            Self::NotAChange => "not_a_change",
            Self::BadChecksum => "bad_checksum",
            Self::Malformed(_) => "malformed_change",
            Self::TooManyOps => "too_many_ops",
            Self::NoOps => "empty_change",
            Self::Extra(_) => "extra_content",
            Self::Undecodable => "undecodable_change",
            Self::NotCanonical => "not_canonical",
            Self::ForbiddenOp(_) => "forbidden_op",
            Self::NotOneFact(_) => "not_one_fact",
            Self::BadFact(_) => "bad_fact",
        }
    }
}

impl Refusal {
    /// Stable, for rejects and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::OtherActor => "other_actor",
            Self::AlreadyThere => "already_there",
            Self::SeqGap { .. } => "seq_gap",
            Self::SeqReused { .. } => "seq_reused",
            Self::UnknownDeps => "unknown_deps",
            Self::WrongStartOp { .. } => "wrong_start_op",
            Self::KeyTaken => "key_taken",
            Self::UnknownAfter => "unknown_after",
            Self::OutsideFacts => "outside_facts",
        }
    }

    /// Whether the change was not judged because what it builds on is missing: the phone makes its fact again.
    pub fn is_for_want_of_base(self) -> bool {
        matches!(self, Self::SeqGap { .. } | Self::SeqReused { .. } | Self::UnknownDeps)
    }
}

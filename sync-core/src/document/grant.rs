//! Who may act on a visit: assignment grants, written by the server alone.

use crate::document::field::{Field, FieldError, bad};
use crate::document::scalar::Fields;
use crate::ids::{GrantId, UserId, VisitId};
use crate::time::ServerTime;
use crate::words::words;

words!(/// What an engineer is on a visit.
GrantRole, "grant role", {
    /// Answers for the visit.
    Lead = "lead",
    /// Helps.
    Crew = "crew",
});

/// One assignment: the evidence for who may act on a visit. Engineers of a visit are those with a grant not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Never used again for another assignment, even of the same engineer.
    pub id: GrantId,
    /// The visit.
    pub visit: VisitId,
    /// The engineer.
    pub user: UserId,
    /// As what.
    pub role: GrantRole,
    /// Since when.
    pub from: ServerTime,
    /// Who gave it.
    pub by: UserId,
    /// When and by whom it was taken back.
    pub ended: Option<Ended>,
}

/// How a grant ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// When, on the server's clock: grace is measured from here.
    pub at: ServerTime,
    /// Who took it back.
    pub by: UserId,
}

impl Grant {
    pub(crate) fn to_fields(self) -> Fields {
        let mut fields = Fields::new();
        self.visit.put("visit", &mut fields);
        self.user.put("user", &mut fields);
        self.role.as_str().to_owned().put("role", &mut fields);
        self.from.put("from", &mut fields);
        self.by.put("by", &mut fields);
        self.ended.map(|ended| ended.at).put(ENDED_AT, &mut fields);
        self.ended.map(|ended| ended.by).put(ENDED_BY, &mut fields);
        fields
    }

    pub(crate) fn from_fields(id: GrantId, mut fields: Fields) -> Result<Self, FieldError> {
        let ended_at: Option<ServerTime> = Field::take(ENDED_AT, &mut fields)?;
        let ended_by: Option<UserId> = Field::take(ENDED_BY, &mut fields)?;
        Ok(Grant {
            id,
            visit: Field::take("visit", &mut fields)?,
            user: Field::take("user", &mut fields)?,
            role: String::take("role", &mut fields)?.parse().map_err(|_| bad("role", "lead or crew"))?,
            from: Field::take("from", &mut fields)?,
            by: Field::take("by", &mut fields)?,
            ended: ended_at.zip(ended_by).map(|(at, by)| Ended { at, by }),
        })
    }
}

const ENDED_AT: &str = "ended_at";
const ENDED_BY: &str = "ended_by";

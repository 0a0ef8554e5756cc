//! A customer: the organisation, or the part of one, that asks for work.

use super::{Name, Reference, Unacceptable};

/// How much a customer has been promised; priorities start from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Tier {
    #[default]
    Standard,
    Silver,
    Gold,
    Platinum,
}

impl Tier {
    pub fn new(tier: &str) -> Result<Self, Unacceptable> {
        match tier {
            "standard" => Ok(Self::Standard),
            "silver" => Ok(Self::Silver),
            "gold" => Ok(Self::Gold),
            "platinum" => Ok(Self::Platinum),
            _ => Err(Unacceptable::new("a tier is standard, silver, gold or platinum")),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Silver => "silver",
            Self::Gold => "gold",
            Self::Platinum => "platinum",
        }
    }
}

/// A customer to be entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCustomer {
    pub name: Name,
    pub tier: Tier,
    /// What a foreign system calls it; unique.
    pub external_ref: Option<Reference>,
    /// The language it is written to in.
    pub locale: &'static str,
}

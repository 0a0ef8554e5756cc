//! The four kinds of value a ticket document may hold, and the named fields they stand in.

use std::collections::BTreeMap;

/// The fields of one entry by name.
pub type Fields = BTreeMap<String, Scalar>;

/// One value in a ticket document. There are no floats, counters, lists or texts: they merge badly or not at all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scalar {
    /// Whole numbers; times in milliseconds, money in minor units.
    Int(i64),
    /// Codes and names, never free text about people.
    Str(String),
    /// Ids, hashes and sealed text.
    Bytes(Vec<u8>),
    /// A claim.
    Bool(bool),
}

impl From<i64> for Scalar {
    fn from(value: i64) -> Self {
        Scalar::Int(value)
    }
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Self {
        Scalar::Bool(value)
    }
}

impl From<&str> for Scalar {
    fn from(value: &str) -> Self {
        Scalar::Str(value.to_owned())
    }
}

impl From<&[u8]> for Scalar {
    fn from(value: &[u8]) -> Self {
        Scalar::Bytes(value.to_vec())
    }
}

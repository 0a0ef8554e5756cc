//! How one typed value is put into, and taken out of, the named fields of an entry.
//!
//! Taking is where bytes from a stranger become our types: it never panics and says which field was wrong.

use crate::document::scalar::{Fields, Scalar};
use crate::document::seal::Sealed;
use crate::ids::{
    AssetId, ContactId, CustomerId, FactId, GrantId, PartId, Sha256Hash, SiteId, TenantId, TicketId, UserId, VisitId,
};
use crate::time::{DeviceTime, Hlc, ServerTime};

/// A field that is not what its entry needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// It is not there.
    #[error("{0:?} is missing")]
    Missing(String),
    /// It is there with another type, length or range.
    #[error("{field:?} is not {expected}")]
    Bad {
        /// Its name.
        field: String,
        /// What it should have been.
        expected: &'static str,
    },
}

/// A value that stands in one or more named fields.
pub trait Field: Sized {
    /// Writes it under this name.
    fn put(&self, name: &str, fields: &mut Fields);
    /// Removes it from `fields` and reads it.
    fn take(name: &str, fields: &mut Fields) -> Result<Self, FieldError>;
}

/// How many bytes a code or a name may have. Free text is sealed and bounded by the size of a change.
pub const MAX_STR_BYTES: usize = 256;

pub(crate) fn bad(field: &str, expected: &'static str) -> FieldError {
    FieldError::Bad { field: field.to_owned(), expected }
}

fn take_scalar(name: &str, fields: &mut Fields) -> Result<Scalar, FieldError> {
    fields.remove(name).ok_or_else(|| FieldError::Missing(name.to_owned()))
}

fn take_bytes(name: &str, fields: &mut Fields) -> Result<Vec<u8>, FieldError> {
    match take_scalar(name, fields)? {
        Scalar::Bytes(bytes) => Ok(bytes),
        _ => Err(bad(name, "bytes")),
    }
}

impl Field for i64 {
    fn put(&self, name: &str, fields: &mut Fields) {
        fields.insert(name.to_owned(), Scalar::Int(*self));
    }

    fn take(name: &str, fields: &mut Fields) -> Result<Self, FieldError> {
        match take_scalar(name, fields)? {
            Scalar::Int(value) => Ok(value),
            _ => Err(bad(name, "a whole number")),
        }
    }
}

impl Field for bool {
    fn put(&self, name: &str, fields: &mut Fields) {
        fields.insert(name.to_owned(), Scalar::Bool(*self));
    }

    fn take(name: &str, fields: &mut Fields) -> Result<Self, FieldError> {
        match take_scalar(name, fields)? {
            Scalar::Bool(value) => Ok(value),
            _ => Err(bad(name, "a claim")),
        }
    }
}

impl Field for String {
    fn put(&self, name: &str, fields: &mut Fields) {
        fields.insert(name.to_owned(), Scalar::Str(self.clone()));
    }

    fn take(name: &str, fields: &mut Fields) -> Result<Self, FieldError> {
        match take_scalar(name, fields)? {
            Scalar::Str(text) if text.len() <= MAX_STR_BYTES => Ok(text),
            _ => Err(bad(name, "a text of at most 256 bytes")),
        }
    }
}

impl Field for Sealed {
    fn put(&self, name: &str, fields: &mut Fields) {
        fields.insert(name.to_owned(), Scalar::Bytes(self.as_bytes().to_vec()));
    }

    fn take(name: &str, fields: &mut Fields) -> Result<Self, FieldError> {
        Sealed::from_bytes(take_bytes(name, fields)?).ok_or_else(|| bad(name, "sealed text"))
    }
}

/// A raw value, for fields whose type depends on what they are about.
impl Field for Scalar {
    fn put(&self, name: &str, fields: &mut Fields) {
        fields.insert(name.to_owned(), self.clone());
    }

    fn take(name: &str, fields: &mut Fields) -> Result<Self, FieldError> {
        take_scalar(name, fields)
    }
}

impl<T: Field> Field for Option<T> {
    fn put(&self, name: &str, fields: &mut Fields) {
        if let Some(value) = self {
            value.put(name, fields);
        }
    }

    fn take(name: &str, fields: &mut Fields) -> Result<Self, FieldError> {
        if fields.contains_key(name) { T::take(name, fields).map(Some) } else { Ok(None) }
    }
}

macro_rules! bytes_field {
    ($($name:ident: $expected:literal),+) => { $(
        impl Field for $name {
            fn put(&self, name: &str, fields: &mut Fields) {
                fields.insert(name.to_owned(), Scalar::Bytes(AsRef::<[u8]>::as_ref(&self.0).to_vec()));
            }

            fn take(name: &str, fields: &mut Fields) -> Result<Self, FieldError> {
                $name::from_slice(&take_bytes(name, fields)?).map_err(|_| bad(name, $expected))
            }
        }
    )+ };
}

macro_rules! int_field {
    ($($name:ident: $to:expr, $from:expr);+) => { $(
        impl Field for $name {
            fn put(&self, name: &str, fields: &mut Fields) {
                i64::put(&$to(*self), name, fields);
            }

            fn take(name: &str, fields: &mut Fields) -> Result<Self, FieldError> {
                i64::take(name, fields).map($from)
            }
        }
    )+ };
}

bytes_field!(
    AssetId: "an asset id", ContactId: "a contact id", CustomerId: "a customer id", FactId: "a fact id",
    GrantId: "a grant id", PartId: "a part id", SiteId: "a site id", TenantId: "a tenant id", TicketId: "a ticket id", UserId: "a user id",
    VisitId: "a visit id", Sha256Hash: "a SHA-256"
);
int_field!(
    DeviceTime: |time: DeviceTime| time.0, DeviceTime;
    ServerTime: |time: ServerTime| time.0, ServerTime;
    Hlc: Hlc::to_i64, Hlc::from_i64
);

//! Ids as they cross to the app: strings with a type of their own, checked when they come back.

use std::str::FromStr;

use crate::error::FieldError;

macro_rules! crosses_as_string {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(pub(crate) sync_core::ids::$name);

        uniffi::custom_type!($name, String);

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = FieldError;

            fn try_from(text: String) -> Result<Self, FieldError> {
                let id = sync_core::ids::$name::from_str(&text);
                id.map(Self).map_err(|not_an_id| FieldError::NotFound { detail: not_an_id.to_string() })
            }
        }
    )+};
}

crosses_as_string! {
    /// One company using the server.
    TenantId,
    /// A person who can sign in.
    UserId,
    /// One enrolled installation of the app.
    DeviceId,
    /// One request and the work done for it.
    TicketId,
    /// One planned or actual presence of an engineer on a site.
    VisitId,
    /// One entry of a ticket: a note, an answer, a step.
    FactId,
    /// One wish, such as to take a ticket from the pool.
    IntentId,
    /// A kind of spare part.
    PartId,
    /// The organisation that asked for the work.
    CustomerId,
    /// Where the work is done.
    SiteId,
    /// Somebody on site.
    ContactId,
    /// One article or procedure.
    ArticleId,
}

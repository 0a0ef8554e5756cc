//! What can go wrong with an article.

use axum::http::StatusCode;

use crate::platform::etag::stale;
use crate::platform::problem::Problem;

#[derive(Debug, thiserror::Error)]
pub enum KnowledgeError {
    #[error("there is no such article")]
    NotFound,
    #[error("the article has been changed meanwhile")]
    Stale { present: i64 },
    #[error("there is no draft to publish")]
    NoDraft,
    #[error("the article is not published")]
    NotPublished,
    #[error("there is no such ticket type")]
    NoSuchTicketType,
    #[error("the search did not come to its end")]
    Interrupted,
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl From<KnowledgeError> for Problem {
    fn from(error: KnowledgeError) -> Self {
        match error {
            KnowledgeError::NotFound => Self::not_found(),
            KnowledgeError::Stale { present } => stale().with("version", present),
            KnowledgeError::NoDraft => Self::new(StatusCode::CONFLICT, "no-draft", "There is nothing new to publish"),
            KnowledgeError::NotPublished => Self::new(StatusCode::CONFLICT, "not-published", "It is not published"),
            KnowledgeError::NoSuchTicketType => Self::invalid("ticket_types", "there is no such ticket type"),
            KnowledgeError::Interrupted => Self::unavailable(1),
            KnowledgeError::Database(error) => error.into(),
        }
    }
}

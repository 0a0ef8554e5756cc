//! Articles, and where in them a question is answered.

use sync_core::replica;

use crate::ids::ArticleId;

/// An article or a procedure, to be read.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Article {
    pub id: ArticleId,
    /// `article` or `procedure`.
    pub kind: String,
    pub title: String,
    /// Markdown.
    pub body: String,
    /// `zh`, `en` or `both`.
    pub language: String,
    pub tags: Vec<String>,
    /// Codes of the ticket types it is about.
    pub ticket_types: Vec<String>,
    pub asset_models: Vec<String>,
    pub published_ms: i64,
}

/// An article that answers a question.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct FoundArticle {
    pub id: ArticleId,
    pub kind: String,
    pub language: String,
    pub tags: Vec<String>,
    pub title: Vec<TextPart>,
    /// Where in the body the answer seems to be, on one line.
    pub snippet: Vec<TextPart>,
}

/// A stretch of text; a row of them is the text. So marks need no counting, which every platform does in other units.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct TextPart {
    pub text: String,
    /// It is of what was asked for: to be shown bold.
    pub is_found: bool,
}

/// How far the articles are on this phone.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct KnowledgeStatus {
    /// Rises with everything that is published or withdrawn; 0 before anything has come.
    pub version: u64,
    pub articles: u32,
    /// Nothing more was to come when the server last answered.
    pub is_complete: bool,
    /// When the last of it was sent.
    pub received_ms: Option<i64>,
    /// What was wrong with the last that was sent, if anything: for support.
    pub fault: Option<String>,
}

impl Article {
    pub(crate) fn of(id: ArticleId, article: sync_core::reference::Article) -> Self {
        Self {
            id,
            kind: article.kind,
            title: article.title,
            body: article.body,
            language: article.language,
            tags: article.tags,
            ticket_types: article.ticket_types,
            asset_models: article.asset_models,
            published_ms: article.published_at,
        }
    }
}

impl From<replica::FoundArticle> for FoundArticle {
    fn from(found: replica::FoundArticle) -> Self {
        let parts = |parts: Vec<sync_core::search::Part>| {
            parts.into_iter().map(|part| TextPart { text: part.text, is_found: part.is_found }).collect()
        };
        Self {
            id: ArticleId(found.id),
            kind: found.kind,
            language: found.language,
            tags: found.tags,
            title: parts(found.title),
            snippet: parts(found.snippet),
        }
    }
}

impl From<replica::KnowledgeState> for KnowledgeStatus {
    fn from(state: replica::KnowledgeState) -> Self {
        Self {
            version: state.version,
            articles: state.articles,
            is_complete: state.is_complete,
            received_ms: state.received.map(|time| time.0),
            fault: state.fault.map(|fault| fault.to_string()),
        }
    }
}

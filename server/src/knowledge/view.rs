//! Articles as the API shows and takes them.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sync_core::reference::Article;
use sync_core::search::Part;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::store::{ArticleRow, SummaryRow};
use crate::directory::{Code, Label, Unacceptable, prose};
use crate::platform::etag::Versioned;
use crate::platform::problem::{ApiResult, Problem, invalid};

const LANGUAGES: [&str; 3] = ["zh", "en", "both"];
const KINDS: [&str; 2] = ["article", "procedure"];
const STATES: [&str; 3] = ["published", "draft", "withdrawn"];
const MOST_LABELS: usize = 30;

/// Which articles are wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ArticleFilter {
    /// `published` unless given; `draft` are those with a text that is not published yet, `withdrawn` those taken away.
    pub state: Option<String>,
    /// `article` or `procedure`.
    pub kind: Option<String>,
    /// `zh` or `en`; those in both are of either.
    pub language: Option<String>,
    pub tag: Option<String>,
    /// Code of a ticket type that it is about.
    pub ticket_type: Option<String>,
    pub asset_model: Option<String>,
}

impl ArticleFilter {
    /// The state that is asked for.
    pub fn state(&self) -> ApiResult<&str> {
        let state = self.state.as_deref().unwrap_or("published");
        one_of(state, &STATES).map_err(invalid("state"))
    }
}

/// Which text of an article is wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TextQuery {
    /// The draft instead of what is published, for those who may write.
    #[serde(default)]
    pub draft: bool,
}

/// What is looked for.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// Words, in Chinese, in English or in both. There is no syntax.
    #[serde(default)]
    pub q: String,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ArticleView {
    pub article_id: Uuid,
    /// `article` or `procedure`.
    pub kind: String,
    /// The number of this text. Texts are numbered as they are written, published or not.
    pub number: i64,
    pub title: String,
    /// Markdown, as it was written.
    pub body: String,
    /// `zh`, `en` or `both`.
    pub language: String,
    pub tags: Vec<String>,
    pub ticket_types: Vec<String>,
    pub asset_models: Vec<String>,
    pub written_at: DateTime<Utc>,
    /// The number of the text that readers see; null if none is published.
    pub published: Option<i64>,
    pub published_at: Option<DateTime<Utc>>,
    /// The number of the text that is not published yet; null if there is none.
    pub draft: Option<i64>,
    pub withdrawn_at: Option<DateTime<Utc>>,
    pub version: i64,
}

impl From<ArticleRow> for Versioned<ArticleView> {
    fn from(row: ArticleRow) -> Self {
        let version = row.version;
        let body = ArticleView {
            article_id: row.article_id,
            kind: row.kind,
            number: row.number,
            title: row.title,
            body: row.body,
            language: row.language,
            tags: row.tags,
            ticket_types: row.ticket_types,
            asset_models: row.asset_models,
            written_at: row.written_at,
            published: row.published,
            published_at: row.published_at,
            draft: row.draft,
            withdrawn_at: row.withdrawn_at,
            version,
        };
        Self { version, body }
    }
}

/// An article without its body.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ArticleSummaryView {
    pub article_id: Uuid,
    pub kind: String,
    pub title: String,
    pub language: String,
    pub tags: Vec<String>,
    pub version: i64,
}

impl From<SummaryRow> for ArticleSummaryView {
    fn from(row: SummaryRow) -> Self {
        let SummaryRow { article_id, kind, title, language, tags, version } = row;
        Self { article_id, kind, title, language, tags, version }
    }
}

/// An article that answers a question.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FoundArticleView {
    pub article_id: Uuid,
    pub kind: String,
    pub language: String,
    pub tags: Vec<String>,
    pub title: Vec<PartView>,
    /// Where in the body the answer seems to be.
    pub snippet: Vec<PartView>,
}

/// A stretch of text; a row of them is the text.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PartView {
    pub text: String,
    /// It is of what was asked for.
    pub is_found: bool,
}

impl From<Part> for PartView {
    fn from(Part { text, is_found }: Part) -> Self {
        Self { text, is_found }
    }
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewArticleRequest {
    /// `article` unless given.
    pub kind: Option<String>,
    pub title: String,
    /// Markdown, up to 96 KiB.
    pub body: String,
    /// `zh`, `en` or `both`.
    pub language: String,
    #[serde(default)]
    pub tags: Vec<String>,
    /// Codes of ticket types that it is about.
    #[serde(default)]
    pub ticket_types: Vec<String>,
    #[serde(default)]
    pub asset_models: Vec<String>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextRequest {
    pub title: String,
    /// Markdown, up to 96 KiB.
    pub body: String,
    /// `zh`, `en` or `both`.
    pub language: String,
    #[serde(default)]
    pub tags: Vec<String>,
    /// Codes of ticket types that it is about.
    #[serde(default)]
    pub ticket_types: Vec<String>,
    #[serde(default)]
    pub asset_models: Vec<String>,
}

/// A text that can be written down.
#[derive(Debug, Clone)]
pub struct Text {
    pub title: String,
    pub body: String,
    pub language: String,
    pub tags: Vec<String>,
    pub ticket_types: Vec<String>,
    pub asset_models: Vec<String>,
}

impl NewArticleRequest {
    pub fn parse(self) -> ApiResult<(String, Text)> {
        let kind = one_of(self.kind.as_deref().unwrap_or("article"), &KINDS).map_err(invalid("kind"))?.to_owned();
        let Self { title, body, language, tags, ticket_types, asset_models, .. } = self;
        let text = TextRequest { title, body, language, tags, ticket_types, asset_models };
        Ok((kind, text.parse()?))
    }
}

impl TextRequest {
    pub fn parse(&self) -> ApiResult<Text> {
        let body = prose::<{ Article::LONGEST_BODY }>(&self.body).map_err(invalid("body"))?;
        let body = body.ok_or_else(|| Problem::invalid("body", "it must not be empty"))?;
        if body.len() > Article::LONGEST_BODY {
            return Err(Problem::invalid(
                "body",
                format!("it must not be longer than {} bytes", Article::LONGEST_BODY),
            ));
        }
        let code = |code: &str| Ok(Code::new(code)?.as_str().to_owned());
        Ok(Text {
            title: Label::<200>::new(&self.title).map_err(invalid("title"))?.into_string(),
            body,
            language: one_of(&self.language, &LANGUAGES).map_err(invalid("language"))?.to_owned(),
            tags: list(&self.tags, label).map_err(invalid("tags"))?,
            ticket_types: list(&self.ticket_types, code).map_err(invalid("ticket_types"))?,
            asset_models: list(&self.asset_models, label).map_err(invalid("asset_models"))?,
        })
    }
}

fn label(text: &str) -> Result<String, Unacceptable> {
    Ok(Label::<60>::new(text)?.into_string())
}

/// Each once, in order.
fn list(items: &[String], parse: impl Fn(&str) -> Result<String, Unacceptable>) -> Result<Vec<String>, Unacceptable> {
    let parsed: BTreeSet<String> = items.iter().map(|item| parse(item)).collect::<Result<_, _>>()?;
    match parsed.len() <= MOST_LABELS {
        true => Ok(parsed.into_iter().collect()),
        false => Err(Unacceptable::new(format!("there must not be more than {MOST_LABELS}"))),
    }
}

fn one_of<'a>(word: &'a str, words: &[&str]) -> Result<&'a str, Unacceptable> {
    match words.contains(&word) {
        true => Ok(word),
        false => Err(Unacceptable::new(format!("it must be one of {}", words.join(", ")))),
    }
}

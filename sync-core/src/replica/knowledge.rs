//! Articles and procedures on this device: taken in page by page, and found with no network.
//!
//! The articles are rows like any other. By which words they are found stands in an index of our own beside them
//! ([`index`]), changed in the same transaction. It is made of the articles alone: one that is damaged, or of an earlier
//! version of `search`, is made anew by the next search, and nothing is lost with it.

mod index;
mod part;
mod rows;
mod take;

use crate::ids::{ArticleId, Nonce};
use crate::reference::{Article, KNOWLEDGE};
use crate::replica::Replica;
use crate::replica::state::Work;
use crate::search::{Part, Query, Ranked, mark, rank, snippet};
use crate::store::{Store, StoreError, StoreTx};
use crate::time::ServerTime;
use crate::wire::ReferenceVersion;

use index::Index;
use rows::{AllArticles, ArticleRow, Set};

/// An article that answers a question.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundArticle {
    pub id: ArticleId,
    pub kind: String,
    pub language: String,
    pub tags: Vec<String>,
    pub title: Vec<Part>,
    /// Where in the body the answer seems to be.
    pub snippet: Vec<Part>,
    /// Larger is better; says nothing beyond this question.
    pub score: f64,
}

/// How far this device has its tenant's articles.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnowledgeState {
    /// Of the whole set; 0 before anything has come.
    pub version: u64,
    pub articles: u32,
    /// As of the last page, nothing more is to come.
    pub is_complete: bool,
    /// When the last page was sent, on the server's clock.
    pub received: Option<ServerTime>,
    /// Why the last page was not taken in, if it was not.
    pub fault: Option<KnowledgeFault>,
}

/// Why a page of articles was not taken in. What was there is there, and the next request asks again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KnowledgeFault {
    #[error("the page is too large")]
    TooLarge,
    #[error("the page does not follow the one before")]
    OutOfOrder,
    #[error("a row is not an article: {0}")]
    NotAnArticle(String),
}

/// Answers to one question, at most.
const MOST_FOUND: usize = 100;

impl<S: Store> Replica<S> {
    /// The articles that answer a question, best first. Whatever is asked is a question, perhaps an empty one.
    pub fn search_knowledge(&mut self, asked: &str, limit: usize) -> Result<Vec<FoundArticle>, StoreError> {
        let query = Query::parse(asked);
        if query.is_empty() {
            return Ok(Vec::new());
        }
        let secret = self.state.session.nonce;
        let mut tx = self.store.begin()?;
        let (ranked, is_made_anew) = match ranked(&tx, &query)? {
            Some(ranked) => (ranked, false),
            None => {
                make_anew(&mut tx, secret)?;
                (ranked(&tx, &query)?.unwrap_or_default(), true)
            }
        };
        let mut found = Vec::new();
        let mut is_damaged = false;
        for Ranked { document: id, score } in ranked.into_iter().take(limit.min(MOST_FOUND)) {
            let Some(article) = ArticleRow::read(&tx, id)?.and_then(|row| row.article) else {
                is_damaged = true;
                continue;
            };
            let (title, snippet) = (mark(&article.title, &query), snippet(&article.body, &query));
            let Article { kind, language, tags, .. } = article;
            found.push(FoundArticle { id, kind, language, tags, title, snippet, score });
        }
        if is_damaged {
            ask_for_all(&mut tx)?;
        }
        if is_damaged || is_made_anew {
            tx.commit()?;
        }
        Ok(found)
    }

    /// One article, if it is here.
    pub fn article(&mut self, id: ArticleId) -> Result<Option<Article>, StoreError> {
        Ok(ArticleRow::read(&self.store.begin()?, id)?.and_then(|row| row.article))
    }

    /// How far the articles are here.
    pub fn knowledge(&mut self) -> Result<KnowledgeState, StoreError> {
        let set = Set::read(&self.store.begin()?)?;
        let session = &self.state.session;
        Ok(KnowledgeState {
            version: if set.version == Set::ANEW { 0 } else { set.version },
            articles: set.articles,
            is_complete: set.version > 0 && set.version < Set::ANEW && !set.has_more && !set.is_replacing,
            received: set.received_at.map(ServerTime),
            fault: session.knowledge_fault.clone(),
        })
    }
}

impl<T: StoreTx> Work<T> {
    /// The next request asks for the whole set. What is here is of use until it has come.
    pub fn ask_for_all_articles(&mut self) -> Result<(), StoreError> {
        ask_for_all(&mut self.tx)
    }
}

/// What to tell the server of the set.
pub(super) fn held(tx: &impl StoreTx) -> Result<ReferenceVersion, StoreError> {
    Ok(ReferenceVersion { set: KNOWLEDGE.to_owned(), version: Set::read(tx)?.version })
}

fn ask_for_all(tx: &mut impl StoreTx) -> Result<(), StoreError> {
    Index::erase(tx)?;
    let set = Set::read(tx)?;
    if set.version == 0 { Ok(()) } else { Set { version: Set::ANEW, ..set }.write(tx) }
}

/// None if the index is not there or does not read.
fn ranked(tx: &impl StoreTx, query: &Query) -> Result<Option<Vec<Ranked<ArticleId>>>, StoreError> {
    let Some(index) = Index::open(tx)? else { return Ok(None) };
    let Some(postings) = index.postings(tx, query)? else { return Ok(None) };
    Ok(Some(rank(query, &postings, index.articles())))
}

/// Makes the index of the articles that are here.
fn make_anew(tx: &mut impl StoreTx, secret: Nonce) -> Result<(), StoreError> {
    let AllArticles { rows, unreadable } = ArticleRow::all(tx)?;
    let mut index = Index::begin(tx, secret)?;
    for (id, row) in &rows {
        if let Some(article) = &row.article {
            index.insert(*id, article);
        }
        if index.is_full() {
            let Some(written) = index.write(tx)? else { return Ok(()) };
            index = written;
        }
    }
    index.write(tx)?;
    if unreadable.is_empty() {
        return Ok(());
    }
    let mut set = Set::read(tx)?;
    for id in unreadable {
        ArticleRow::erase(tx, id)?;
        set.articles = set.articles.saturating_sub(1);
    }
    Set { version: Set::ANEW, ..set }.write(tx)
}

//! The knowledge base on this phone.

use std::sync::Arc;

use crate::driver::Driver;
use crate::error::FieldError;
use crate::ids::ArticleId;
use crate::record::{Article, FoundArticle, KnowledgeStatus};

/// The tenant's articles and procedures. They come with `sync`, after the tickets.
#[derive(uniffi::Object)]
pub struct Knowledge {
    driver: Arc<Driver>,
}

#[uniffi::export]
impl Knowledge {
    /// The articles that answer a question, best first: words in Chinese, in English or in both, as somebody types them.
    /// There is no syntax, and nothing that is typed is an error.
    #[uniffi::method(default(limit = 20))]
    pub fn search(&self, query: String, limit: u32) -> Result<Vec<FoundArticle>, FieldError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let found = self.driver.with(|replica| Ok(replica.search_knowledge(&query, limit)?))?;
        Ok(found.into_iter().map(FoundArticle::from).collect())
    }

    /// One article, to be read.
    pub fn article(&self, id: ArticleId) -> Result<Article, FieldError> {
        let found = self.driver.with(|replica| Ok(replica.article(id.0)?))?;
        let gone = || FieldError::NotFound { detail: format!("article {} is not on this phone", id.0) };
        Ok(Article::of(id, found.ok_or_else(gone)?))
    }

    /// How far the articles are here.
    pub fn status(&self) -> Result<KnowledgeStatus, FieldError> {
        self.driver.with(|replica| Ok(replica.knowledge()?.into()))
    }
}

impl Knowledge {
    pub(crate) fn new(driver: Arc<Driver>) -> Self {
        Self { driver }
    }
}

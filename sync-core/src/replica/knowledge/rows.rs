//! What stands in the table of articles: each article under its id, and one row on the set.

use prost::Message;

use crate::ids::ArticleId;
use crate::reference::Article;
use crate::store::{Sifted, StoreError, StoreTx, Table};

/// How far the set is here.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Set {
    /// 0 before anything has come; [`ANEW`](Self::ANEW) asks for everything.
    #[prost(uint64, tag = "1")]
    pub version: u64,
    /// Rises when the set comes anew; articles of an earlier one are gone once it is through.
    #[prost(uint32, tag = "2")]
    pub generation: u32,
    #[prost(bool, tag = "3")]
    pub is_replacing: bool,
    #[prost(bool, tag = "4")]
    pub has_more: bool,
    #[prost(sint64, optional, tag = "5")]
    pub received_at: Option<i64>,
    #[prost(uint32, tag = "6")]
    pub articles: u32,
}

/// One article.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ArticleRow {
    #[prost(uint32, tag = "1")]
    pub generation: u32,
    #[prost(message, optional, tag = "2")]
    pub article: Option<Article>,
}

/// What stands in the table.
pub(super) struct AllArticles {
    pub rows: Vec<(ArticleId, ArticleRow)>,
    pub unreadable: Vec<ArticleId>,
}

/// Shorter than any id.
const SET: &[u8] = b"set";

impl Set {
    /// A version that no server has: it answers with the whole set, even if that is empty.
    pub const ANEW: u64 = u64::MAX;

    /// One that does not read is as good as none: everything comes again.
    pub fn read(tx: &impl StoreTx) -> Result<Self, StoreError> {
        let row = readable(tx.get(Table::Article, SET))?;
        Ok(row.and_then(|bytes| Self::decode(bytes.as_slice()).ok()).unwrap_or_default())
    }

    pub fn write(&self, tx: &mut impl StoreTx) -> Result<(), StoreError> {
        tx.put(Table::Article, SET, &self.encode_to_vec())
    }
}

impl ArticleRow {
    /// None if it is not here or does not read.
    pub fn read(tx: &impl StoreTx, id: ArticleId) -> Result<Option<Self>, StoreError> {
        let row = readable(tx.get(Table::Article, id.as_bytes()))?;
        Ok(row.and_then(|bytes| Self::decode(bytes.as_slice()).ok()))
    }

    pub fn is_there(tx: &impl StoreTx, id: ArticleId) -> Result<bool, StoreError> {
        match tx.get(Table::Article, id.as_bytes()) {
            Err(StoreError::Unreadable(_)) => Ok(true),
            row => Ok(row?.is_some()),
        }
    }

    pub fn write(&self, tx: &mut impl StoreTx, id: ArticleId) -> Result<(), StoreError> {
        tx.put(Table::Article, id.as_bytes(), &self.encode_to_vec())
    }

    pub fn erase(tx: &mut impl StoreTx, id: ArticleId) -> Result<(), StoreError> {
        tx.delete(Table::Article, id.as_bytes())
    }

    /// Every article that reads, and the ids of those that do not.
    pub fn all(tx: &impl StoreTx) -> Result<AllArticles, StoreError> {
        let Sifted { rows, unreadable } = tx.sift(Table::Article, b"")?;
        let mut damaged: Vec<ArticleId> =
            unreadable.iter().filter_map(|(key, _)| ArticleId::from_slice(key).ok()).collect();
        let mut read = Vec::with_capacity(rows.len());
        for (key, value) in rows {
            let Ok(id) = ArticleId::from_slice(&key) else { continue };
            match Self::decode(value.as_slice()) {
                Ok(row) if row.article.is_some() => read.push((id, row)),
                _ => damaged.push(id),
            }
        }
        Ok(AllArticles { rows: read, unreadable: damaged })
    }
}

/// What does not read is not there.
pub(super) fn readable(row: Result<Option<Vec<u8>>, StoreError>) -> Result<Option<Vec<u8>>, StoreError> {
    match row {
        Err(StoreError::Unreadable(_)) => Ok(None),
        row => row,
    }
}

//! Taking in a page of articles, with its index, in the transaction of the reply that brought it.

use std::collections::BTreeMap;

use super::KnowledgeFault;
use super::index::Index;
use super::rows::{AllArticles, ArticleRow, Set};
use crate::ids::ArticleId;
use crate::reference::Article;
use crate::replica::reply::Page;
use crate::store::{StoreError, StoreTx};
use crate::wire::Reference;

/// Rows and bytes of rows in one page.
const MOST_ROWS: usize = 2_000;
const MOST_BYTES: usize = 8 << 20;

impl<T: StoreTx> Page<'_, T> {
    /// All of a page or nothing of it: what is wrong with it is told, and harms nothing beside it.
    pub(in crate::replica) fn take_knowledge(&mut self, reference: &Reference) -> Result<(), StoreError> {
        let mut set = Set::read(&self.work.tx)?;
        match checked(reference, &set) {
            Ok(rows) => {
                self.store_articles(&mut set, reference, rows)?;
                let session = &mut self.work.state.session;
                session.knowledge_has_more = reference.has_more;
                session.knowledge_fault = None;
                self.arrived.references = true;
            }
            Err(fault) => self.work.state.session.knowledge_fault = Some(fault),
        }
        Ok(())
    }

    fn store_articles(&mut self, set: &mut Set, reference: &Reference, rows: Rows) -> Result<(), StoreError> {
        let tx = &mut self.work.tx;
        if reference.replaces_all {
            set.generation = set.generation.wrapping_add(1);
            set.is_replacing = true;
        }
        // Where articles have no index the next search makes it.
        let index = match Index::open(tx)? {
            None if set.articles == 0 => Some(Index::begin(tx, self.fresh)?),
            index => index,
        };
        let mut keeper = Keeper { tx, set, index };
        for (id, article) in rows {
            keeper.put(id, article)?;
        }
        if keeper.set.is_replacing && !reference.has_more {
            keeper.let_go_of_the_rest()?;
        }
        keeper.write()?;
        set.version = reference.version;
        set.has_more = reference.has_more;
        set.received_at = Some(self.server_time.0);
        set.write(&mut self.work.tx)
    }
}

/// The last row of an article in a page counts; none if it is withdrawn.
type Rows = BTreeMap<ArticleId, Option<Article>>;

fn checked(reference: &Reference, set: &Set) -> Result<Rows, KnowledgeFault> {
    let bytes: usize = reference.rows.iter().map(|row| row.key.len() + row.value.len()).sum();
    if reference.rows.len() > MOST_ROWS || bytes > MOST_BYTES {
        return Err(KnowledgeFault::TooLarge);
    }
    let follows = set.version > 0 && reference.version > set.version && reference.version < Set::ANEW;
    if !reference.replaces_all && !follows || reference.has_more && reference.rows.is_empty() {
        return Err(KnowledgeFault::OutOfOrder);
    }
    let row = |row: &crate::wire::ReferenceRow| {
        let not_one = || KnowledgeFault::NotAnArticle(row.key.chars().take(40).collect());
        let id: ArticleId = row.key.parse().map_err(|_| not_one())?;
        match row.removed {
            true => Ok((id, None)),
            false => Ok((id, Some(Article::from_bytes(&row.value).ok_or_else(not_one)?))),
        }
    };
    reference.rows.iter().map(row).collect()
}

/// Keeps articles, set and index in step.
struct Keeper<'a, T> {
    tx: &'a mut T,
    set: &'a mut Set,
    /// None: it has to be made anew.
    index: Option<Index>,
}

impl<T: StoreTx> Keeper<'_, T> {
    fn put(&mut self, id: ArticleId, article: Option<Article>) -> Result<(), StoreError> {
        let was_there = ArticleRow::is_there(self.tx, id)?;
        let before = ArticleRow::read(self.tx, id)?.and_then(|row| row.article);
        let reads_alike = |one: &Article, other: &Article| (&one.title, &one.body) == (&other.title, &other.body);
        match (&before, &article) {
            (Some(before), Some(article))
                if reads_alike(before, article) && self.index.as_ref().is_none_or(|index| index.holds(id)) => {}
            _ => self.index_anew(id, was_there, before.as_ref(), article.as_ref()),
        }
        match article {
            Some(article) => {
                self.set.articles += u32::from(!was_there);
                ArticleRow { generation: self.set.generation, article: Some(article) }.write(self.tx, id)
            }
            None if was_there => {
                self.set.articles = self.set.articles.saturating_sub(1);
                ArticleRow::erase(self.tx, id)
            }
            None => Ok(()),
        }
    }

    fn index_anew(&mut self, id: ArticleId, was_there: bool, before: Option<&Article>, now: Option<&Article>) {
        let Some(index) = &mut self.index else { return };
        match before {
            Some(before) => index.remove(id, before),
            // Under which words it stands nobody can say any more.
            None if was_there => {
                self.index = None;
                return;
            }
            None => {}
        }
        if let Some(now) = now {
            index.insert(id, now);
        }
    }

    /// The set is here anew, and whole: what was not in it is gone.
    fn let_go_of_the_rest(&mut self) -> Result<(), StoreError> {
        let AllArticles { rows, unreadable } = ArticleRow::all(self.tx)?;
        let generation = self.set.generation;
        let (old, kept): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(_, row)| row.generation != generation);
        for id in old.into_iter().map(|(id, _)| id).chain(unreadable) {
            self.put(id, None)?;
        }
        self.set.articles = u32::try_from(kept.len()).unwrap_or(u32::MAX);
        self.set.is_replacing = false;
        Ok(())
    }

    fn write(self) -> Result<(), StoreError> {
        match self.index {
            Some(index) => index.write(self.tx).map(drop),
            None => Index::erase(self.tx),
        }
    }
}

//! Lists are answered page by page: `{items, next_cursor}`, by keyset, so that a page costs the same however far down it
//! lies and nothing is skipped when rows come and go.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::hex;
use super::problem::{ApiResult, Problem};

const USUAL: u32 = 50;
const MOST: u32 = 500;

/// Which page is wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// `next_cursor` of the page before; leave out for the first.
    pub cursor: Option<String>,
    /// How many items at most: 50 if left out, never more than 500.
    pub limit: Option<u32>,
}

impl PageQuery {
    /// How many items to answer with.
    pub fn limit(&self) -> usize {
        self.limit.unwrap_or(USUAL).clamp(1, MOST) as usize
    }

    /// How many rows to fetch: one more than the page holds tells whether there is another page.
    pub fn rows(&self) -> i64 {
        i64::try_from(self.limit()).unwrap_or(i64::MAX).saturating_add(1)
    }

    /// The key after which the page begins; none for the first page.
    pub fn after<K: DeserializeOwned>(&self) -> ApiResult<Option<K>> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let key = hex::decode(cursor).and_then(|bytes| serde_json::from_slice(&bytes).ok());
        key.map(Some).ok_or_else(|| Problem::invalid("cursor", "not a cursor of this list"))
    }
}

/// One page of a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Pass it as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// The page of these rows, fetched with [`PageQuery::rows`] as the limit, in the order of the key.
    pub fn of<R, K: Serialize>(rows: Vec<R>, query: &PageQuery, key: impl Fn(&R) -> K, view: impl Fn(R) -> T) -> Self {
        let limit = query.limit();
        let has_more = rows.len() > limit;
        let next_cursor = rows.get(limit - 1).filter(|_| has_more).map(|last| {
            // A key is a tuple of plain values, which always have a JSON form.
            hex::encode(&serde_json::to_vec(&key(last)).unwrap_or_default())
        });
        Self { items: rows.into_iter().take(limit).map(view).collect(), next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gap_or_repeat() {
        let all: Vec<u32> = (1..=5).collect();
        let mut query = PageQuery { cursor: None, limit: Some(2) };
        let mut seen = Vec::new();
        loop {
            let after: u32 = query.after().unwrap().unwrap_or(0);
            let rows: Vec<u32> = all.iter().copied().filter(|n| *n > after).take(query.rows() as usize).collect();
            let page = Page::of(rows, &query, |n| *n, |n| n);
            seen.push(page.items);
            query.cursor = page.next_cursor;
            if query.cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, [vec![1, 2], vec![3, 4], vec![5]]);
    }

    #[test]
    fn a_made_up_cursor_is_a_problem() {
        let query = PageQuery { cursor: Some("7b".to_owned()), limit: None };
        assert_eq!(query.after::<u32>().unwrap_err().slug(), "invalid-field");
    }
}

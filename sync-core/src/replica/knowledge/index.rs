//! By which words the articles on this device are found.
//!
//! The terms are spread over 256 parts, those that begin alike in one, so that an unfinished word is one look as well.
//! Which part that is comes from a hash with a secret of this index, and each part is one encrypted row: whoever finds
//! the phone learns how large 256 rows are, and not how often any term stands anywhere, as an index of SQLite's own would
//! say even with every term replaced by its hash.
//!
//! Articles are numbered; the roster says which number is which article.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use prost::Message;
use sha2::{Digest, Sha256};

use super::part::{IndexPart, Posting};
use super::rows::readable;
use crate::ids::{ArticleId, Nonce};
use crate::reference::Article;
use crate::search::{self, Hit, Postings, Query};
use crate::store::{StoreError, StoreTx, Table};

/// The index, and what is yet to be written of it.
#[derive(Debug)]
pub(super) struct Index {
    secret: Vec<u8>,
    next_number: u32,
    /// Each article's number, and how many terms it has.
    roster: BTreeMap<ArticleId, (u32, u32)>,
    edits: Vec<Edit>,
    /// Which parts there are, so that one that is missing is missed.
    present: [bool; 256],
    parts: BTreeMap<String, u8>,
}

/// A term of an article comes or goes.
#[derive(Debug)]
struct Edit {
    part: u8,
    term: String,
    number: u32,
    times: Option<(u16, u16)>,
}

#[derive(Clone, PartialEq, Message)]
struct RosterRow {
    /// Of `search`.
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(bytes = "vec", tag = "2")]
    secret: Vec<u8>,
    #[prost(uint32, tag = "3")]
    next_number: u32,
    /// Id, number and length, 24 bytes each.
    #[prost(bytes = "vec", tag = "4")]
    articles: Vec<u8>,
    /// The numbers of the parts that there are.
    #[prost(bytes = "vec", tag = "5")]
    parts: Vec<u8>,
}

const ROSTER: &[u8] = b"roster";
/// So many edits are kept in memory before they are written.
const MOST_EDITS: usize = 100_000;
/// Words that an unfinished one may become.
const MOST_ENDINGS: usize = 50;

impl Index {
    /// None if there is none, or not one that can be used.
    pub fn open(tx: &impl StoreTx) -> Result<Option<Self>, StoreError> {
        let row = readable(tx.get(Table::SearchIndex, ROSTER))?;
        let row = row.and_then(|bytes| RosterRow::decode(bytes.as_slice()).ok());
        Ok(row.filter(|row| row.version == search::VERSION).and_then(Self::of))
    }

    /// An empty one in place of whatever there is. The secret is random and never told.
    pub fn begin(tx: &mut impl StoreTx, secret: Nonce) -> Result<Self, StoreError> {
        Self::erase(tx)?;
        let secret = Sha256::digest([SECRET, &secret.0[..]].concat()).to_vec();
        Ok(Self {
            secret,
            next_number: 1,
            roster: BTreeMap::new(),
            edits: Vec::new(),
            present: [false; 256],
            parts: BTreeMap::new(),
        })
    }

    /// Lets go of it; the next search makes another.
    pub fn erase(tx: &mut impl StoreTx) -> Result<(), StoreError> {
        tx.delete(Table::SearchIndex, ROSTER)?;
        (0..=u8::MAX).try_for_each(|part| tx.delete(Table::SearchIndex, &part_key(part)))
    }

    pub fn articles(&self) -> u32 {
        u32::try_from(self.roster.len()).unwrap_or(u32::MAX)
    }

    pub fn holds(&self, id: ArticleId) -> bool {
        self.roster.contains_key(&id)
    }

    /// Adds an article that is not in it.
    pub fn insert(&mut self, id: ArticleId, article: &Article) {
        let counted = search::count(&article.title, &article.body);
        let number = self.next_number;
        self.next_number += 1;
        self.roster.insert(id, (number, counted.length));
        for (term, times) in counted.terms {
            self.edit(term, number, Some(times));
        }
    }

    /// Takes an article out, which read so.
    pub fn remove(&mut self, id: ArticleId, article: &Article) {
        let Some((number, _)) = self.roster.remove(&id) else { return };
        for (term, _) in search::count(&article.title, &article.body).terms {
            self.edit(term, number, None);
        }
    }

    fn edit(&mut self, term: String, number: u32, times: Option<(u16, u16)>) {
        let part = self.part_of(&term);
        self.edits.push(Edit { part, term, number, times });
    }

    /// It is time to write.
    pub fn is_full(&self) -> bool {
        self.edits.len() >= MOST_EDITS
    }

    /// Writes what has changed. Where a part does not read all of the index goes, and nothing comes back.
    pub fn write(mut self, tx: &mut impl StoreTx) -> Result<Option<Self>, StoreError> {
        let mut of_part: BTreeMap<u8, Vec<Edit>> = BTreeMap::new();
        for edit in self.edits.drain(..) {
            of_part.entry(edit.part).or_default().push(edit);
        }
        for (number, edits) in of_part {
            let Some(part) = self.read_part(tx, number)?.and_then(|part| edited(part, edits)) else {
                Self::erase(tx)?;
                return Ok(None);
            };
            self.present[usize::from(number)] = !part.is_empty();
            match part.is_empty() {
                true => tx.delete(Table::SearchIndex, &part_key(number))?,
                false => tx.put(Table::SearchIndex, &part_key(number), &part.encode())?,
            }
        }
        tx.put(Table::SearchIndex, ROSTER, &self.to_row().encode_to_vec())?;
        Ok(Some(self))
    }

    /// What the terms of a question are found in; none if the index does not read.
    pub fn postings(
        &self,
        tx: &impl StoreTx,
        query: &Query,
    ) -> Result<Option<BTreeMap<String, Postings<ArticleId>>>, StoreError> {
        let by_number: BTreeMap<u32, (ArticleId, u32)> =
            self.roster.iter().map(|(id, (number, length))| (*number, (*id, *length))).collect();
        let hits = |postings: Vec<Posting>| -> Option<Postings<ArticleId>> {
            let hit = |(number, (in_title, in_body)): Posting| {
                let (document, length) = *by_number.get(&number)?;
                Some(Hit { document, in_title, in_body, length })
            };
            let hits: Vec<Hit<ArticleId>> = postings.into_iter().map(hit).collect::<Option<_>>()?;
            Some(Postings { frequency: u32::try_from(hits.len()).unwrap_or(u32::MAX), hits })
        };
        let mut read: BTreeMap<u8, IndexPart> = BTreeMap::new();
        let mut found = BTreeMap::new();
        for term in query.terms() {
            let number = part_number(&self.secret, beginning(term));
            let part = match read.entry(number) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(vacant) => {
                    let Some(part) = self.read_part(tx, number)? else { return Ok(None) };
                    vacant.insert(part)
                }
            };
            let Some(mut postings) = part.postings(term) else { return Ok(None) };
            if postings.is_empty() && query.unfinished().is_some_and(|(_, whole)| whole == term) {
                let Some(endings) = endings(part, query) else { return Ok(None) };
                postings = endings;
            }
            let Some(postings) = hits(postings) else { return Ok(None) };
            found.insert(term.to_owned(), postings);
        }
        Ok(Some(found))
    }

    /// An empty one if there is none yet; none if it does not read.
    fn read_part(&self, tx: &impl StoreTx, number: u8) -> Result<Option<IndexPart>, StoreError> {
        let row = readable(tx.get(Table::SearchIndex, &part_key(number)))?;
        Ok(match (row, self.present[usize::from(number)]) {
            (Some(bytes), true) => IndexPart::decode(&bytes),
            (None, false) => Some(IndexPart::default()),
            _ => None,
        })
    }

    fn part_of(&mut self, term: &str) -> u8 {
        let beginning = beginning(term);
        if let Some(part) = self.parts.get(beginning) {
            return *part;
        }
        let part = part_number(&self.secret, beginning);
        self.parts.insert(beginning.to_owned(), part);
        part
    }

    fn of(row: RosterRow) -> Option<Self> {
        let (articles, rest) = row.articles.as_chunks::<24>();
        let article = |bytes: &[u8; 24]| {
            let word = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
            Some((ArticleId::from_slice(&bytes[..16]).ok()?, (word(16)?, word(20)?)))
        };
        let roster = articles.iter().map(article).collect::<Option<BTreeMap<_, _>>>()?;
        let (secret, next_number) = (row.secret, row.next_number);
        let is_sound = rest.is_empty() && !secret.is_empty();
        let mut present = [false; 256];
        row.parts.iter().for_each(|part| present[usize::from(*part)] = true);
        is_sound.then_some(Self { secret, next_number, roster, edits: Vec::new(), present, parts: BTreeMap::new() })
    }

    fn to_row(&self) -> RosterRow {
        let mut articles = Vec::with_capacity(24 * self.roster.len());
        for (id, (number, length)) in &self.roster {
            articles.extend_from_slice(id.as_bytes());
            articles.extend_from_slice(&number.to_be_bytes());
            articles.extend_from_slice(&length.to_be_bytes());
        }
        let (secret, next_number) = (self.secret.clone(), self.next_number);
        let parts = (0..=u8::MAX).filter(|part| self.present[usize::from(*part)]).collect();
        RosterRow { version: search::VERSION, secret, next_number, articles, parts }
    }
}

/// None if what it says of a term does not read.
fn edited(mut part: IndexPart, edits: Vec<Edit>) -> Option<IndexPart> {
    let mut of_term: BTreeMap<String, Vec<Edit>> = BTreeMap::new();
    for edit in edits {
        of_term.entry(edit.term.clone()).or_default().push(edit);
    }
    for (term, edits) in of_term {
        let mut postings: BTreeMap<u32, (u16, u16)> = part.postings(&term)?.into_iter().collect();
        for Edit { number, times, .. } in edits {
            match times {
                Some(times) => postings.insert(number, times),
                None => postings.remove(&number),
            };
        }
        part.put(term, &postings);
    }
    Some(part)
}

/// The articles with words that an unfinished one may become, as if they had that word; none if they do not read.
fn endings(part: &IndexPart, query: &Query) -> Option<Vec<Posting>> {
    let mut together: BTreeMap<u32, (u16, u16)> = BTreeMap::new();
    for term in part.terms().filter(|term| query.may_end_as(term)).take(MOST_ENDINGS) {
        for (number, (in_title, in_body)) in part.postings(term)? {
            let times = together.entry(number).or_default();
            *times = (times.0.saturating_add(in_title), times.1.saturating_add(in_body));
        }
    }
    Some(together.into_iter().collect())
}

/// What terms in one part have in common: a Chinese character, or two letters.
fn beginning(term: &str) -> &str {
    let mut characters = term.char_indices().skip(1);
    let second = characters.next();
    let first_is_letter = term.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    let end = if first_is_letter { characters.next() } else { second };
    &term[..end.map_or(term.len(), |(at, _)| at)]
}

fn part_number(secret: &[u8], beginning: &str) -> u8 {
    Sha256::digest([secret, beginning.as_bytes()].concat())[0]
}

fn part_key(number: u8) -> [u8; 2] {
    [b'p', number]
}

const SECRET: &[u8] = b"callout search index 1";

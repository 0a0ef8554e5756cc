//! Which texts answer a question, best first.
//!
//! Three attempts, of which the first that finds anything stands: texts that hold all of it; texts that hold most of it;
//! texts that hold at least its characters. Within one, BM25 with a title that counts more than a body. The length of a
//! usual text is fixed, not measured, so that a phone and the server come to the same order.

use std::collections::BTreeMap;

use super::query::{Clause, Query};

/// Where one term is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postings<D> {
    /// In how many texts, those included that are not named here.
    pub frequency: u32,
    pub hits: Vec<Hit<D>>,
}

/// A term in one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit<D> {
    pub document: D,
    /// How often in its title, and in its body.
    pub in_title: u16,
    pub in_body: u16,
    /// How many terms the text has.
    pub length: u32,
}

/// A text that answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked<D> {
    pub document: D,
    /// Larger is better; says nothing beyond this question.
    pub score: f64,
}

/// A title counts as so many bodies.
const TITLE: f64 = 6.0;
const SATURATION: f64 = 1.2;
const LENGTH_MATTERS: f64 = 0.5;
const USUAL_LENGTH: f64 = 500.0;
/// How much of a question must be there, by weight, where nothing holds all of it.
const MOST_OF_IT: f64 = 0.5;

/// Ranks the texts that hold any of the terms; `documents` is how many texts there are. Equal scores stand in the order
/// of the documents.
pub fn rank<D: Ord + Copy>(query: &Query, postings: &BTreeMap<String, Postings<D>>, documents: u32) -> Vec<Ranked<D>> {
    let looked = Looked { query, postings, documents: f64::from(documents) };
    let mut held: BTreeMap<D, Held<'_>> = BTreeMap::new();
    for (term, postings) in postings {
        let weight = looked.weight(term);
        for hit in &postings.hits {
            held.entry(hit.document).or_default().insert(term, weight * hit.relevance());
        }
    }
    for attempt in [Looked::all, Looked::most, Looked::characters] {
        let scored = held.iter().map(|(document, held)| (*document, attempt(&looked, held)));
        let found = scored.filter_map(|(document, score)| Some(Ranked { document, score: score? }));
        let mut found: Vec<Ranked<D>> = found.collect();
        if !found.is_empty() {
            found.sort_by(|one, other| other.score.total_cmp(&one.score).then(one.document.cmp(&other.document)));
            return found;
        }
    }
    Vec::new()
}

/// The terms that one text holds, each with what it is worth there.
type Held<'a> = BTreeMap<&'a str, f64>;

struct Looked<'a, D> {
    query: &'a Query,
    postings: &'a BTreeMap<String, Postings<D>>,
    documents: f64,
}

impl<D> Looked<'_, D> {
    fn frequency(&self, term: &str) -> f64 {
        self.postings.get(term).map_or(0.0, |postings| f64::from(postings.frequency))
    }

    /// What is rare says more.
    fn weight(&self, term: &str) -> f64 {
        let frequency = self.frequency(term).max(1.0);
        (1.0 + (self.documents.max(frequency) - frequency + 0.5) / (frequency + 0.5)).ln()
    }

    fn all(&self, held: &Held<'_>) -> Option<f64> {
        let mut score = 0.0;
        for clause in &self.query.clauses {
            score += clause.ways.iter().find_map(|way| worth(way, held))?;
        }
        Some(score)
    }

    /// A pair of characters that is in no text only says that two words of the question met there: it is not missed. A
    /// word that is in no text is.
    fn most(&self, held: &Held<'_>) -> Option<f64> {
        let (mut there, mut asked, mut score) = (0.0, 0.0, 0.0);
        for clause in &self.query.clauses {
            let Some(way) = clause.ways.first() else { continue };
            let known = way.iter().filter(|term| clause.is_whole || self.frequency(term) > 0.0);
            asked += known.map(|term| self.weight(term)).sum::<f64>();
            let best = clause.ways.iter().find_map(|way| worth(way, held));
            match best {
                Some(worth) => {
                    there += way.iter().map(|term| self.weight(term)).sum::<f64>();
                    score += worth;
                }
                // Half of `KX-2050` is another machine.
                None if clause.has_number => return None,
                None if clause.is_whole => {}
                None => {
                    for term in way.iter().filter(|term| held.contains_key(term.as_str())) {
                        there += self.weight(term);
                        score += held[term.as_str()];
                    }
                }
            }
        }
        (there > 0.0 && there >= asked * MOST_OF_IT).then_some(score)
    }

    fn characters(&self, held: &Held<'_>) -> Option<f64> {
        let mut score = 0.0;
        for clause in &self.query.clauses {
            score += match clause.is_whole {
                true => clause.ways.iter().find_map(|way| worth(way, held))?,
                false => worth(&clause.characters, held)?,
            };
        }
        Some(score)
    }
}

/// What these terms are worth together in a text that holds all of them.
fn worth(way: &[String], held: &Held<'_>) -> Option<f64> {
    way.iter().map(|term| held.get(term.as_str()).copied()).sum()
}

impl<D> Hit<D> {
    fn relevance(&self) -> f64 {
        let times = TITLE * f64::from(self.in_title) + f64::from(self.in_body);
        let length = 1.0 - LENGTH_MATTERS + LENGTH_MATTERS * f64::from(self.length) / USUAL_LENGTH;
        times * (SATURATION + 1.0) / (times + SATURATION * length)
    }
}

impl Clause {
    /// The terms to be marked in a text that has been found.
    pub(super) fn marked(&self) -> impl Iterator<Item = &String> {
        self.ways.iter().flatten()
    }
}

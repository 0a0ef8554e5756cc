//! The part of a text that answers, with the words that were found.

use std::collections::BTreeSet;
use std::ops::Range;

use super::query::Query;
use super::terms::{Occurrence, terms};

/// A stretch of text. A row of them is a text with marks, whatever the host counts its characters in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub text: String,
    /// It is of what was asked for.
    pub is_found: bool,
}

/// So much is shown of a body.
const CHARACTERS: usize = 120;
/// So much of it before the first mark.
const LEAD: usize = 30;
/// Of a text that is full of what was asked for, the beginning decides.
const MOST_MARKS: usize = 200;

/// The whole of a text with its marks.
pub fn mark(text: &str, query: &Query) -> Vec<Part> {
    parts(text, 0..text.len(), &found(text, query))
}

/// The stretch of a text in which most of the question is, on one line; its beginning if there is nothing of it.
pub fn snippet(text: &str, query: &Query) -> Vec<Part> {
    let found = found(text, query);
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let place = |byte: usize| starts.partition_point(|at| *at < byte);
    let byte = |place: usize| starts.get(place).copied().unwrap_or(text.len());
    // The stretch that begins with this mark, and how much it holds.
    let held = |first: &Occurrence| {
        let end = byte(place(first.start) + CHARACTERS - LEAD);
        let within = found.iter().take(MOST_MARKS).filter(|one| one.start >= first.start && one.end <= end);
        within.map(|one| one.term.as_str()).collect::<BTreeSet<_>>().len()
    };
    let mut best: Option<(usize, &Occurrence)> = None;
    for first in found.iter().take(MOST_MARKS) {
        let held = held(first);
        if best.is_none_or(|(most, _)| held > most) {
            best = Some((held, first));
        }
    }
    let first = best.map_or(0, |(_, first)| place(first.start).saturating_sub(LEAD));
    // At the end of a text there is nothing more to show, so rather more from before.
    let first = first.min(starts.len().saturating_sub(CHARACTERS));
    let window = byte(first)..byte(first + CHARACTERS);
    let mut parts = parts(text, window.clone(), &found);
    let more = || Part { text: "…".to_owned(), is_found: false };
    if window.start > 0 {
        parts.insert(0, more());
    }
    if window.end < text.len() {
        parts.push(more());
    }
    parts
}

/// What is to be marked: the terms asked for; of a text that has none of them, the characters.
fn found(text: &str, query: &Query) -> Vec<Occurrence> {
    let terms = terms(text);
    let asked: BTreeSet<&String> = query.clauses.iter().flat_map(|clause| clause.marked()).collect();
    let may_end = terms.iter().all(|one| query.unfinished().is_none_or(|(_, whole)| one.term != whole));
    let is_asked = |one: &&Occurrence| asked.contains(&one.term) || (may_end && query.may_end_as(&one.term));
    let found: Vec<Occurrence> = terms.iter().filter(is_asked).cloned().collect();
    if !found.is_empty() {
        return found;
    }
    let characters: BTreeSet<&String> = query.clauses.iter().flat_map(|clause| &clause.characters).collect();
    terms.into_iter().filter(|one| characters.contains(&one.term)).collect()
}

/// The text within, cut where marks begin and end; every run of blanks is one.
fn parts(text: &str, within: Range<usize>, found: &[Occurrence]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut marks = found.iter().map(|one| one.start..one.end).collect::<Vec<_>>();
    marks.sort_by_key(|mark| mark.start);
    let (mut next, mut marked_until) = (0, 0);
    for (at, c) in text[within.clone()].char_indices().map(|(at, c)| (at + within.start, c)) {
        while marks.get(next).is_some_and(|mark| mark.start <= at) {
            marked_until = marked_until.max(marks[next].end);
            next += 1;
        }
        let c = if c.is_whitespace() { ' ' } else { c };
        let is_found = at < marked_until;
        match parts.last_mut() {
            Some(part) if c == ' ' && part.text.ends_with(' ') => {}
            Some(part) if part.is_found == is_found => part.text.push(c),
            _ => parts.push(Part { text: c.to_string(), is_found }),
        }
    }
    parts
}

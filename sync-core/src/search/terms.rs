//! From a text to the terms that it is found by.
//!
//! - Of Chinese, every character and every pair of neighbours: 密封圈 gives 密, 密封, 封, 封圈, 圈. A question of two
//!   characters is one look; one of more is all its pairs.
//! - Of words with letters, the stem in lower case and without accents.
//! - Of names such as `KX-2040/B`, each part and every run of neighbouring parts written together, so that `KX2040B`,
//!   `kx-2040` and `2040` find it as well. Letters and digits that touch are parts of one name: `E04`, `24V`. A number and
//!   a short word beside it count as one too, because people write `E 04` and `24 V`.

use std::collections::BTreeMap;

use super::letters::{Kind, fold, kind};
use super::stem::stem;

/// A term and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    pub term: String,
    /// In bytes of the text, at the ends of characters.
    pub start: usize,
    pub end: usize,
}

/// The terms of an article, each with how often it stands in the title and in the body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counted {
    pub terms: BTreeMap<String, (u16, u16)>,
    /// How many terms title and body have together, counting each time.
    pub length: u32,
}

/// A longer term is cut here, on both sides.
const MOST_CHARACTERS: usize = 48;
/// Parts of one name that are written together with others.
pub(super) const MOST_PARTS: usize = 6;
/// The longest word that a number beside it may belong to: `24 kVA`, `KX 2040`.
const UNIT_LETTERS: usize = 4;

/// Every term of a text with its place.
pub fn terms(text: &str) -> Vec<Occurrence> {
    let mut found = Vec::new();
    let mut before: Option<Part> = None;
    for piece in pieces(text) {
        match piece {
            Piece::Run(characters) => {
                before = None;
                for (at, one) in characters.iter().enumerate() {
                    found.push(Occurrence { term: one.text.clone(), start: one.start, end: one.end });
                    if let Some(next) = characters.get(at + 1) {
                        let term = format!("{}{}", one.text, next.text);
                        found.push(Occurrence { term, start: one.start, end: next.end });
                    }
                }
            }
            Piece::Name(name) => {
                if let (Some(before), Some(first)) = (&before, name.parts.first())
                    && before.belongs_with(first)
                    && text[before.end..first.start] == *" "
                {
                    push_joined(&mut found, &[before.clone(), first.clone()]);
                }
                push_name(&mut found, &name.parts);
                before = name.parts.into_iter().next_back();
            }
        }
    }
    found
}

/// The terms of an article, counted.
pub fn count(title: &str, body: &str) -> Counted {
    let mut counted = Counted::default();
    for (text, is_title) in [(title, true), (body, false)] {
        for Occurrence { term, .. } in terms(text) {
            let (in_title, in_body) = counted.terms.entry(term).or_default();
            let times = if is_title { in_title } else { in_body };
            *times = times.saturating_add(1);
            counted.length = counted.length.saturating_add(1);
        }
    }
    counted
}

fn push_name(found: &mut Vec<Occurrence>, parts: &[Part]) {
    for (at, part) in parts.iter().enumerate() {
        found.push(Occurrence { term: part.term(), start: part.start, end: part.end });
        for together in 2..=MOST_PARTS.min(parts.len() - at) {
            push_joined(found, &parts[at..at + together]);
        }
    }
}

fn push_joined(found: &mut Vec<Occurrence>, parts: &[Part]) {
    if let (Some(first), Some(last)) = (parts.first(), parts.last()) {
        found.push(Occurrence { term: joined(parts), start: first.start, end: last.end });
    }
}

/// A name with its parts written together.
pub(super) fn joined(parts: &[Part]) -> String {
    let text: String = parts.iter().map(|part| part.text.as_str()).collect();
    cut(&if parts.iter().any(|part| part.is_number) { text } else { stem(&text) })
}

fn cut(term: &str) -> String {
    term.chars().take(MOST_CHARACTERS).collect()
}

/// Something with no gap in it.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    /// Characters of a script without spaces.
    Run(Vec<Part>),
    Name(Name),
}

/// Letters and digits, with joints between them perhaps.
#[derive(Debug, Clone, Default)]
pub(super) struct Name {
    pub parts: Vec<Part>,
    /// There is a joint within.
    pub is_jointed: bool,
}

/// A word, a number or one character, folded.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub text: String,
    pub start: usize,
    pub end: usize,
    pub is_number: bool,
}

impl Part {
    pub fn term(&self) -> String {
        cut(&if self.is_number { self.text.clone() } else { stem(&self.text) })
    }

    /// `24` and `V`, `KX` and `2040`.
    fn belongs_with(&self, next: &Self) -> bool {
        let word = if self.is_number { next } else { self };
        self.is_number != next.is_number && word.text.chars().count() <= UNIT_LETTERS
    }
}

/// Takes a text apart.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut cutter = Cutter::default();
    for (start, c) in text.char_indices() {
        let end = start + c.len_utf8();
        let mut is_there = false;
        fold(c, |folded| {
            is_there = true;
            cutter.take(folded, start, end);
        });
        if !is_there {
            cutter.stretch(end);
        }
    }
    cutter.close();
    cutter.pieces
}

#[derive(Default)]
struct Cutter {
    pieces: Vec<Piece>,
    run: Vec<Part>,
    name: Name,
    /// A joint has been seen since the last part.
    is_at_joint: bool,
    /// Something that is not there has been seen: within a name it is a gap after all.
    is_broken: bool,
}

impl Cutter {
    fn take(&mut self, c: char, start: usize, end: usize) {
        match kind(c) {
            Kind::Ideograph => {
                self.close_name();
                self.run.push(Part { text: c.to_string(), start, end, is_number: false });
            }
            letter_or_digit @ (Kind::Letter | Kind::Digit) => {
                if self.is_broken {
                    self.close_name();
                }
                self.close_run();
                let is_number = letter_or_digit == Kind::Digit;
                match self.name.parts.last_mut() {
                    Some(part) if part.is_number == is_number && !self.is_at_joint => {
                        part.text.push(c);
                        part.end = end;
                    }
                    _ => {
                        self.name.is_jointed |= self.is_at_joint;
                        self.name.parts.push(Part { text: c.to_string(), start, end, is_number });
                    }
                }
                self.is_at_joint = false;
            }
            Kind::Joint => {
                self.close_run();
                if self.is_at_joint || self.is_broken {
                    self.close_name();
                } else {
                    self.is_at_joint = !self.name.parts.is_empty();
                }
            }
            Kind::Nothing => self.is_broken |= matches!(c, '*' | '`' | '\n' | '\r'),
            Kind::Gap => self.close(),
        }
    }

    /// An accent belongs to what stands before it.
    fn stretch(&mut self, end: usize) {
        let last = if self.run.is_empty() { self.name.parts.last_mut() } else { self.run.last_mut() };
        if let Some(last) = last.filter(|_| !self.is_at_joint && !self.is_broken) {
            last.end = end;
        }
    }

    fn close(&mut self) {
        self.close_run();
        self.close_name();
    }

    fn close_run(&mut self) {
        if !self.run.is_empty() {
            self.pieces.push(Piece::Run(std::mem::take(&mut self.run)));
        }
        if self.name.parts.is_empty() {
            self.is_broken = false;
        }
    }

    fn close_name(&mut self) {
        if !self.name.parts.is_empty() {
            self.pieces.push(Piece::Name(std::mem::take(&mut self.name)));
        }
        (self.is_at_joint, self.is_broken) = (false, false);
    }
}

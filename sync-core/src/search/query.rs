//! What somebody typed, as what to look for.
//!
//! There is no syntax: a quotation mark, an asterisk, a minus is what it is in any text, a gap. Whatever is typed is a
//! question, perhaps an empty one, and never an error.

use std::collections::BTreeSet;

use super::terms::{MOST_PARTS, Name, Part, Piece, joined, pieces};

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    pub(super) clauses: Vec<Clause>,
    /// The last word, as typed so far: where nothing has that word, words that begin so count as it.
    unfinished: Option<String>,
}

/// A word, a name or a run of Chinese.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause {
    /// Each is a way to hold it: all terms of one are there.
    pub ways: Vec<Vec<String>>,
    /// The single characters, for what stands in other words: 换泵 for 更换水泵.
    pub characters: Vec<String>,
    /// A word or a name, which is there or not; half of it is nothing.
    pub is_whole: bool,
    /// It has a number in it, and nothing answers without that.
    pub has_number: bool,
}

/// More is not read.
const MOST_CHARACTERS: usize = 200;
const MOST_CLAUSES: usize = 16;
const MOST_TERMS: usize = 64;
/// From here on an unfinished word says enough.
const LEAST_OF_A_WORD: usize = 3;

/// Words of a question that are in too many texts, or in too few, to ask for.
const IDLE: [&str; 40] = [
    "a", "an", "and", "any", "are", "at", "be", "by", "can", "did", "do", "does", "for", "from", "get", "has", "have",
    "how", "i", "if", "in", "is", "it", "its", "my", "of", "on", "or", "our", "that", "the", "there", "this", "to",
    "was", "we", "what", "when", "where", "with",
];

impl Query {
    /// Reads a question.
    pub fn parse(text: &str) -> Self {
        let text: String = text.chars().take(MOST_CHARACTERS).collect();
        let pieces = pieces(&text);
        let is_idle = |piece: &Piece| matches!(piece, Piece::Name(name) if is_idle(name));
        let all_idle = pieces.iter().all(is_idle);
        let mut clauses: Vec<Clause> = Vec::new();
        let mut unfinished = None;
        let mut terms = 0;
        for piece in pieces.iter().filter(|piece| all_idle || !is_idle(piece)) {
            let clause = match piece {
                Piece::Run(run) => Clause::of_run(run),
                Piece::Name(name) => Clause::of_name(name),
            };
            terms += clause.terms().count();
            if clauses.len() == MOST_CLAUSES || terms > MOST_TERMS {
                break;
            }
            unfinished = match piece {
                Piece::Name(name) => name.unfinished(&text),
                Piece::Run(_) => None,
            };
            if !clauses.contains(&clause) {
                clauses.push(clause);
            }
        }
        Self { clauses, unfinished }
    }

    /// Nothing in it can be looked for.
    pub fn is_empty(&self) -> bool {
        self.clauses.is_empty()
    }

    /// Every term that has to do with it.
    pub fn terms(&self) -> BTreeSet<&str> {
        self.clauses.iter().flat_map(Clause::terms).collect()
    }

    /// The last word as it is compared with terms, and the term that it would be if it were whole.
    pub fn unfinished(&self) -> Option<(&str, &str)> {
        let typed = self.unfinished.as_deref()?;
        Some((typed, self.clauses.last()?.ways.first()?.first()?))
    }

    /// Whether this term may be the whole of the last word. A stem may be shorter than what was typed: `replacin`.
    pub fn may_end_as(&self, term: &str) -> bool {
        let is_stem_of = |typed: &str| term.len() >= 4 && typed.len() <= term.len() + 2 && typed.starts_with(term);
        self.unfinished.as_deref().is_some_and(|typed| term.starts_with(typed) || is_stem_of(typed))
    }
}

impl Clause {
    fn of_run(run: &[Part]) -> Self {
        let characters: Vec<String> = run.iter().map(|one| one.text.clone()).collect();
        let way = match run {
            [one] => vec![one.text.clone()],
            _ => run.windows(2).map(|pair| pair.iter().map(|one| one.text.as_str()).collect()).collect(),
        };
        Self { ways: vec![way], characters, is_whole: false, has_number: false }
    }

    fn of_name(name: &Name) -> Self {
        let together = name.parts.len().min(MOST_PARTS);
        let mut ways = vec![name.parts.windows(together).map(joined).collect()];
        if name.is_jointed {
            ways.push(name.parts.iter().map(Part::term).collect());
        }
        let has_number = name.parts.iter().any(|part| part.is_number);
        Self { ways, characters: Vec::new(), is_whole: true, has_number }
    }

    pub fn terms(&self) -> impl Iterator<Item = &str> {
        self.ways.iter().flatten().chain(&self.characters).map(String::as_str)
    }
}

impl Name {
    /// The word that is still being typed, if it is a plain one at the very end.
    fn unfinished(&self, text: &str) -> Option<String> {
        let [word] = self.parts.as_slice() else { return None };
        let is_word = !word.is_number && word.text.chars().count() >= LEAST_OF_A_WORD;
        (is_word && word.end == text.len()).then(|| word.text.clone())
    }
}

fn is_idle(name: &Name) -> bool {
    matches!(name.parts.as_slice(), [word] if IDLE.contains(&word.text.as_str()))
}

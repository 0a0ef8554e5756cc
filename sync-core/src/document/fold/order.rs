//! What had been seen when each fact was written: the transitive closure of `after`.
//!
//! A reference to a fact that is not here is passed over, and so is one that would close a circle: hostile facts can
//! lie about what they saw, but not make this hang, panic or differ between two readers of the same facts.

use crate::document::fact::Fact;
use crate::ids::FactId;

/// Facts in an order that respects causality; a fact is known by its place in it.
#[derive(Debug)]
pub(crate) struct Order<'a> {
    facts: Vec<&'a Fact>,
    /// Those that count; the others only link what came before them to what came after.
    counts: Vec<bool>,
    /// One row of bits a fact: the places of all it had seen.
    past: Vec<u64>,
    words: usize,
}

impl<'a> Order<'a> {
    /// Of these facts, which come sorted by id.
    pub fn of(by_id: &[&'a Fact], counts: impl Fn(&Fact) -> bool) -> Self {
        let words = by_id.len().div_ceil(64);
        let mut order = Order { facts: Vec::with_capacity(by_id.len()), counts: Vec::new(), past: Vec::new(), words };
        order.past.reserve_exact(words * by_id.len());
        let mut visited = vec![Visited::No; by_id.len()];
        let mut path: Vec<(usize, usize)> = Vec::new();
        for start in 0..by_id.len() {
            if visited[start] == Visited::No {
                visited[start] = Visited::OnPath;
                path.push((start, 0));
            }
            while let Some((at, next)) = path.last_mut() {
                let fact = by_id[*at];
                match fact.after.get(*next).map(|id| position(by_id, *id)) {
                    Some(seen) => {
                        *next += 1;
                        if let Some(seen) = seen.filter(|seen| visited[*seen] == Visited::No) {
                            visited[seen] = Visited::OnPath;
                            path.push((seen, 0));
                        }
                    }
                    None => {
                        order.push(fact, by_id, &visited);
                        visited[*at] = Visited::Placed(order.facts.len() - 1);
                        path.pop();
                    }
                }
            }
        }
        order.counts = order.facts.iter().map(|fact| counts(fact)).collect();
        order
    }

    pub fn fact(&self, place: usize) -> &'a Fact {
        self.facts[place]
    }

    /// The facts that count.
    pub fn facts(&self) -> impl Iterator<Item = (usize, &'a Fact)> + '_ {
        self.all().filter(|(place, _)| self.counts[*place])
    }

    pub fn counts(&self, place: usize) -> bool {
        self.counts[place]
    }

    /// Those that do not count too.
    pub fn all(&self) -> impl Iterator<Item = (usize, &'a Fact)> + '_ {
        self.facts.iter().copied().enumerate()
    }

    /// Whether the author of `later` had seen `earlier`.
    pub fn precedes(&self, earlier: usize, later: usize) -> bool {
        self.past[later * self.words + earlier / 64] >> (earlier % 64) & 1 == 1
    }

    /// Whether neither author had seen the other's.
    pub fn concurrent(&self, a: usize, b: usize) -> bool {
        a != b && !self.precedes(a, b) && !self.precedes(b, a)
    }

    fn push(&mut self, fact: &'a Fact, by_id: &[&Fact], visited: &[Visited]) {
        let row = self.past.len();
        self.past.resize(row + self.words, 0);
        for seen in fact.after.iter().filter_map(|id| position(by_id, *id)) {
            if let Visited::Placed(place) = visited[seen] {
                for word in 0..self.words {
                    self.past[row + word] |= self.past[place * self.words + word];
                }
                self.past[row + place / 64] |= 1 << (place % 64);
            }
        }
        self.facts.push(fact);
    }
}

/// The facts among `by_id` that whoever wrote something `after` these had seen, sorted by id.
pub(crate) fn seen<'a>(by_id: &[&'a Fact], after: &[FactId]) -> Vec<&'a Fact> {
    let mut is_seen = vec![false; by_id.len()];
    let mut open: Vec<FactId> = after.to_vec();
    while let Some(id) = open.pop() {
        if let Some(place) = position(by_id, id)
            && !is_seen[place]
        {
            is_seen[place] = true;
            open.extend(&by_id[place].after);
        }
    }
    by_id.iter().zip(is_seen).filter_map(|(fact, is_seen)| is_seen.then_some(*fact)).collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Visited {
    No,
    OnPath,
    Placed(usize),
}

fn position(by_id: &[&Fact], id: FactId) -> Option<usize> {
    by_id.binary_search_by_key(&id, |fact| fact.id).ok()
}

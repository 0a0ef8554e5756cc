//! A part of the index: some terms, and for each the articles that hold it.
//!
//! `term length, term, postings length, postings`, and so on, by term. A posting is the distance from the article before,
//! then how often the term stands in the body, doubled, plus one if it stands in the title too, and how often it does.
//! All are varints.

use std::collections::BTreeMap;

use prost::encoding::{decode_varint, encode_varint};

/// An article by its number in the index, and how often a term stands in its title and its body.
pub(super) type Posting = (u32, (u16, u16));

/// The terms of a part. Postings stay as they are stored until somebody wants them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct IndexPart {
    terms: BTreeMap<String, Vec<u8>>,
}

impl IndexPart {
    /// None if this is not a part.
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut terms = BTreeMap::new();
        while !bytes.is_empty() {
            let term = std::str::from_utf8(take(&mut bytes)?).ok()?.to_owned();
            terms.insert(term, take(&mut bytes)?.to_vec());
        }
        Some(Self { terms })
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (term, postings) in &self.terms {
            for stretch in [term.as_bytes(), postings] {
                encode_varint(stretch.len() as u64, &mut bytes);
                bytes.extend_from_slice(stretch);
            }
        }
        bytes
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    pub fn terms(&self) -> impl Iterator<Item = &str> {
        self.terms.keys().map(String::as_str)
    }

    /// The articles that hold a term, by number; none if they do not read.
    pub fn postings(&self, term: &str) -> Option<Vec<Posting>> {
        let Some(mut bytes) = self.terms.get(term).map(Vec::as_slice) else { return Some(Vec::new()) };
        let mut postings = Vec::new();
        let mut number = 0_u32;
        while !bytes.is_empty() {
            number = number.checked_add(small(&mut bytes)?)?;
            let body = decode_varint(&mut bytes).ok()?;
            let in_title = if body & 1 == 1 { u16::try_from(decode_varint(&mut bytes).ok()?).ok()? } else { 0 };
            postings.push((number, (in_title, u16::try_from(body >> 1).ok()?)));
        }
        Some(postings)
    }

    /// Puts these in place of what there was of the term.
    pub fn put(&mut self, term: String, postings: &BTreeMap<u32, (u16, u16)>) {
        if postings.is_empty() {
            self.terms.remove(&term);
            return;
        }
        let mut bytes = Vec::with_capacity(3 * postings.len());
        let mut before = 0;
        for (number, (in_title, in_body)) in postings {
            encode_varint(u64::from(number - before), &mut bytes);
            encode_varint(u64::from(*in_body) << 1 | u64::from(*in_title > 0), &mut bytes);
            if *in_title > 0 {
                encode_varint(u64::from(*in_title), &mut bytes);
            }
            before = *number;
        }
        self.terms.insert(term, bytes);
    }
}

fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = small(bytes)? as usize;
    let (stretch, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(stretch)
}

fn small(bytes: &mut &[u8]) -> Option<u32> {
    u32::try_from(decode_varint(bytes).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_part_reads_back(terms: BTreeMap<String, BTreeMap<u32, (u16, u16)>>) {
            let mut part = IndexPart::default();
            for (term, postings) in &terms {
                part.put(term.clone(), postings);
            }
            let read = IndexPart::decode(&part.encode()).unwrap();
            prop_assert_eq!(&read, &part);
            for (term, postings) in terms {
                prop_assert_eq!(read.postings(&term).unwrap(), Vec::from_iter(postings));
            }
        }

        #[test]
        fn whatever_stands_there_is_read_or_refused(bytes: Vec<u8>) {
            if let Some(part) = IndexPart::decode(&bytes) {
                for term in part.terms() {
                    part.postings(term);
                }
            }
        }
    }
}

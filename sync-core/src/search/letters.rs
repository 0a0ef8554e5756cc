//! One character at a time: what it is compared as, and of what kind it is.

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

/// How the character belongs to those around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of a script that is written without spaces: each one is a word and may be half of one.
    Ideograph,
    Letter,
    Digit,
    /// Holds parts of one name together: `KX-2040/B`.
    Joint,
    /// Is not there: emphasis in Markdown, the end of a line within a sentence, an accent, a soft hyphen.
    Nothing,
    Gap,
}

/// Gives each character that `c` is compared as: full-width forms as usual ones, without accents, in lower case.
///
/// Traditional characters stay as they are: which simplified one is meant takes a dictionary, and a tenant writes in one
/// of the two.
pub(super) fn fold(c: char, mut each: impl FnMut(char)) {
    if is_hangul(c) {
        // Taken apart, a syllable would be three characters.
        return each(c);
    }
    decompose_compatible(c, |part| {
        if !is_combining_mark(part) {
            part.to_lowercase().filter(|lower| !is_combining_mark(*lower)).for_each(&mut each);
        }
    });
}

/// Of what kind a folded character is.
pub(super) fn kind(c: char) -> Kind {
    match c {
        '-' | '/' | '.' | '_' | '\u{2010}' => Kind::Joint,
        '*' | '`' | '\n' | '\r' | '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => Kind::Nothing,
        // Their blocks hold punctuation too, such as the middle dot between foreign names.
        _ if is_ideograph(c) && c.is_alphanumeric() => Kind::Ideograph,
        _ if c.is_numeric() => Kind::Digit,
        _ if c.is_alphabetic() => Kind::Letter,
        _ => Kind::Gap,
    }
}

/// Chinese and Japanese characters and Korean syllables.
pub(super) fn is_ideograph(c: char) -> bool {
    matches!(c,
        '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{3105}'..='\u{312f}' | '\u{31a0}'..='\u{31bf}'
        | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{323af}')
        || is_hangul(c)
}

fn is_hangul(c: char) -> bool {
    matches!(c, '\u{ac00}'..='\u{d7a3}')
}

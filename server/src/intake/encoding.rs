//! From the bytes of a file to text, whatever wrote it.
//!
//! A byte order mark decides; else the encoding that the mapping names; else UTF-8 if the bytes are that, and
//! Windows-1252 if they are not. Exports of Chinese Excel name `gb18030` in their mapping: no guess tells it from
//! Western text safely.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use crate::directory::Unacceptable;

/// The encoding of this label (`utf-8`, `gb18030`, `windows-1252`, `big5`, …).
pub fn encoding(label: &str) -> Result<&'static Encoding, Unacceptable> {
    Encoding::for_label_no_replacement(label.as_bytes()).ok_or_else(|| {
        Unacceptable::new("it must be the name of an encoding, for example utf-8, gb18030 or windows-1252")
    })
}

/// A file's text.
#[derive(Debug, PartialEq, Eq)]
pub struct Decoded<'b> {
    pub text: Cow<'b, str>,
    /// What it was taken for.
    pub encoding: &'static str,
    /// Some bytes meant nothing in it; U+FFFD stands in their place.
    pub is_malformed: bool,
}

/// Decodes a whole file. It never fails; what it had to do is in the result.
pub fn decode<'b>(bytes: &'b [u8], named: Option<&'static Encoding>) -> Decoded<'b> {
    let (encoding, bytes) = match Encoding::for_bom(bytes) {
        Some((encoding, length)) => (encoding, &bytes[length..]),
        None => (named.unwrap_or_else(|| guess(bytes)), bytes),
    };
    let (text, is_malformed) = encoding.decode_without_bom_handling(bytes);
    Decoded { text, encoding: encoding.name(), is_malformed }
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    if std::str::from_utf8(bytes).is_ok() { UTF_8 } else { WINDOWS_1252 }
}

/// Undoes UTF-8 that was read as Windows-1252 and written as UTF-8 again: `CafÃ©` becomes `Café`, `Â\u{a0}` a no-break
/// space. Every character sequence that is not exactly such a thing stays as it is.
pub fn repair_mojibake(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut repaired = String::new();
    let mut rest = text;
    let mut is_changed = false;
    while let Some(first) = rest.chars().next() {
        match misread(rest) {
            Some((meant, length)) => {
                repaired.push(meant);
                rest = &rest[length..];
                is_changed = true;
            }
            None => {
                repaired.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    if is_changed { Cow::Owned(repaired) } else { Cow::Borrowed(text) }
}

/// The character that the beginning of this text was before it was misread, and how many bytes of the text it takes.
fn misread(text: &str) -> Option<(char, usize)> {
    let mut chars = text.chars();
    let lead = chars.next()?;
    let mut bytes = [0; 4];
    bytes[0] = windows_1252(lead)?;
    let count = match bytes[0] {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return None,
    };
    let mut length = lead.len_utf8();
    for byte in &mut bytes[1..count] {
        let next = chars.next()?;
        *byte = windows_1252(next)?;
        length += next.len_utf8();
    }
    let meant = std::str::from_utf8(&bytes[..count]).ok()?.chars().next()?;
    Some((meant, length))
}

/// The byte that was read as this character.
fn windows_1252(c: char) -> Option<u8> {
    if let Ok(byte) = u8::try_from(c) {
        return Some(byte);
    }
    HIGH.iter().position(|high| *high == c).and_then(|at| u8::try_from(0x80 + at).ok())
}

/// What Windows-1252 has at 0x80 to 0x9f; five places are unassigned and read as themselves.
const HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Text as it looks after UTF-8 was read as Windows-1252.
    fn misread_once(text: &str) -> String {
        WINDOWS_1252.decode_without_bom_handling(text.as_bytes()).0.into_owned()
    }

    #[test]
    fn a_byte_order_mark_decides() {
        assert_eq!(decode(b"\xef\xbb\xbfa,b", None).text, "a,b");
        let wide: Vec<u8> =
            b"\xff\xfe".iter().copied().chain("a,王".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(decode(&wide, Some(UTF_8)).text, "a,王");
        assert_eq!(decode(&wide, None).encoding, "UTF-16LE");
    }

    #[test]
    fn what_is_not_utf_8_is_taken_for_western() {
        let decoded = decode(b"caf\xe9", None);
        assert_eq!((decoded.text.as_ref(), decoded.encoding, decoded.is_malformed), ("café", "windows-1252", false));
    }

    #[test]
    fn a_named_encoding_is_used_and_nonsense_in_it_is_told() {
        let (bytes, ..) = encoding_rs::GB18030.encode("空调报修");
        assert_eq!(decode(&bytes, Some(encoding("gbk").unwrap())).text, "空调报修");
        assert!(decode(b"caf\xe9!", Some(UTF_8)).is_malformed);
        assert!(encoding("klingon").is_err());
        assert!(encoding("replacement").is_err());
    }

    #[test]
    fn mojibake_is_repaired_and_honest_text_is_left_alone() {
        assert_eq!(repair_mojibake("requested.Â\u{a0} No"), "requested.\u{a0} No");
        for honest in ["café", "naïve Ångström", "£5", "“quoted” – 3×4", "王工", "Ã", "Ãx", "Â"] {
            assert_eq!(repair_mojibake(honest), honest);
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_was_misread_comes_back(text in "\\PC{0,60}") {
            proptest::prop_assert_eq!(repair_mojibake(&misread_once(&text)).into_owned(), text);
        }

        #[test]
        fn any_bytes_decode(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            decode(&bytes, None);
            decode(&bytes, Some(encoding_rs::GB18030));
        }
    }
}

//! Ids as keys of maps in a document: 22 letters of base64url, ten fewer than in hexadecimal.

use uuid::Uuid;

/// How many letters a key has.
pub const LEN: usize = 22;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The key of an id.
pub fn of(id: &Uuid) -> String {
    let bits = id.as_u128();
    (0..LEN)
        .map(|i| {
            ALPHABET[if i < 21 { (bits >> (122 - 6 * i)) as usize & 63 } else { (bits << 4) as usize & 63 }] as char
        })
        .collect()
}

/// The id of a key; nothing unless it is spelt exactly as [`of`] would.
pub fn parse(key: &str) -> Option<Uuid> {
    let letters: &[u8; LEN] = key.as_bytes().try_into().ok()?;
    let mut bits = 0u128;
    for (i, letter) in letters.iter().enumerate() {
        let six = u128::from(value_of(*letter)?);
        match i {
            21 if six & 15 != 0 => return None,
            21 => bits = bits << 2 | six >> 4,
            _ => bits = bits << 6 | six,
        }
    }
    Some(Uuid::from_u128(bits))
}

fn value_of(letter: u8) -> Option<u8> {
    match letter {
        b'A'..=b'Z' => Some(letter - b'A'),
        b'a'..=b'z' => Some(letter - b'a' + 26),
        b'0'..=b'9' => Some(letter - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_has_one_spelling() {
        for bits in [0, 1, u128::MAX, 0x0190_1234_5678_7abc_8def_0123_4567_89ab] {
            let id = Uuid::from_u128(bits);
            assert_eq!(parse(&of(&id)), Some(id));
        }
        assert_eq!(of(&Uuid::from_u128(u128::MAX)), "_____________________w");
        assert_eq!(parse("_____________________x"), None);
        assert_eq!(parse("short"), None);
    }
}

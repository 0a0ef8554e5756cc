//! Ids as keys of maps in a document: 22 letters of base64url, ten fewer than in hexadecimal.

use uuid::Uuid;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The key of an id.
pub fn of(id: &Uuid) -> String {
    let bits = id.as_u128();
    (0..22)
        .map(|i| {
            ALPHABET[if i < 21 { (bits >> (122 - 6 * i)) as usize & 63 } else { (bits << 4) as usize & 63 }] as char
        })
        .collect()
}

/// The id of a key; nothing unless it is spelt exactly as [`of`] would.
pub fn parse(key: &str) -> Option<Uuid> {
    let letters: &[u8; 22] = key.as_bytes().try_into().ok()?;
    let mut bits = 0u128;
    for (i, letter) in letters.iter().enumerate() {
        let six = ALPHABET.iter().position(|known| known == letter)? as u128;
        bits = if i < 21 { bits << 6 | six } else { bits << 2 | six >> 4 };
    }
    let id = Uuid::from_u128(bits);
    (of(&id) == key).then_some(id)
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

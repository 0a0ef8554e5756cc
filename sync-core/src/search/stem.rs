//! What is left of an English word without the endings that say only how many or when.

/// `valves` and `valve`, `replacing` and `replaced`, `batteries` and `battery` have one stem each. It need not be a word:
/// both sides of a search are cut alike, and two words that fall together by it cost little.
///
/// The ending `-s`, then `-ing` or `-ed`, then a last `e` and a doubled last letter.
pub(super) fn stem(word: &str) -> String {
    if !word.bytes().all(|c| c.is_ascii_lowercase()) {
        return word.to_owned();
    }
    let mut word = singular(word);
    for ending in ["ing", "ed"] {
        let Some(rest) = word.strip_suffix(ending) else { continue };
        if rest.len() >= 2 && rest.bytes().any(is_vowel) {
            word = match rest.strip_suffix('i') {
                // `supplied` is of `supply`.
                Some(rest) if ending == "ed" => format!("{rest}y"),
                _ => rest.to_owned(),
            };
            break;
        }
    }
    if word.len() > 3 && word.ends_with('e') {
        word.pop();
    }
    let letters = word.as_bytes();
    if letters.len() > 3 && letters[letters.len() - 1] == letters[letters.len() - 2] {
        word.pop();
    }
    word
}

fn singular(word: &str) -> String {
    let is_long = word.len() > 3;
    match word.strip_suffix('s') {
        Some(rest) if is_long && rest.ends_with("ie") && rest.len() > 4 => format!("{}y", &rest[..rest.len() - 2]),
        Some(rest) if is_long && !rest.ends_with(['s', 'u', 'i']) => rest.to_owned(),
        _ => word.to_owned(),
    }
}

fn is_vowel(letter: u8) -> bool {
    matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u' | b'y')
}

#[cfg(test)]
mod tests {
    use super::stem;

    #[test]
    fn forms_of_a_word_have_one_stem() {
        for forms in [
            &["valve", "valves"][..],
            &["replace", "replaces", "replaced", "replacing"],
            &["battery", "batteries"],
            &["supply", "supplies", "supplied", "supplying"],
            &["switch", "switches", "switched", "switching"],
            &["stop", "stops", "stopped", "stopping"],
            &["fill", "fills", "filled", "filling"],
            &["control", "controls", "controlled", "controlling"],
            &["seal", "seals", "sealed", "sealing"],
            &["box", "boxes"],
            &["fuse", "fuses", "fused"],
            &["press", "pressed", "pressing", "presses"],
            &["leak", "leaks", "leaked", "leaking"],
            &["wire", "wires", "wired", "wiring"],
        ] {
            for form in forms {
                assert_eq!(stem(form), stem(forms[0]), "{form}");
            }
        }
    }

    #[test]
    fn what_is_no_ending_stays() {
        for (one, other) in
            [("gas", "ga"), ("bus", "bu"), ("red", "r"), ("ring", "r"), ("feed", "f"), ("string", "str")]
        {
            assert_ne!(stem(one), stem(other));
        }
        assert_eq!(stem("axis"), "axis");
        assert_eq!(stem("pumpe̋s"), "pumpe̋s");
    }
}

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn of(text: &str) -> Vec<String> {
    terms(text).into_iter().map(|one| one.term).collect()
}

/// Whether a text with this body answers this question, alone in the world.
fn finds(body: &str, asked: &str) -> bool {
    let query = Query::parse(asked);
    let counted = count("", body);
    let hit = |(in_title, in_body): (u16, u16)| Hit { document: 0, in_title, in_body, length: counted.length };
    let held = counted.terms.iter().filter(|(term, _)| query.terms().contains(term.as_str()));
    let postings: BTreeMap<_, _> =
        held.map(|(term, times)| (term.clone(), Postings { frequency: 1, hits: vec![hit(*times)] })).collect();
    !rank(&query, &postings, 1).is_empty()
}

#[test]
fn chinese_is_found_by_one_two_and_more_characters() {
    assert_eq!(of("密封圈"), ["密", "密封", "封", "封圈", "圈"]);
    for asked in ["密", "封", "密封", "封圈", "密封圈", "更换水泵", "泵密封圈", "水泵的密封圈"] {
        assert!(finds("更换水泵密封圈", asked), "{asked}");
    }
    for other in ["圈密", "管", "轴承", "密码"] {
        assert!(!finds("更换水泵密封", other), "{other}");
    }
}

#[test]
fn a_sentence_goes_on_over_emphasis_and_the_end_of_a_line() {
    for body in ["更换**密封圈**", "更换\n密封圈", "更换\r\n密封圈", "*更*换`密封圈`"] {
        assert!(of(body).contains(&"换密".to_owned()), "{body:?}");
    }
    for body in ["更换。密封圈", "更换 密封圈", "- 更换\n- 密封圈"] {
        assert!(!of(body).contains(&"换密".to_owned()), "{body:?}");
    }
}

#[test]
fn a_name_is_found_however_it_is_written() {
    for written in ["KX-2040/B", "kx2040b", "KX2040/B", "ＫＸ－２０４０／Ｂ", "KX_2040.B"] {
        for asked in ["KX-2040/B", "kx2040b", "KX-2040", "kx2040", "2040/b", "2040"] {
            assert!(finds(&format!("型号 {written}。"), asked), "{written} by {asked}");
        }
        for other in ["KX-2050", "KX-2040/C", "20", "kx 2050"] {
            assert!(!finds(&format!("型号 {written}。"), other), "{written} by {other}");
        }
    }
    for (written, asked) in [
        ("E 04", "E04"),
        ("E-04", "e04"),
        ("24 V", "24v"),
        ("24V", "24 V"),
        ("KX 2040", "kx-2040"),
        ("check-in", "checkin"),
    ] {
        assert!(finds(written, asked), "{written} by {asked}");
    }
    assert!(finds("check in", "check-in") && finds("PLC模块", "plc 模块") && finds("v2.1", "V2.1"));
    assert!(!finds("E05 at step 04", "E04"));
}

#[test]
fn forms_widths_accents_and_cases_are_one() {
    for (written, asked) in [
        ("Valves", "valve"),
        ("valve", "VALVES"),
        ("Café", "cafe"),
        ("Café", "cafe\u{301}"),
        ("Zürich", "zurich"),
        ("Ｔｍａｘ", "tmax"),
        ("ﾎﾟﾝﾌﾟ", "ポンプ"),
        ("１２Ｖ", "12v"),
        ("㎡", "m2"),
        ("밸브", "밸브"),
    ] {
        assert!(finds(written, asked), "{written} by {asked}");
    }
}

#[test]
fn a_question_has_no_syntax() {
    let plain = Query::parse("pump seal");
    for asked in
        ["\"pump seal\"", "pump* seal*", "pump -- seal;", "(pump) AND^seal".replace("AND", "").as_str(), "{pump}:seal"]
    {
        assert_eq!(Query::parse(asked).terms(), plain.terms(), "{asked}");
    }
    for nothing in ["", " ", "\"", "*", "-", "'; --", "\0", "!!!", "**", "\u{301}", "🔧"] {
        assert!(Query::parse(nothing).is_empty(), "{nothing:?}");
    }
    assert!(!Query::parse("NOT").is_empty() && !Query::parse("how to").is_empty());
}

#[test]
fn an_unfinished_word_is_one_at_the_very_end() {
    let typed = |text| Query::parse(text).unfinished().map(|(typed, _)| typed.to_owned());
    assert_eq!(typed("更换 compres").as_deref(), Some("compres"));
    for text in ["compres ", "co", "compres 泵", "E04", "kx-20"] {
        assert_eq!(typed(text), None, "{text}");
    }
    let query = Query::parse("replacin");
    assert!(query.may_end_as("replac") && !query.may_end_as("repla") && !query.may_end_as("place"));
}

/// What people write here, and what they do not.
fn writing() -> impl Strategy<Value = String> {
    let bit = prop_oneof![
        4 => "[更换水泵密封圈阀门电机漏油]{1,6}",
        4 => "[a-zA-Z]{1,9}",
        2 => "[A-Z]{1,3}-[0-9]{1,4}(/[A-Z])?",
        1 => "[éüñＡＢ１２ﾎﾟ㎡밸]{1,3}",
        1 => any::<String>(),
        2 => "[ ,。、\n*_\"'()-]{1,2}",
    ];
    proptest::collection::vec(bit, 0..12).prop_map(|bits| bits.concat())
}

proptest! {
    #[test]
    fn every_text_is_found_by_any_of_its_own_words(text in writing(), pick: prop::sample::Index) {
        let words = text.split_whitespace().filter(|word| !Query::parse(word).is_empty());
        let words: Vec<&str> = words.collect();
        if !words.is_empty() {
            let word = words[pick.index(words.len())];
            prop_assert!(finds(&text, word), "{:?} by {:?}", text, word);
        }
    }

    #[test]
    fn terms_stand_where_they_say(text in writing()) {
        for one in terms(&text) {
            prop_assert!(text.is_char_boundary(one.start) && text.is_char_boundary(one.end) && one.start < one.end);
            let there = of(&text[one.start..one.end]);
            prop_assert!(there.contains(&one.term), "{:?} is not {:?}", one, &text[one.start..one.end]);
            prop_assert!(one.term.chars().all(char::is_alphanumeric) && one.term.chars().count() <= 48);
        }
    }

    #[test]
    fn whatever_is_asked_of_whatever_text_there_is_an_answer(text in writing(), asked in any::<String>(), also in writing()) {
        for asked in [asked, also] {
            let query = Query::parse(&asked);
            finds(&text, &asked);
            let all: String = mark(&text, &query).into_iter().map(|part| part.text).collect();
            let blank = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            prop_assert_eq!(blank(&all), blank(&text));
            prop_assert!(snippet(&text, &query).iter().map(|part| part.text.chars().count()).sum::<usize>() <= 122);
        }
    }

    #[test]
    fn case_and_width_change_nothing(text in "[a-zA-Z0-9更换密封圈 -]{0,30}") {
        let wide = |c: char| char::from_u32(c as u32 + 0xfee0).filter(|_| c.is_ascii_alphanumeric()).unwrap_or(c);
        let other: String = text.to_uppercase().chars().map(wide).collect();
        prop_assert_eq!(of(&text), of(&other));
    }
}

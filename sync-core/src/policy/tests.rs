use std::fmt::Write;

use super::*;

/// The whole table as text, one line for each kind and position; positions that are judged alike share a line.
fn printed() -> String {
    use GrantStanding::*;
    let grants = [
        ("lead", Active(GrantRole::Lead)),
        ("crew", Active(GrantRole::Crew)),
        ("lead staying", Staying(GrantRole::Lead)),
        ("crew staying", Staying(GrantRole::Crew)),
        ("lead in grace", InGrace(GrantRole::Lead)),
        ("crew in grace", InGrace(GrantRole::Crew)),
        ("past grace", PastGrace),
        ("no grant", NotHis),
    ];
    let mut text = String::new();
    for kind in Kind::ALL {
        for origin in Origin::ALL {
            for role in Role::ALL {
                let mut verdicts: Vec<(String, Vec<&str>)> = Vec::new();
                for (name, grant) in grants {
                    let verdict = match judge(Standing { role: *role, origin: *origin, grant }, *kind) {
                        Verdict::Allow => "allow".to_owned(),
                        Verdict::AllowFlagged(flag) => format!("allow, flag {flag}"),
                        Verdict::Deny(rule) => format!("deny: {rule}"),
                    };
                    match verdicts.iter_mut().find(|(known, _)| *known == verdict) {
                        Some((_, names)) => names.push(name),
                        None => verdicts.push((verdict, vec![name])),
                    }
                }
                let cells: Vec<String> = match &verdicts[..] {
                    [(verdict, _)] => vec![verdict.clone()],
                    many => many.iter().map(|(verdict, names)| format!("{}: {verdict}", names.join(", "))).collect(),
                };
                writeln!(text, "{:<13}{:<6}{:<11}{}", kind.as_str(), origin, role, cells.join(" | ")).unwrap();
            }
        }
    }
    text
}

#[test]
fn the_table_is_the_one_that_was_agreed() {
    crate::testing::golden("tests/golden/policy.txt", printed().as_bytes());
}

#[test]
fn no_phone_says_what_only_the_desk_may() {
    for kind in Kind::ALL.iter().filter(|kind| kind.is_desk()) {
        for role in Role::ALL {
            let grant = GrantStanding::Active(GrantRole::Lead);
            let verdict = judge(Standing { role: *role, origin: Origin::Phone, grant }, *kind);
            assert_eq!(verdict, Verdict::Deny(Rule::DeskOnly));
        }
    }
}

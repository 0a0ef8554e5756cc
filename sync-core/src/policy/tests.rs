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

/// What an assignment is worth to one who did not know that it had ended, who knew, and who was still there.
mod standing_of_an_author {
    use uuid::Uuid;

    use super::super::*;
    use crate::document::Fact;
    use crate::ids::{GrantId, VisitId};
    use crate::testing::{ANA, BEN, Phone, Scene, VISIT};
    use crate::time::ServerTime;
    use crate::workflow::Status;

    const LEAD: GrantRole = GrantRole::Lead;

    /// Ana has the visit and got as far as this; the grant, her phone and the last that she said.
    fn ana_at(scene: &mut Scene, status: Status) -> (GrantId, Phone, Fact) {
        let grant = scene.assign(ANA, LEAD);
        let mut ana = scene.phone_of(ANA);
        ana.works(status);
        scene.sync(&mut ana);
        let last = ana.doc.facts().filter(|fact| fact.grant == Some(grant)).max_by_key(|fact| fact.hlc);
        let last = last.expect("she said something").clone();
        (grant, ana, last)
    }

    fn worth(scene: &Scene, fact: &Fact, now: ServerTime) -> GrantStanding {
        standing(&scene.server, fact, ANA, &scene.workflow, now)
    }

    #[test]
    fn it_is_his_own_for_his_own_visit() {
        let mut scene = Scene::new();
        let (_, _, said) = ana_at(&mut scene, Status::Accepted);
        assert_eq!(worth(&scene, &said, scene.now), GrantStanding::Active(LEAD));
        let about_the_ticket = Fact { visit: None, ..said.clone() };
        assert_eq!(worth(&scene, &about_the_ticket, scene.now), GrantStanding::Active(LEAD));
        let about_another = Fact { visit: Some(VisitId(Uuid::from_u128(99))), ..said.clone() };
        assert_eq!(worth(&scene, &about_another, scene.now), GrantStanding::NotHis);
        assert_eq!(said.visit, Some(VISIT));
        assert_eq!(standing(&scene.server, &said, BEN, &scene.workflow, scene.now), GrantStanding::NotHis);
        for grant in [None, Some(GrantId(Uuid::from_u128(99)))] {
            assert_eq!(worth(&scene, &Fact { grant, ..said.clone() }, scene.now), GrantStanding::NotHis);
        }
    }

    #[test]
    fn who_did_not_know_that_it_ended_has_fourteen_days() {
        let mut scene = Scene::new();
        let (grant, _, said) = ana_at(&mut scene, Status::Accepted);
        let ended = scene.now;
        scene.unassign(grant);
        let fortnight = 14 * 86_400_000;
        assert_eq!(GRACE_MS, fortnight);
        assert_eq!(worth(&scene, &said, ServerTime(ended.0 + fortnight)), GrantStanding::InGrace(LEAD));
        assert_eq!(worth(&scene, &said, ServerTime(ended.0 + fortnight + 1)), GrantStanding::PastGrace);
        assert_eq!(worth(&scene, &said, ServerTime(i64::MAX)), GrantStanding::PastGrace);
    }

    #[test]
    fn who_knew_may_go_on_only_where_he_was() {
        for (status, worth_now) in
            [(Status::Accepted, GrantStanding::NotHis), (Status::OnSite, GrantStanding::Staying(LEAD))]
        {
            let mut scene = Scene::new();
            let (grant, mut ana, said) = ana_at(&mut scene, status);
            scene.unassign(grant);
            scene.sync(&mut ana);
            let knowing = Fact { after: ana.doc.frontier(), ..said };
            assert_eq!(worth(&scene, &knowing, scene.now), worth_now);
            // The end of another's assignment says nothing about his.
            let mut scene = Scene::new();
            let (_, mut ana, said) = ana_at(&mut scene, status);
            let bens = scene.assign(BEN, GrantRole::Crew);
            scene.unassign(bens);
            scene.sync(&mut ana);
            let knowing = Fact { after: ana.doc.frontier(), ..said };
            assert_eq!(worth(&scene, &knowing, scene.now), GrantStanding::Active(LEAD));
        }
    }

    #[test]
    fn what_he_knows_is_the_end_of_his_own_assignment() {
        let mut scene = Scene::new();
        let (grant, mut ana, said) = ana_at(&mut scene, Status::Accepted);
        let bens = scene.assign(BEN, GrantRole::Crew);
        scene.unassign(bens);
        scene.sync(&mut ana);
        let knowing_of_ben = Fact { after: ana.doc.frontier(), ..said };
        scene.unassign(grant);
        assert_eq!(worth(&scene, &knowing_of_ben, scene.now), GrantStanding::InGrace(LEAD));
    }
}

//! Sixty short articles, and what is asked of them: whatever else changes, these answers stay as good.
//! `docs/search.md` has the same figures of other ways to do it, from `make bench-core`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::*;

struct Article {
    id: String,
    title: String,
    body: String,
}

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/search").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn articles() -> Vec<Article> {
    let all = text("articles.txt");
    let article = |block: &str| {
        let mut lines = block.trim().splitn(3, '\n').map(str::to_owned);
        Article { id: lines.next().unwrap(), title: lines.next().unwrap(), body: lines.next().unwrap() }
    };
    all.split("\n\n").map(article).collect()
}

fn questions() -> Vec<(String, BTreeSet<String>)> {
    let all = text("queries.txt");
    let lines = all.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (asked, answers) = line.rsplit_once(" = ").unwrap();
            (asked.to_owned(), answers.split(' ').map(str::to_owned).collect())
        })
        .collect()
}

/// As an index would give them: only the terms of the question.
fn postings(articles: &[Article], query: &Query) -> BTreeMap<String, Postings<usize>> {
    let mut found: BTreeMap<String, Postings<usize>> = BTreeMap::new();
    let unfinished = query.unfinished();
    let counted: Vec<Counted> = articles.iter().map(|article| count(&article.title, &article.body)).collect();
    let is_there = |term: &str| counted.iter().any(|counted| counted.terms.contains_key(term));
    for (document, counted) in counted.iter().enumerate() {
        for (term, (in_title, in_body)) in &counted.terms {
            let may_end = unfinished.filter(|(_, whole)| !is_there(whole) && query.may_end_as(term));
            let term = may_end.map_or(term.as_str(), |(_, whole)| whole);
            if query.terms().contains(term) {
                let hit = Hit { document, in_title: *in_title, in_body: *in_body, length: counted.length };
                let hits = &mut found.entry(term.to_owned()).or_insert(Postings { frequency: 0, hits: vec![] });
                if hits.hits.last().is_none_or(|last| last.document != document) {
                    hits.hits.push(hit);
                }
            }
        }
    }
    for postings in found.values_mut() {
        postings.frequency = postings.hits.len() as u32;
    }
    found
}

fn ask(articles: &[Article], asked: &str) -> Vec<String> {
    let query = Query::parse(asked);
    let ranked = rank(&query, &postings(articles, &query), articles.len() as u32);
    ranked.into_iter().map(|ranked| articles[ranked.document].id.clone()).collect()
}

#[test]
fn what_is_asked_is_answered() {
    let articles = articles();
    assert_eq!(articles.len(), 60);
    let questions = questions();
    let (mut recall, mut precision, mut first) = (0.0, 0.0, 0);
    for (asked, answers) in &questions {
        let found = ask(&articles, asked);
        let right = found.iter().filter(|id| answers.contains(*id)).count() as f64;
        recall += right / answers.len() as f64;
        precision += right / found.len().max(1) as f64;
        first += usize::from(found.first().is_some_and(|id| answers.contains(id)));
        if right as usize != answers.len() || found.len() != answers.len() {
            println!("{asked}: {found:?}, meant {answers:?}");
        }
    }
    let count = questions.len() as f64;
    println!("recall {:.3}, precision {:.3}, first right {first} of {count}", recall / count, precision / count);
    assert!(recall / count > 0.97 && precision / count > 0.9 && first >= questions.len() - 1);
}

#[test]
fn whatever_somebody_is_looking_for_by_its_title_comes_first() {
    let articles = articles();
    for article in &articles {
        assert_eq!(ask(&articles, &article.title)[0], article.id, "{}", article.title);
    }
}

#[test]
fn the_words_that_were_found_are_marked() {
    let articles = articles();
    let seal = articles.iter().find(|article| article.id == "z02").unwrap();
    let shown = |parts: Vec<Part>| {
        parts
            .iter()
            .map(|part| if part.is_found { format!("[{}]", part.text) } else { part.text.clone() })
            .collect::<String>()
    };
    assert_eq!(shown(mark(&seal.title, &Query::parse("水泵漏水"))), "[水泵漏水]的检查步骤");
    assert_eq!(shown(mark("更换 Pump 的密封圈", &Query::parse("pumps 密封"))), "更换 [Pump] 的[密封]圈");
    assert_eq!(shown(mark("KX-2040/B 接线", &Query::parse("kx2040b"))), "[KX-2040/B] 接线");
    assert_eq!(shown(mark("Café, cafe\u{301}, ＣＡＦＥ", &Query::parse("cafe"))), "[Café], [cafe\u{301}], [ＣＡＦＥ]");
    assert_eq!(shown(mark("A valve & two valves", &Query::parse("VALVES"))), "A [valve] & two [valves]");
    assert_eq!(shown(mark("更换水泵", &Query::parse("换泵"))), "更[换]水[泵]");

    let long = format!("{}\n\n更换密封圈。{}", "前言。".repeat(100), "结尾。".repeat(100));
    let parts = snippet(&long, &Query::parse("密封圈"));
    assert_eq!(
        parts.iter().filter(|part| part.is_found).map(|part| part.text.as_str()).collect::<Vec<_>>(),
        ["密封圈"]
    );
    let text: String = parts.iter().map(|part| part.text.as_str()).collect();
    assert!(text.starts_with('…') && text.ends_with('…') && text.chars().count() <= 122, "{text}");
    assert_eq!(shown(snippet("Nothing of it", &Query::parse("密封圈"))), "Nothing of it");
}

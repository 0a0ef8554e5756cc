//! Finding articles: how well, beside what SQLite's own index would find, and how fast on a phone with 2,000 of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::{Connection, params};
use sync_core::ids::ArticleId;
use sync_core::reference::{Article, KNOWLEDGE};
use sync_core::search::{self, Hit, Postings, Query, rank};
use sync_core::store::{SqliteStore, Store, StoreTx, Table};
use sync_core::wire::{Item, Reference, ReferenceRow};
use uuid::Uuid;

use crate::phone::BenchPhone;

/// The articles and questions of `tests/golden/search`.
struct Golden {
    /// Id, title and body.
    articles: Vec<(String, String, String)>,
    questions: Vec<(String, BTreeSet<String>)>,
}

fn golden() -> Golden {
    let read = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/search").join(name);
        std::fs::read_to_string(path).unwrap()
    };
    let article = |block: &str| {
        let mut lines = block.trim().splitn(3, '\n').map(str::to_owned);
        (lines.next().unwrap(), lines.next().unwrap(), lines.next().unwrap())
    };
    let question = |line: &str| {
        let (asked, answers) = line.rsplit_once(" = ").unwrap();
        (asked.to_owned(), answers.split(' ').map(str::to_owned).collect())
    };
    let (articles, questions) = (read("articles.txt"), read("queries.txt"));
    Golden {
        articles: articles.split("\n\n").map(article).collect(),
        questions: questions.lines().filter(|line| !line.starts_with('#')).map(question).collect(),
    }
}

/// Recall and precision of each way, whether the first answer is right, and what the index takes beside the text.
pub fn quality() {
    let golden = golden();
    let text: usize = golden.articles.iter().map(|(_, title, body)| title.len() + body.len()).sum();
    println!("{} questions on {} articles of {text} bytes", golden.questions.len(), golden.articles.len());
    let same = |text: &str| text.to_owned();
    for (name, tokenizer, prepare) in [
        ("FTS5 unicode61", "unicode61 remove_diacritics 2", &same as &dyn Fn(&str) -> String),
        ("FTS5 trigram", "trigram", &same),
        ("FTS5 unicode61, characters apart", "unicode61 remove_diacritics 2", &apart),
        ("FTS5 porter, characters apart", "porter unicode61 remove_diacritics 2", &apart),
    ] {
        let database = Connection::open_in_memory().unwrap();
        let create =
            format!("create virtual table found using fts5(title, body, content = '', tokenize = '{tokenizer}')");
        database.execute_batch(&create).unwrap();
        for (number, (_, title, body)) in golden.articles.iter().enumerate() {
            let insert = "insert into found (rowid, title, body) values (?1, ?2, ?3)";
            database.execute(insert, params![number as i64, prepare(title), prepare(body)]).unwrap();
        }
        database.execute_batch("insert into found (found) values ('optimize')").unwrap();
        let sum = "select sum(length(block)) from found_data";
        let bytes: i64 = database.query_row(sum, [], |row| row.get(0)).unwrap();
        tell(&golden, name, bytes as usize, |asked| {
            let words = asked.split_whitespace().map(|word| format!("\"{}\"", prepare(word).replace('"', "\"\"")));
            let question = words.collect::<Vec<_>>().join(" ");
            let select = "select rowid from found where found match ?1 order by bm25(found, 6.0, 1.0)";
            let mut statement = database.prepare(select).unwrap();
            let rows = statement.query_map([question], |row| row.get::<_, i64>(0));
            rows.map(|rows| rows.flatten().map(|row| row as usize).collect()).unwrap_or_default()
        });
    }
    let counted: Vec<_> = golden.articles.iter().map(|(_, title, body)| search::count(title, body)).collect();
    let mut all: BTreeMap<&str, Vec<Hit<usize>>> = BTreeMap::new();
    for (document, counted) in counted.iter().enumerate() {
        for (term, (in_title, in_body)) in &counted.terms {
            let hit = Hit { document, in_title: *in_title, in_body: *in_body, length: counted.length };
            all.entry(term).or_default().push(hit);
        }
    }
    let bytes = all.iter().map(|(term, hits)| term.len() + 2 + 2 * hits.len()).sum();
    tell(&golden, "this one", bytes, |asked| {
        let query = Query::parse(asked);
        let mut postings: BTreeMap<String, Postings<usize>> = BTreeMap::new();
        for term in query.terms() {
            let mut hits = all.get(term).cloned().unwrap_or_default();
            if hits.is_empty() && query.unfinished().is_some_and(|(_, whole)| whole == term) {
                hits =
                    all.iter().filter(|(term, _)| query.may_end_as(term)).flat_map(|(_, hits)| hits.clone()).collect();
            }
            postings.insert(term.to_owned(), Postings { frequency: hits.len() as u32, hits });
        }
        rank(&query, &postings, golden.articles.len() as u32).into_iter().map(|ranked| ranked.document).collect()
    });
}

fn tell(golden: &Golden, name: &str, bytes: usize, ask: impl Fn(&str) -> Vec<usize>) {
    let (mut recall, mut precision, mut first, mut nothing) = (0.0, 0.0, 0, 0);
    for (asked, answers) in &golden.questions {
        let found: Vec<&String> = ask(asked).into_iter().map(|place| &golden.articles[place].0).collect();
        let right = found.iter().filter(|id| answers.contains(**id)).count() as f64;
        recall += right / answers.len() as f64;
        precision += if found.is_empty() { 0.0 } else { right / found.len() as f64 };
        first += usize::from(found.first().is_some_and(|id| answers.contains(*id)));
        nothing += usize::from(found.is_empty());
    }
    let count = golden.questions.len() as f64;
    println!(
        "  {name:<40} recall {:.2}  precision {:.2}  first right {first:>2}  nothing found {nothing:>2}  index {bytes:>6} B",
        recall / count,
        precision / count
    );
}

/// Every Chinese character a word of its own.
fn apart(text: &str) -> String {
    let is_ideograph = |c: char| ('\u{3400}'..='\u{9fff}').contains(&c);
    text.chars().map(|c| if is_ideograph(c) { format!(" {c} ") } else { c.to_string() }).collect()
}

const ARTICLES: usize = 2_000;
const PAGE: usize = 250;

/// A phone with 2,000 articles of some 1,500 bytes, half of them Chinese.
pub fn phone(directory: &Path) {
    let (golden, path) = (golden(), directory.join("knowledge.db"));
    let mut phone = BenchPhone::open(&path);
    let pages: Vec<Item> = (0..ARTICLES / PAGE).map(|number| page(&golden, number)).collect();
    let mut pages = pages.into_iter();
    let taken = crate::times(ARTICLES / PAGE, |_| phone.take_in(pages.next().into_iter().collect()));
    crate::show(&format!("a page of {PAGE} articles taken in, of {ARTICLES}"), &taken, None);
    let asked: Vec<&str> = golden.questions.iter().map(|(asked, _)| asked.as_str()).collect();
    let searches = crate::times(1_000, |n| assert!(phone.search(asked[n % asked.len()]) <= 20));
    crate::show(&format!("a search among {ARTICLES} articles"), &searches, Some((0.99, 50.0)));
    drop(phone);

    let bytes = |table: Table| -> usize {
        let mut store = SqliteStore::open(&path).unwrap();
        let rows = store.begin().unwrap().scan(table, b"").unwrap();
        rows.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() / ARTICLES
    };
    let text: usize = golden.articles.iter().map(|(_, title, body)| title.len() + body.len()).sum();
    let text = text * PARTS / golden.articles.len();
    println!(
        "bytes of an article: text about {text}, row {}, index {}",
        bytes(Table::Article),
        bytes(Table::SearchIndex)
    );

    let mut store = SqliteStore::open(&path).unwrap();
    let mut tx = store.begin().unwrap();
    tx.delete(Table::SearchIndex, b"roster").unwrap();
    tx.commit().unwrap();
    drop(store);
    let mut phone = BenchPhone::open(&path);
    let anew = crate::times(1, |_| assert!(phone.search("密封圈") > 0));
    crate::show("a search that makes the index anew", &anew, None);
}

/// Bodies in one article.
const PARTS: usize = 12;

fn page(golden: &Golden, number: usize) -> Item {
    let row = |n: usize| {
        let of = |part: usize| &golden.articles[(n * 7 + part * (1 + n / 60)) % golden.articles.len()];
        let title = format!("{} {n}", of(0).1);
        let body = (0..PARTS).map(|part| of(part).2.as_str()).collect::<Vec<_>>().join("\n\n");
        let article = Article { title, body, language: "both".to_owned(), ..Article::default() };
        let id = ArticleId(Uuid::from_u128(1 << 90 | n as u128));
        ReferenceRow { key: id.to_string(), value: article.to_bytes(), removed: false }
    };
    let rows = (number * PAGE..(number + 1) * PAGE).map(row).collect();
    let (version, has_more) = (1 + number as u64, (number + 1) * PAGE < ARTICLES);
    Item::Reference(Reference { set: KNOWLEDGE.to_owned(), version, rows, replaces_all: number == 0, has_more })
}

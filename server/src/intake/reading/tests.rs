//! Files as they come: the real one, and hostile ones.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::*;
use crate::intake::definition::MappingDefinition;

const NYC: &[u8] = include_bytes!("../../../../tests/demo/nyc311-2011.csv");

fn mapping(definition: Value) -> Mapping {
    Mapping::parse(&serde_json::from_value::<MappingDefinition>(definition).unwrap()).unwrap()
}

fn nyc() -> Mapping {
    mapping(serde_json::from_str(include_str!("../../../../tests/demo/nyc311-mapping.json")).unwrap())
}

/// Reads `id`, `what`, `when`, `lat`, `lon`.
fn small() -> Value {
    json!({
        "source": "test", "time_zone": "Asia/Shanghai", "date_formats": ["%Y-%m-%d %H:%M"],
        "external_id": "id", "title": "{what}", "requested_at": "when",
        "ticket_type": { "column": "what", "values": { "Leak": { "ticket_type": "leak" } }, "default": { "ticket_type": "other" } },
        "site": { "name": "{id}", "address": "", "lat": "lat", "lon": "lon" }
    })
}

fn small_mapping() -> Mapping {
    let mut definition = small();
    definition["site"]["address"] = json!("[{id}]");
    mapping(definition)
}

fn read(file: impl AsRef<[u8]>) -> Reading {
    Reading::of(file.as_ref(), &small_mapping(), 1000).unwrap()
}

const HEADER: &str = "id,what,when,lat,lon\n";

#[test]
fn the_real_file_is_read_whole() {
    let reading = Reading::of(NYC, &nyc(), 10_000).unwrap();
    assert_eq!(
        (reading.total, reading.rows.len(), reading.error_count),
        (2000, 2000, 0),
        "{:?}",
        reading.errors.first()
    );
    let located = reading.rows.iter().filter(|row| row.site.position.is_some()).count();
    assert_eq!((located, reading.rows.len() - located), (1402, 598));
    assert_eq!((reading.encoding, reading.is_malformed), ("UTF-8", false));
    assert!(reading.repaired_cells >= 80, "{}", reading.repaired_cells);
    let mojibake = |row: &&MappedRow| row.description.as_ref().is_some_and(|text| text.contains('Â'));
    assert_eq!(reading.rows.iter().find(mojibake), None);
}

#[test]
fn a_row_of_the_real_file_says_what_it_means() {
    let reading = Reading::of(NYC, &nyc(), 10_000).unwrap();
    let row = reading.rows.iter().find(|row| row.external_id.as_str() == "19937901").unwrap();
    assert_eq!(row.title.as_str(), "Street Sign - Dangling: Street Cleaning - ASP");
    assert_eq!(row.site.address, "186 25 STREET, BROOKLYN 11232");
    assert_eq!(row.kind.ticket_type.as_str(), "sign-repair");
    assert_eq!(nyc().clock.instant(row.requested_at, 0).to_rfc3339(), "2011-03-01T15:41:13+00:00");
    assert_eq!(row.customer.as_ref().unwrap().name.as_str(), "Department of Transportation");
}

#[test]
fn the_middle_of_the_real_file_can_be_moved_to_any_day() {
    let reading = Reading::of(NYC, &nyc(), 10_000).unwrap();
    let day = NaiveDate::from_ymd_opt(2026, 11, 22).unwrap();
    let moved = reading.days_to(day);
    let near =
        |row: &&MappedRow| (row.requested_at.date() + chrono::TimeDelta::days(moved) - day).num_days().abs() <= 1;
    assert_eq!(reading.rows.iter().filter(near).count(), 1996);
}

#[test]
fn line_ends_marks_and_quotes_are_taken_as_they_come() {
    let reading = read(
        "\u{feff}id,what,when,lat,lon\r\n1,\"Leak, \"\"big\"\"\nin the hall\",2026-01-02 08:00,31.2,121.4\r\n\r\n2,Leak,2026-01-02 08:00,,\r\n",
    );
    assert_eq!(reading.error_count, 1, "a title has no line break: {:?}", reading.errors);
    assert_eq!((reading.errors[0].line, reading.errors[0].column.as_deref()), (2, Some("title")));
    assert_eq!((reading.rows[0].external_id.as_str(), reading.rows[0].line), ("2", 5));
}

#[test]
fn what_is_wrong_in_a_row_is_told_at_once_and_keeps_no_other_row_out() {
    let reading = read(format!(
        "{HEADER}1,Leak,2026-01-02 08:00,31.2,121.4\n2,Leak,yesterday,91,east\n3,Leak\n4,Leak,2026-01-02 09:00,,,extra\n5,Fire,2026-01-02 10:00,,\n"
    ));
    let ids: Vec<&str> = reading.rows.iter().map(|row| row.external_id.as_str()).collect();
    assert_eq!(ids, ["1", "5"]);
    let told: Vec<(u64, Option<&str>)> =
        reading.errors.iter().map(|error| (error.line, error.column.as_deref())).collect();
    assert_eq!(told, [(3, Some("when")), (3, Some("lon")), (4, None), (5, None)]);
    assert_eq!((reading.wrong_rows, reading.error_count, reading.total), (3, 4, 5));
    assert_eq!(reading.errors[1].value.as_deref(), Some("east"));
}

#[test]
fn coordinates_are_a_pair_and_zero_is_none() {
    let reading = read(format!(
        "{HEADER}1,Leak,2026-01-02 08:00,31.2,\n2,Leak,2026-01-02 08:00,0,0.0\n3,Leak,2026-01-02 08:00,121.4,31.2\n4,Leak,2026-01-02 08:00,NaN,inf\n"
    ));
    assert_eq!(reading.rows.len(), 1);
    assert_eq!(reading.rows[0].site.position, None);
    assert_eq!(reading.wrong_rows, 3);
}

#[test]
fn an_external_id_stands_once_in_a_file() {
    let reading =
        read(format!("{HEADER}1,Leak,2026-01-02 08:00,,\n1,Fire,2026-01-02 09:00,,\n,Fire,2026-01-02 09:00,,\n"));
    assert_eq!((reading.rows.len(), reading.rows[0].title.as_str()), (1, "Leak"));
    assert!(reading.errors[0].message.contains("line 2"));
    assert_eq!(reading.errors[1].column.as_deref(), Some("id"));
}

#[test]
fn a_nul_or_a_cell_of_a_megabyte_costs_its_row_alone() {
    let huge = "x".repeat(1 << 20);
    let reading =
        read(format!("{HEADER}1,Le\0ak,2026-01-02 08:00,,\n2,{huge},2026-01-02 08:00,,\n3,Leak,2026-01-02 08:00,,\n"));
    assert_eq!((reading.rows.len(), reading.wrong_rows), (1, 2));
    assert!(reading.errors.iter().all(|error| error.value.as_ref().is_none_or(|value| value.len() <= 400)));
}

#[test]
fn a_quote_that_is_never_closed_is_one_wrong_row() {
    let reading =
        read(format!("{HEADER}1,Leak,2026-01-02 08:00,,\n2,\"Leak,2026-01-02 08:00,,\n3,Leak,2026-01-02 08:00,,\n"));
    assert_eq!((reading.rows.len(), reading.wrong_rows, reading.errors[0].line), (1, 1, 3));
}

#[test]
fn a_formula_is_text_and_stays_what_it_is() {
    let reading = read(format!("{HEADER}=1+1,\"=cmd|' /C calc'!A0\",2026-01-02 08:00,,\n"));
    assert_eq!(reading.rows[0].title.as_str(), "=cmd|' /C calc'!A0");
}

#[test]
fn a_file_that_lacks_what_the_mapping_names_is_refused_as_a_whole() {
    let refused = |file: &str| Reading::of(file.as_bytes(), &small_mapping(), 2).unwrap_err();
    assert_eq!(refused(""), SheetError::Empty);
    assert_eq!(refused("\u{feff}"), SheetError::Empty);
    assert_eq!(refused("\n\n"), SheetError::Empty);
    assert_eq!(
        refused("id;what;when\n"),
        SheetError::MissingColumns(["id", "lat", "lon", "what", "when"].map(str::to_owned).into())
    );
    assert_eq!(refused("id,what,when,lat,lon,id\n"), SheetError::DuplicateColumns(vec!["id".to_owned()]));
    assert_eq!(refused(&format!("{HEADER}1,a,b,,\n2,a,b,,\n3,a,b,,\n")), SheetError::TooManyRows { max: 2 });
    assert_eq!(read("id,what,when,lat,lon,x,x\n").total, 0, "a column that is not used may stand twice");
}

#[test]
fn errors_are_listed_up_to_a_bound_and_counted_beyond() {
    let mut file = HEADER.to_owned();
    for at in 0..500 {
        writeln!(file, "{at},Leak,never,,").unwrap();
    }
    let reading = read(file);
    assert_eq!((reading.errors.len(), reading.error_count, reading.wrong_rows), (MAX_LISTED_ERRORS, 500, 500));
}

#[test]
fn rules_of_the_mapping_keep_rows_out_with_a_reason() {
    let mut definition = small();
    definition["site"]["address"] = json!("somewhere");
    definition["skip"] = json!([{ "column": "what", "values": ["fire"], "reason": "not ours" }]);
    definition["ticket_type"].as_object_mut().unwrap().remove("default");
    let file = format!("{HEADER}1,FIRE,2026-01-02 08:00,,\n2,leak,2026-01-02 08:00,,\n3,Flood,2026-01-02 08:00,,\n");
    let reading = Reading::of(file.as_bytes(), &mapping(definition), 10).unwrap();
    assert_eq!(reading.skipped, BTreeMap::from([("not ours".to_owned(), 1)]));
    assert_eq!((reading.rows.len(), reading.errors[0].column.as_deref()), (1, Some("what")));
}

#[test]
fn a_changed_row_is_known_by_its_content() {
    let content = |what: &str| read(format!("{HEADER}1,{what},2026-01-02 08:00,,\n")).rows[0].content;
    assert_eq!(content("Leak"), content("Leak"));
    assert_ne!(content("Leak"), content("Fire"));
    let shifted = |a: &str| read(format!("{HEADER}{a}\n")).rows.first().map(|row| row.content);
    assert_ne!(shifted("1,ab,2026-01-02 08:00,,"), shifted("1a,b,2026-01-02 08:00,,"));
}

#[test]
fn a_mapping_names_the_member_that_is_wrong() {
    let field = |pointer: &str, value: Value| {
        let mut definition = small();
        definition["site"]["address"] = json!("x");
        *definition.pointer_mut(pointer).unwrap() = value;
        let definition: MappingDefinition = serde_json::from_value(definition).unwrap();
        Mapping::parse(&definition).unwrap_err().field
    };
    assert_eq!(field("/time_zone", json!("Mars/Olympus")), "time_zone");
    assert_eq!(field("/date_formats/0", json!("%H:%M")), "date_formats.0");
    assert_eq!(field("/title", json!("{what")), "title");
    assert_eq!(field("/ticket_type/values/Leak/ticket_type", json!("No Such")), "ticket_type.values.Leak.ticket_type");
    assert_eq!(field("/site/lat", json!(null)), "site");
    assert_eq!(field("/source", json!("")), "source");
    let encoding = json!({ "encoding": "klingon" });
    let mut definition = small();
    definition.as_object_mut().unwrap().extend(encoding.as_object().unwrap().clone());
    assert_eq!(Mapping::parse(&serde_json::from_value(definition).unwrap()).unwrap_err().field, "encoding");
}

proptest::proptest! {
    #[test]
    fn every_row_has_exactly_one_fate(file in "(id,what,when,lat,lon\n)?([a-z0-9,\"\n\r;\0=é]{0,30}\n){0,8}") {
        if let Ok(reading) = Reading::of(file.as_bytes(), &small_mapping(), 100) {
            let skipped: usize = reading.skipped.values().sum();
            proptest::prop_assert_eq!(reading.rows.len() + skipped + reading.wrong_rows, reading.total);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        let _ = Reading::of(&bytes, &small_mapping(), 100);
    }
}

//! The program as its users run it: a file in, a file out, or an error that says what is wrong with it.

#![expect(clippy::unwrap_used, reason = "these are tests; clippy knows that only of functions marked so")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn run(input: &str, args: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_callout-plan"));
    let program = program.arg("-").args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = program.spawn().unwrap();
    program.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    program.wait_with_output().unwrap()
}

fn planned(input: &Value, args: &[&str]) -> Value {
    let output = run(&input.to_string(), args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(input: &Value) -> String {
    let output = run(&input.to_string(), &[]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    String::from_utf8(output.stderr).unwrap()
}

fn day() -> Value {
    json!({
        "engineers": [{
            "id": "ana", "home": { "lat": 40.71, "lon": -73.95 }, "skills": { "lift": 2 },
            "shifts": [{
                "start": 28800, "end": 57600, "breaks": [{ "earliest": 41400, "latest": 46800, "duration_s": 1800 }]
            }]
        }],
        "visits": [
            {
                "id": "T-1", "place": { "lat": 40.72, "lon": -73.99 }, "duration_s": 3600, "skills": { "lift": 1 },
                "priority": 2, "windows": [[32400, 36000], [46800, 50400]]
            },
            { "id": "T-2", "place": { "lat": 40.72, "lon": -73.98 }, "duration_s": 3600, "skills": { "gas": 1 } }
        ]
    })
}

#[test]
fn a_day_is_planned_and_says_what_it_could_not_do() {
    let plan = planned(&day(), &["--rounds", "100"]);
    let route = &plan["routes"][0];
    assert_eq!((&route["engineer"], &route["stops"][0]["visit"]), (&json!("ana"), &json!("T-1")));
    let stop = &route["stops"][0];
    assert_eq!(stop["start"], 32400, "the first window, after waiting for it");
    let waits = stop["start"].as_i64().unwrap() - stop["arrive"].as_i64().unwrap();
    assert_eq!((stop["wait_s"].as_i64(), stop["depart"].as_i64()), (Some(waits), Some(36000)));
    let helps = plan["unserved"][0]["would_help"].clone();
    assert_eq!((&helps[0]["change"], &helps[0]["of"], &helps[0]["level"]), (&json!("skill"), &json!("gas"), &json!(0)));
    assert_eq!((&helps[0]["engineer"], helps.as_array().map(Vec::len)), (&json!("ana"), Some(1)));
    let left = &plan["unserved"][0];
    assert_eq!(
        (&left["visit"], &left["refused"], &left["main"]),
        (&json!("T-2"), &json!({ "skill": 1 }), &json!("skill"))
    );
    assert_eq!(plan["score"]["unserved_weight"], 4);
    assert_eq!(plan["score"]["unserved_by_priority"], json!({ "3": 1 }));
}

#[test]
fn the_same_rounds_give_the_same_bytes_on_any_number_of_threads() {
    let place = |n: u32| json!({ "lat": 40.7 + f64::from(n * 37 % 101) / 400.0, "lon": -74.0 + f64::from(n * 53 % 97) / 400.0 });
    let shift = json!({ "start": 28800, "end": 57600 });
    let engineers: Vec<Value> =
        (0..60).map(|n| json!({ "id": format!("e{n}"), "home": place(n * 7), "shifts": [shift] })).collect();
    let visits: Vec<Value> = (0..900)
        .map(|n| json!({ "id": format!("v{n}"), "place": place(n), "duration_s": 1200 + n % 7 * 300 }))
        .collect();
    let day = json!({ "engineers": engineers, "visits": visits }).to_string();
    let with = |threads: &str| run(&day, &["--rounds", "40000", "--seed", "3", "--threads", threads]).stdout;
    let alone = with("1");
    assert!(alone.len() > 100_000, "a plan of 900 visits");
    assert_eq!(alone, with("2"));
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let wrong = |change: fn(&mut Value)| {
        let mut day = day();
        change(&mut day);
        refused(&day)
    };
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 11] = [
        (|day| day["visits"][0]["priorty"] = json!(1), "unknown field `priorty`"),
        (|day| day["visits"][1]["id"] = json!("T-1"), "visit \"T-1\" is there twice"),
        (|day| day["visits"][0]["barred"] = json!(["bob"]), "barred: there is no \"bob\""),
        (|day| day["visits"][0]["windows"] = json!([[9, 3]]), "windows[0]"),
        (|day| day["visits"][0]["place"]["lat"] = json!(140.0), "latitude 140"),
        (|day| day["visits"][0]["place"] = json!({ "lat": 1.0 }), "a place has `lat` and `lon`"),
        (|day| day["visits"][0]["after"] = json!([{ "visit": "T-1" }]), "after itself"),
        (|day| day["engineers"][0]["speed_kmh"] = json!(-3.0), "speed"),
        (|day| day["engineers"][0]["traffic"] = json!([[0, 0]]), "0 thousandths of the usual speed"),
        (|day| day["engineers"][0]["traffic"] = json!([[9, 500], [3, 1000]]), "from 3 on is not after"),
        (|day| day["travel"] = json!({ "kind": "matrix", "seconds": [[0, 1], [0]] }), "seconds[1]: 1 entries"),
    ];
    for (change, said) in cases {
        let error = wrong(change);
        assert!(error.contains(said), "{error} does not say {said}");
    }
    assert_eq!(run("{", &[]).status.code(), Some(1));
    assert_eq!(run(&day().to_string(), &["--seconds", "0"]).status.code(), Some(1));
}

#[test]
fn a_road_that_is_not_there_is_not_taken() {
    let mut day = day();
    day["travel"] = json!({ "kind": "matrix", "seconds": [[0, null], [60, 0]] });
    day["engineers"][0]["home"] = json!({ "index": 0 });
    day["visits"] = json!([{ "id": "T-1", "place": { "index": 1 }, "duration_s": 60 }]);
    assert_eq!(planned(&day, &[])["unserved"][0]["main"], "window");
    day["travel"]["seconds"][0][1] = json!(60);
    assert_eq!(planned(&day, &[])["routes"][0]["travel_s"], 60);
    day["engineers"][0]["traffic"] = json!([[0, 500]]);
    assert_eq!(planned(&day, &[])["routes"][0]["travel_s"], 120, "at half the speed");
}

#[test]
fn nobody_and_nothing_is_a_plan_too() {
    let plan = planned(&json!({ "engineers": [], "visits": [] }), &[]);
    assert_eq!((&plan["routes"], &plan["unserved"]), (&json!([]), &json!([])));
}

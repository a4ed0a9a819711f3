//! Tables: any window of rows, sorted and filtered as in flows.

use serde_json::Value;

use crate::harness::{Explorer, output};
use crate::program::Place;

/// The number of rows: several chunks.
const ROWS: usize = 20_000;

/// Makes a run that reads a table, and returns the hash of the table and its rows: a number, one of few texts, and a number that
/// may be missing.
fn table(place: &Place) -> (String, Vec<(i64, String, Option<f64>)>) {
    let mut state: u64 = 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let rows: Vec<(i64, String, Option<f64>)> = (0..ROWS)
        .map(|index| {
            let (text, value) = (next() % 7, next() % 1000);
            (index as i64, format!("t{text}"), (value > 50).then_some(value as f64 / 8.0))
        })
        .collect();
    let line =
        |(n, t, x): &(i64, String, Option<f64>)| format!("{n},{t},{}\n", x.map(|x| x.to_string()).unwrap_or_default());
    place.write("t.csv", &format!("n,t,x\n{}", rows.iter().map(line).collect::<String>()));
    place.write(
        "t.yaml",
        "flow: t\nsteps:\n  - { id: read, uses: table.read, with: { path: t.csv, types: { x: float } } }\n",
    );
    place.chem(&["run", "t.yaml", "-q"]).expect(0);
    (output(&place.show("@last"), "read", "main"), rows)
}

fn numbers(page: &Value) -> Vec<i64> {
    page["rows"].as_array().unwrap().iter().map(|row| row[0].as_i64().unwrap()).collect()
}

#[test]
fn any_window_is_what_the_whole_sorted_and_filtered_table_has_there() {
    let place = Place::new();
    let (hash, rows) = table(&place);
    let explorer = Explorer::of(&place);
    type Row = (i64, String, Option<f64>);
    type Selected = fn(&Row) -> bool;
    let conditions: [(&str, Selected); 4] = [
        ("", |_| true),
        ("x > 100", |row| row.2.is_some_and(|x| x > 100.0)),
        ("t == \"t3\" && n % 2 == 0", |row| row.1 == "t3" && row.0 % 2 == 0),
        ("x < 0", |_| false),
    ];
    for (condition, selected) in conditions {
        for (sort, descending) in [("", false), ("x", false), ("x", true), ("t", true), ("n", true)] {
            let mut expected: Vec<&Row> = rows.iter().filter(|row| selected(row)).collect();
            // Rows with equal values stay in order, and those without a value come last.
            expected.sort_by(|one, other| {
                let order = match sort {
                    "n" => one.0.cmp(&other.0),
                    "t" => one.1.cmp(&other.1),
                    "x" => match (one.2, other.2) {
                        (Some(one), Some(other)) => one.total_cmp(&other),
                        (one, other) => return other.is_some().cmp(&one.is_some()),
                    },
                    _ => return std::cmp::Ordering::Equal,
                };
                if descending { order.reverse() } else { order }
            });
            let count = expected.len();
            for from in [1, 2, 51, count / 2 + 1, count.saturating_sub(60) + 1, count, count + 1_000_000] {
                let condition: String = condition.bytes().map(|byte| format!("%{byte:02x}")).collect();
                let query = format!("where={condition}&sort={sort}&descending={descending}&from={from}");
                let page = explorer.json(&format!("/artifacts/{hash}.json?{query}"));
                assert_eq!(
                    (page["count"].as_u64(), page["all"].as_u64()),
                    (Some(count as u64), Some(ROWS as u64)),
                    "{query}"
                );
                let first = from.clamp(1, count.max(1)) - 1;
                let shown: Vec<i64> = expected.iter().skip(first).take(50).map(|row| row.0).collect();
                assert_eq!(numbers(&page), shown, "{query}");
                let places: Vec<i64> = shown.iter().map(|n| n + 1).collect();
                assert_eq!(page["numbers"], serde_json::json!(places), "{query}");
            }
        }
    }
}

#[test]
fn links_lead_through_the_whole_table_and_keep_the_question() {
    let place = Place::new();
    let (hash, rows) = table(&place);
    let explorer = Explorer::of(&place);
    let link = |page: &str, name: &str| {
        let end = page.find(&format!("\">{name}</a>"))?;
        let start = page[..end].rfind("href=\"")? + "href=\"".len();
        Some(page[start..end].replace("&amp;", "&"))
    };
    let expected: Vec<i64> = rows.iter().rev().filter(|row| row.0 < 170).map(|row| row.0).collect();
    let mut query = "?where=n+%3C+170&sort=n&descending=true".to_owned();
    let mut found = Vec::new();
    loop {
        found.extend(numbers(&explorer.json(&format!("/artifacts/{hash}.json{query}"))));
        match link(&explorer.page(&format!("/artifacts/{hash}{query}")), "Next") {
            Some(next) => query = next,
            None => break,
        }
    }
    assert_eq!(found, expected);
    let last = link(&explorer.page(&format!("/artifacts/{hash}")), "Last").unwrap();
    let shown = numbers(&explorer.json(&format!("/artifacts/{hash}.json{last}")));
    assert_eq!(shown, (ROWS as i64 - 50..ROWS as i64).collect::<Vec<_>>());
    // A column is sorted by its head, in the other direction the second time.
    let sorted = link(&explorer.page(&format!("/artifacts/{hash}?where=n+%3C+9")), "x").unwrap();
    assert_eq!(sorted, "?sort=x&where=n%20%3C%209");
    let again = link(&explorer.page(&format!("/artifacts/{hash}{sorted}")), "x").unwrap();
    assert_eq!(again, "?sort=x&descending=true&where=n%20%3C%209");
}

#[test]
fn a_condition_that_cannot_be_tested_names_the_row() {
    let place = Place::new();
    let (hash, _) = table(&place);
    let explorer = Explorer::of(&place);
    let answer = explorer.get(&format!("/artifacts/{hash}.json?where=1+%2F+(n+-+19999)+%3E+0"));
    assert_eq!(answer.status, 422);
    assert!(answer.json()["error"].as_str().unwrap().contains("row 20000"), "{}", answer.body);
    // The table is there nevertheless, so that the condition can be corrected.
    assert_eq!(answer.json()["rows"].as_array().unwrap().len(), 50);
}

//! What expressions mean, what is refused, and that nothing can make them overflow the stack.

use serde_json::json;

use super::*;
use crate::artifact::{Column, ColumnData, ColumnType};

/// Three molecules: one with all values, one without a weight, one without a name.
fn table() -> Table {
    let text = |values: [Option<&str>; 3]| ColumnData::Text(values.map(|value| value.map(Into::into)).to_vec());
    Table::new([
        (Column::new("name", ColumnType::Text), text([Some("aspirin"), Some("x"), None])),
        (Column::new("weight", ColumnType::Float), ColumnData::Float(vec![Some(180.2), None, Some(500.0)])),
        (Column::new("atoms", ColumnType::Integer), ColumnData::Integer(vec![Some(13), Some(1), None])),
        (Column::new("oral", ColumnType::Boolean), ColumnData::Boolean(vec![Some(true), Some(false), None])),
        (Column::new("Mol Weight", ColumnType::Float), ColumnData::Float(vec![Some(1.5), None, None])),
        (Column::new("int", ColumnType::Integer), ColumnData::Integer(vec![Some(1), None, None])),
    ])
    .unwrap()
}

/// What `cel` says of the three molecules, in short.
#[track_caller]
fn verdicts(cel: &str) -> String {
    let (table, expression) = (table(), Expression::new(cel).unwrap());
    let condition = expression.over(&table).unwrap();
    let say = |row| match condition.test(row) {
        Verdict::True => "yes".to_owned(),
        Verdict::False => "no".to_owned(),
        Verdict::Missing(column) => format!("?{column}"),
        Verdict::Error(message) => message,
    };
    [say(0), say(1), say(2)].join(" | ")
}

#[test]
fn comparisons_mix_whole_numbers_and_others() {
    assert_eq!(verdicts("weight <= 500"), "yes | ?weight | yes");
    assert_eq!(verdicts("weight == 500"), "no | ?weight | yes");
    assert_eq!(verdicts("13.0 == atoms && atoms in [13.0, 14]"), "yes | no | ?atoms");
}

#[test]
fn what_can_never_be_equal_is_refused() {
    let table = table();
    let over = |cel: &str| {
        let expression = Expression::new(cel).unwrap().with_param("limit", 5).unwrap();
        expression.over(&table).map(|_| ()).map_err(|error| error.message)
    };
    let why = "what is compared is never equal: ";
    for (cel, told) in [
        ("name == 5", "the column `name` is text, and `5` is a number"),
        ("0.5 != name", "`0.5` is a number, and the column `name` is text"),
        ("weight > 1 && name == params.limit", "the column `name` is text, and `5` is a number"),
        ("atoms == '13'", "the column `atoms` is a number, and `\"13\"` is text"),
        ("oral == 1", "the column `oral` is true or false, and `1` is a number"),
        ("name in [5, 6.5]", "the column `name` is text, and each value of the list is a number"),
        ("!(size(name) == name)", "the other side is a number, and the column `name` is text"),
    ] {
        assert_eq!(over(cel), Err(format!("{why}{told}")), "{cel}");
    }
    for cel in ["name == 'x'", "name in ['x', 5]", "name in []", "weight == atoms", "oral == (atoms == 1)"] {
        assert_eq!(over(cel), Ok(()), "{cel}");
    }
    // Of a file without values nobody knows what its columns are.
    let empty = table.gather(&[2]);
    assert!(Expression::new("name == 5").unwrap().over(&empty).is_ok());
}

#[test]
fn arithmetic_mixes_them_too() {
    assert_eq!(verdicts("weight / atoms > 13"), "yes | ?weight | ?atoms");
    assert_eq!(verdicts("weight + 1 - 2 * atoms < 156"), "yes | ?weight | ?atoms");
    assert_eq!(verdicts("math.ceil(atoms) == 13 && math.abs(-atoms) == 13"), "yes | no | ?atoms");
    assert_eq!(verdicts("atoms / 2 == 6 && atoms % 2 == 1"), "yes | no | ?atoms");
    assert_eq!(verdicts("(oral ? atoms : 2) * 0.5 == 6.5"), "yes | no | ?oral");
}

#[test]
fn what_a_missing_value_cannot_change_is_decided() {
    assert_eq!(verdicts("weight <= 500 || name == 'x'"), "yes | yes | yes");
    assert_eq!(verdicts("weight > 500 && name != 'x'"), "no | no | no");
    assert_eq!(verdicts("!(weight > 500)"), "yes | ?weight | yes");
    assert_eq!(verdicts("name != 'x'"), "yes | no | ?name");
}

#[test]
fn one_can_ask_for_a_missing_value() {
    assert_eq!(verdicts("weight == null"), "no | yes | no");
    assert_eq!(verdicts("null != name && row['Mol Weight'] != null"), "yes | no | no");
}

#[test]
fn columns_may_have_any_name() {
    assert_eq!(verdicts("row['Mol Weight'] > 1"), "yes | ?Mol Weight | ?Mol Weight");
    assert_eq!(verdicts("int == 1"), "yes | ?int | ?int");
    assert_eq!(verdicts("[weight, 1.0].exists(weight, weight == 1.0)"), "yes | ?weight | yes");
    assert_eq!(verdicts("['aspirin'].exists(n, n == name)"), "yes | no | ?name");
}

#[test]
fn patterns_match_as_they_stand() {
    assert_eq!(verdicts("name.matches('^a.*n$') && matches(name, 'spi')"), "yes | no | ?name");
    assert_eq!(verdicts("'x'.matches(name)"), "no | yes | ?name");
    let many: Vec<String> = (0..20).map(|n| format!("name.matches('a{n}')")).collect();
    assert_eq!(verdicts(&(many.join(" || ") + " || name.matches('p')")), "yes | no | ?name");
    let wrong = "`matches` cannot be applied to a whole number, text";
    assert_eq!(verdicts("atoms.matches('a')"), format!("{wrong} | {wrong} | ?atoms"));
}

#[test]
fn what_a_row_cannot_say_is_said_in_words() {
    assert_eq!(
        verdicts("name < 5"),
        "`<` cannot stand between text and a whole number | `<` cannot stand between text and a whole number | ?name"
    );
    assert_eq!(verdicts("weight + name == 1"), "`+` cannot stand between a number and text | ?weight | ?name");
    assert_eq!(
        verdicts("atoms"),
        "the expression gives a whole number where true or false is needed | the expression gives a whole number where true or false is needed | ?atoms"
    );
    assert_eq!(verdicts("1 / (atoms - 13) == -1"), "a whole number is divided by zero | no | ?atoms");
    assert_eq!(
        verdicts("0.0 / 0.0 < weight"),
        "there is no order between these numbers: one is not a number | ?weight | there is no order between these numbers: one is not a number"
    );
    assert_eq!(
        verdicts("0.0 / 0.0 > atoms"),
        "there is no order between these numbers: one is not a number | there is no order between these numbers: one is not a number | ?atoms"
    );
    assert_eq!(
        verdicts("math.round(name) == 1.0"),
        "`math.round` cannot be applied to text | `math.round` cannot be applied to text | ?name"
    );
}

/// What is wrong with `cel`: the part that is underlined, the message, the help.
#[track_caller]
fn wrong(cel: &str) -> String {
    let error = Expression::new(cel).and_then(|expression| expression.over(&table()).map(drop)).unwrap_err();
    let help = error.help.map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{}: {}{help}", error.at.map_or(cel, |at| &cel[at]), error.message)
}

#[test]
fn mistakes_are_pointed_at() {
    assert_eq!(wrong("weight <= 5 and oral"), "and: `and` is not expected here (write `&&`)");
    assert_eq!(wrong("name = 'x'"), "=: `=` has no meaning here (write `==` to compare)");
    assert_eq!(wrong("weight <="), ": the expression ends where a value is needed");
    assert_eq!(wrong("(weight < 5"), ": `)` is missing at the end");
    assert_eq!(wrong("name == 'x"), "': the text that begins here does not end, or has a wrong escape");
    assert_eq!(
        wrong("'é' == näme"),
        "ä: `ä` has no meaning here (a column whose name is no identifier is `row[\"…\"]`)"
    );
    assert_eq!(wrong("wieght <= 5"), "wieght: there is no column `wieght` (did you mean `weight`?)");
    assert_eq!(wrong("sized(name) < 5"), "sized: there is no function `sized` (did you mean `size`?)");
    assert_eq!(
        wrong("name . startswith('a')"),
        "startswith: there is no function `startswith` (did you mean `startsWith`?)"
    );
    assert_eq!(wrong("timestamp(name) < 5").split(" (").next().unwrap(), "timestamp: there is no function `timestamp`");
    assert_eq!(
        wrong("weight.max < 5"),
        ".: `.max` has no meaning here (only `params` has members; a column whose name has a dot is `row[\"…\"]`)"
    );
    assert_eq!(wrong("name.matches('(')"), "'(': the pattern is not a regular expression: unclosed group");
    assert_eq!(wrong("params . limit > 5"), "params . limit: the parameter `limit` has no value");
    assert_eq!(wrong("params > 5"), "params: `params` is all parameters of the flow (name one: `params.NAME`)");
    assert_eq!(wrong("if > 5"), "if: `if` is a reserved word (a column of that name is `row[\"if\"]`)");
    assert_eq!(
        wrong("atoms > 99999999999999999999"),
        "99999999999999999999: `99999999999999999999` is too large for a number"
    );
    assert_eq!(wrong("{'a': 1} == atoms"), "{: an expression has no use for `{…}`");
    assert_eq!(wrong(" "), " : the expression is empty (write a condition, such as `logp <= 5`)");
}

#[test]
fn only_the_parameters_that_it_names_are_part_of_it() {
    let expression = Expression::new("weight <= params.limit && name in params.names").unwrap();
    let expression = expression.with_param("limit", 500.0).unwrap().with_param("other", 1).unwrap();
    let expression = expression.with_param("names", json!(["aspirin", "x"])).unwrap();
    let written = expression.write();
    assert_eq!(written, json!({"cel": expression.as_str(), "params": {"limit": 500, "names": ["aspirin", "x"]}}));
    assert_eq!(Expression::read(&written).unwrap(), expression);
    let (table, condition) = (table(), expression);
    assert_eq!(condition.over(&table).unwrap().test(0), Verdict::True);
    assert_eq!(Expression::new("weight < 5").unwrap().write(), json!("weight < 5"));
}

#[test]
fn a_parameter_without_a_value_is_refused_where_it_stands() {
    let error = Expression::read(&json!("weight <= params.limit")).unwrap_err();
    assert_eq!((error.kind, error.at), (InvalidKind::UnboundParam("limit".into()), Some(10..22)));
}

#[test]
fn every_function_is_there() {
    for function in FUNCTIONS {
        let (call, is_macro) = match *function {
            "all" | "exists" | "exists_one" => (format!("[1].{function}(x, true)"), true),
            "filter" | "map" => (format!("[1].{function}(x, true) == []"), true),
            "math.greatest" | "math.least" => (format!("{function}(1, 2) == 1"), true),
            "contains" | "endsWith" | "lowerAscii" | "startsWith" | "trim" | "upperAscii" => {
                (format!("null.{function}(null, null, null) == null"), false)
            }
            _ => (format!("{function}(null, null, null) == null"), false),
        };
        let expression = Expression::new(call.as_str()).unwrap();
        let table = table();
        let verdict = expression.over(&table).unwrap().test(0);
        match verdict {
            Verdict::True | Verdict::False => assert!(is_macro, "{function}"),
            Verdict::Error(message) => {
                assert!(!is_macro && message.contains("cannot be applied"), "{function}: {message}");
            }
            Verdict::Missing(_) => panic!("{function}"),
        }
    }
}

#[test]
fn nothing_overflows_the_stack() {
    let nested = |open: &str, core: &str, close: &str, n: usize| open.repeat(n) + core + &close.repeat(n);
    let chain = |link: &str, n: usize| "atoms".to_owned() + &link.repeat(n);
    for text in [
        nested("(", "oral", ")", 4_900),
        nested("!", "oral", "", 9_900),
        nested("-", "atoms", "", 9_900),
        nested("!(", "oral", ")", 3_000),
        nested("[", "1", "]", 4_900),
        nested("{1:", "1", "}", 2_000),
        nested("size(", "name", ")", 1_600),
        nested("[1].exists(x, ", "true", ")", 600),
        nested("row[", "1", "]", 1_900),
        nested("oral ? 1 : ", "1", "", 900),
        "(".repeat(9_999),
        chain("+1", 4_900),
        chain(" in [1]", 1_400),
        chain("[0]", 3_300),
        chain(".a", 4_900),
        chain(".f()", 2_400),
        chain("<1", 4_900),
    ] {
        if let Ok(expression) = Expression::new(text.as_str()) {
            let table = table();
            if let Ok(condition) = expression.over(&table) {
                condition.test(0);
            }
        }
    }
    assert_eq!(verdicts(&chain(" + 1", MAX_DEPTH - 2).replacen("atoms", "20 < atoms", 1)), "yes | yes | ?atoms");
    let many = vec!["atoms == 13"; 600].join(" || ");
    assert_eq!(verdicts(&many), "yes | no | ?atoms");
    assert!(Expression::new("1".repeat(MAX_LENGTH + 1)).is_err());
}

/// What the row of a table with one text of `length` bytes costs, and what the expression says of it.
fn worked(cel: &str, length: usize) -> (std::time::Duration, Verdict<'static>) {
    let text = ColumnData::Text(vec![Some("x".repeat(length).into())]);
    let table = Table::new([(Column::new("name", ColumnType::Text), text)]).unwrap();
    let expression = Expression::new(cel).unwrap_or_else(|error| panic!("{cel}: {error}"));
    let began = std::time::Instant::now();
    let verdict = match expression.over(&table).unwrap().test(0) {
        Verdict::True => Verdict::True,
        Verdict::False => Verdict::False,
        Verdict::Missing(_) => Verdict::Missing("name"),
        Verdict::Error(message) => Verdict::Error(message),
    };
    (began.elapsed(), verdict)
}

#[test]
fn an_expression_that_costs_too_much_for_its_length_says_which_limit_it_meets() {
    let ten = "[1,2,3,4,5,6,7,8,9,0]";
    let nested = |depth: usize| {
        let body = (0..depth).fold("true".to_owned(), |body, level| format!("{ten}.all(a{level}, {body})"));
        format!("size(name) > 0 && {body}")
    };
    let grown = |step: &str, times: usize| format!("size([name]{}[0]) > 0", step.repeat(times));
    let crossed = "[name,name,name,name].map(x, [name,name,name,name].map(y, x + y))";
    for (cel, length) in [
        (nested(8), 1),
        (grown(".map(x, x + x)", 15), 10_000),
        (grown(".map(x, x + x + x + x + x + x + x + x)", 7), 1_000),
        (grown(".map(x, [x, x, x, x, x, x, x, x])", 7), 1_000_000),
        (format!("size({crossed}.map(x, {crossed}.map(y, {crossed}))) > 0"), 100_000),
        (format!("{} && true", nested(8)), 1),
        (format!("{} || true", nested(8)), 1),
        (
            format!("{ten}.exists(n, {ten}.exists(m, name.matches('y' + string(n) + '{{' + string(m) + '}}' + name)))"),
            9,
        ),
        (format!("name.matches({}'')", "name + ".repeat(22)), 20_000_000),
    ] {
        let (took, verdict) = worked(&cel, length);
        let Verdict::Error(message) = verdict else { panic!("{cel}: {verdict:?}") };
        assert!(message.contains("`CHEM_LIMIT_EXPRESSION_WORK`"), "{cel}: {message}");
        assert!(took < std::time::Duration::from_secs(5), "{cel}: {took:?}");
    }
}

#[test]
fn the_budget_of_a_row_holds_what_people_write() {
    let list: Vec<String> = (0..10_000).map(|number| format!("name{number}")).collect();
    let table = table();
    let is_known = Expression::new("!params.known.exists(known, known == name) || name in params.known").unwrap();
    let is_known = is_known.with_param("known", list).unwrap();
    assert_eq!(is_known.over(&table).unwrap().test(0), Verdict::True);
    let patterns = (0..40).map(|number| format!("name.matches('x{number}$')")).collect::<Vec<_>>().join(" || ");
    assert_eq!(verdicts(&patterns), "no | no | ?name");
    assert_eq!(verdicts("[name + name, name].map(n, n + '-' + n)[1] == 'x-x'"), "no | yes | ?name");
    assert_eq!(verdicts("[1, 2, 3].filter(n, n > atoms).exists_one(n, math.abs(n) == 3)"), "no | yes | ?atoms");
}

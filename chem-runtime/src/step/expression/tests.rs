//! The meaning of expressions, the errors, and the limits on stack and work.

use serde_json::{Value, json};

use super::*;
use crate::artifact::{Column, ColumnType, Values};
use crate::step::param::{InvalidKind, ParamValue as _};

/// Three molecules: one with all values, one without a weight, one without a name.
fn table() -> Table {
    let text = |values: [Option<&str>; 3]| Values::texts(values);
    Table::new([
        (Column::new("name", ColumnType::Text), text([Some("aspirin"), Some("x"), None])),
        (Column::new("weight", ColumnType::Float), Values::floats([Some(180.2), None, Some(500.0)])),
        (Column::new("atoms", ColumnType::Integer), Values::integers([Some(13), Some(1), None])),
        (Column::new("oral", ColumnType::Boolean), Values::booleans([Some(true), Some(false), None])),
        (Column::new("Mol Weight", ColumnType::Float), Values::floats([Some(1.5), None, None])),
        (Column::new("int", ColumnType::Integer), Values::integers([Some(1), None, None])),
    ])
    .unwrap()
}

/// Returns the verdicts of `cel` on the three molecules, abbreviated.
#[track_caller]
fn verdicts(cel: &str) -> String {
    let (table, expression) = (table(), Expression::new(cel).unwrap());
    let condition = expression.over(&table).unwrap();
    let verdict = |row| match condition.test(row) {
        Verdict::True => "yes".to_owned(),
        Verdict::False => "no".to_owned(),
        Verdict::Missing(column) => format!("?{column}"),
        Verdict::Error(message) => message,
    };
    [verdict(0), verdict(1), verdict(2)].join(" | ")
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
    let why = "the operands are never equal: ";
    for (cel, operands) in [
        ("name == 5", "the column `name` is text, but `5` is a number"),
        ("0.5 != name", "`0.5` is a number, but the column `name` is text"),
        ("weight > 1 && name == params.limit", "the column `name` is text, but `5` is a number"),
        ("atoms == '13'", "the column `atoms` is a number, but `\"13\"` is text"),
        ("oral == 1", "the column `oral` is true or false, but `1` is a number"),
        ("params.limit == name", "`5` is a number, but the column `name` is text"),
        ("name in [5, 6.5]", "the column `name` is text, but each value of the list is a number"),
        ("!(size(name) == name)", "the other side is a number, but the column `name` is text"),
    ] {
        assert_eq!(over(cel), Err(format!("{why}{operands}")), "{cel}");
    }
    for cel in ["name == 'x'", "name in ['x', 5]", "name in []", "weight == atoms", "oral == (atoms == 1)"] {
        assert_eq!(over(cel), Ok(()), "{cel}");
    }
    // The type of a column without values is unknown.
    let empty = table.gather(&[2]);
    assert!(Expression::new("name == 5").unwrap().over(&empty).is_ok());
}

#[test]
fn arithmetic_mixes_them_too() {
    assert_eq!(verdicts("weight / atoms > 13"), "yes | ?weight | ?atoms");
    assert_eq!(verdicts("weight + 1 - 2 * atoms < 156"), "yes | ?weight | ?atoms");
    assert_eq!(verdicts("math.ceil(atoms) == 13 && math.abs(-atoms) == 13"), "yes | no | ?atoms");
    assert_eq!(verdicts("(oral ? atoms : 2) * 0.5 == 6.5"), "yes | no | ?oral");
    assert_eq!(verdicts("'a' + name == 'aaspirin' && [atoms] + [1] == [13.0, 1]"), "yes | no | ?atoms");
}

#[test]
fn a_slash_is_exact_division_and_the_integer_quotient_is_a_function() {
    assert_eq!(verdicts("atoms / 2 == 6.5 && atoms % 2 == 1 && quotient(atoms, 2) == 6"), "yes | no | ?atoms");
    assert_eq!(verdicts("1 / atoms > 0.07"), "yes | yes | ?atoms");
    for holds in [
        "-7 / 2 == -3.5 && quotient(-7, 2) == -3 && -7 % 2 == -1",
        "7.5 % 2 == 1.5 && quotient(7.5, 2) == 3",
        "quotient(1, 0.1) == 9 && math.trunc(1 / 0.1) == 10",
        "quotient(9007199254740993, 1) == 9007199254740993 && 9007199254740993 % 2 == 1",
        "6 / 3 == 2 && string(6 / 3) == '2' && 6 / 3 in [2]",
        "[1, 2, 3][4 / 2] == 3",
    ] {
        assert_eq!(verdicts(holds), "yes | yes | yes", "{holds}");
    }
    let zero = "a number is divided by zero";
    for (divided, symbol) in
        [("atoms / (atoms - 13) > 1", "/"), ("atoms % 0.0 > 1", "%"), ("quotient(atoms, 0) > 1", "quotient")]
    {
        assert!(verdicts(divided).starts_with(&format!("`{symbol}`: {zero} | ")), "{divided}");
    }
    assert_eq!(verdicts("atoms == 13 || 1 / (atoms - 1) > 0"), format!("yes | `/`: {zero} | ?atoms"));
}

#[test]
fn what_is_too_large_is_an_error_of_its_row() {
    let whole = "the result is too large for a 64-bit integer";
    for too_large in [
        "(atoms - 13) * 2 + 9223372036854775807 > 0 && atoms * 9223372036854775807 > 0",
        "-(-9223372036854775807 - atoms) > 0",
        "math.abs(-9223372036854775807 - 1) > atoms",
        "int(1e300) > atoms",
        "quotient(1e300, 1) > atoms",
    ] {
        let error = verdicts(too_large);
        assert!(error.starts_with(whole) && error.contains("write `double(…)`"), "{too_large}: {error}");
    }
    assert!(verdicts("double(atoms) * 9223372036854775807 > 1e19").starts_with("yes | no"));
    for (not, why) in [("1e308 * 10", "too large"), ("math.sqrt(-1)", "not a number"), ("double('inf')", "too large")] {
        let error = verdicts(&format!("atoms < {not}"));
        assert!(error.starts_with("the result is") && error.contains(why), "{not}: {error}");
    }
}

#[test]
fn numbers_are_compared_exactly() {
    for holds in [
        "9007199254740993 > 9007199254740992.0 && 9007199254740993 != 9007199254740992.0",
        "!(9007199254740993 in [9007199254740992.0]) && [9007199254740993] != [9007199254740992.0]",
        "9223372036854775807 < 9223372036854775808.0 && -9223372036854775808 == -9223372036854775808.0",
        "math.greatest(9007199254740993, 9007199254740992.0) == 9007199254740993",
        "1e300 > 9223372036854775807 && -1e300 < 1 && 0.5 > 0 && -0.5 < 0 && -0.0 == 0",
    ] {
        assert_eq!(verdicts(holds), "yes | yes | yes", "{holds}");
    }
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
fn patterns_may_be_computed() {
    assert_eq!(verdicts("name.matches('^a.*n$') && matches(name, 'spi')"), "yes | no | ?name");
    assert_eq!(verdicts("'x'.matches(name)"), "no | yes | ?name");
    let many: Vec<String> = (0..20).map(|n| format!("name.matches('a{n}')")).collect();
    assert_eq!(verdicts(&(many.join(" || ") + " || name.matches('p')")), "yes | no | ?name");
    let wrong = "`matches` cannot be applied to a number, text";
    assert_eq!(verdicts("atoms.matches('a')"), format!("{wrong} | {wrong} | ?atoms"));
}

#[test]
fn errors_of_rows_are_described() {
    let between = "`<` cannot be applied to a list and a number";
    assert_eq!(verdicts("[name] < 5"), format!("{between} | {between} | ?name"));
    let gives = "the expression is a number; expected true or false";
    assert_eq!(verdicts("atoms"), format!("{gives} | {gives} | ?atoms"));
    let round = "`math.round` cannot be applied to text";
    assert_eq!(verdicts("math.round(name) == 1.0"), format!("{round} | {round} | ?name"));
    let and = "`&&` cannot be applied to a number and true or false";
    assert_eq!(verdicts("atoms && oral"), format!("{and} | no | ?oral"), "what is false decides");
    let index = "index 13 is out of range for a list of 2";
    assert_eq!(verdicts("[1, 2][atoms] == 2"), format!("{index} | yes | ?atoms"));
}

/// A comparison of a text column with a number is refused before any row is tested, with advice.
#[test]
fn what_has_no_order_is_refused() {
    let error = wrong("name < 5");
    assert!(
        error.contains("`<` cannot be applied to text and a number: the column `name` is text, but `5` is a number"),
        "{error}"
    );
    assert!(
        error.contains("`numbers: [name]` in `molecules.read`") && error.contains("`types: { name: float }`"),
        "{error}"
    );
    let error = wrong("weight + name == 1");
    assert!(error.contains("`+` cannot be applied to a number and text: the column `weight` is a number"), "{error}");
    let text = |values: [&str; 5]| Values::texts(values);
    let table = Table::new([
        (Column::new("ic50", ColumnType::Text), text(["9.5", "10.2", "NA", "8.7", ">10"])),
        (Column::new("limit", ColumnType::Text), text(["9", "10", "5", "100", "7"])),
        (Column::new("id", ColumnType::Text), text(["a", "10", "b", "c", "7"])),
    ])
    .unwrap();
    let over = |cel: &str| Expression::new(cel).unwrap().over(&table).map(|condition| condition.test(1));
    let error = over("ic50 < limit").unwrap_err();
    assert!(
        error.message.contains("the column `ic50` is text, but 3 of its 5 values are numbers"),
        "{}",
        error.message
    );
    assert!(error.help.unwrap().contains("`string(ic50)`"));
    assert!(over("id < '5' || 'x' > limit").unwrap_err().message.contains("`limit`"));
    assert_eq!(over("string(ic50) > string(limit) && id < '5'"), Ok(Verdict::True));
}

/// Returns what is wrong with `cel`: the underlined part, the message, the help.
#[track_caller]
fn wrong(cel: &str) -> String {
    let error = Expression::new(cel).and_then(|expression| expression.over(&table()).map(drop)).unwrap_err();
    let help = error.help.map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{}: {}{help}", error.at.map_or(cel, |at| &cel[at]), error.message)
}

#[test]
fn mistakes_are_pointed_at() {
    assert_eq!(wrong("weight <= 5 and oral"), "and: unexpected `and` (write `&&`)");
    assert_eq!(wrong("name = 'x'"), "=: unexpected `=` (write `==` to compare)");
    assert_eq!(wrong("weight <="), ": expected a value at the end");
    assert_eq!(wrong("(weight < 5"), ": missing `)` at the end");
    assert_eq!(wrong("name == 'x"), "': unclosed quote or invalid escape");
    assert_eq!(
        wrong("'é' == näme"),
        "ä: unexpected `ä` (write `row[\"…\"]` for a column whose name is not an identifier)"
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
        ".: unexpected `.max` (only `params` has members; write `row[\"…\"]` for a column whose name has a dot)"
    );
    assert_eq!(wrong("name.matches('(')"), "'(': the pattern is not a regular expression: unclosed group");
    assert_eq!(wrong("params . limit > 5"), "params . limit: the parameter `limit` has no value");
    assert_eq!(wrong("params > 5"), "params: `params` is not a value (name a parameter: `params.NAME`)");
    assert_eq!(wrong("if > 5"), "if: `if` is a reserved word (write `row[\"if\"]` for a column of that name)");
    assert_eq!(
        wrong("atoms > 99999999999999999999"),
        "99999999999999999999: the number `99999999999999999999` is too large"
    );
    assert_eq!(wrong("{'a': 1} == atoms"), "{: `{…}` is not supported");
    assert_eq!(wrong("size(name, 1) > 1"), "size(name, 1) > 1: `size` expects 1 argument, found 2");
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
fn a_parameter_without_a_value_is_refused_at_its_location() {
    let error = Expression::read(&json!("weight <= params.limit")).unwrap_err();
    assert_eq!((error.kind, error.at), (InvalidKind::UnboundParam("limit".into()), Some(10..22)));
}

/// Returns what `cel` computes for the three molecules, as JSON or as the reason why not.
fn computed(cel: &str) -> Result<(ColumnType, Vec<Result<Value, String>>), String> {
    let (table, expression) = (table(), Expression::new(cel).map_err(|error| error.to_string())?);
    let computation = expression.compute(&table, None).map_err(|error| error.to_string())?;
    Ok((computation.ty(), (0..3).map(|row| computation.value(row)).collect()))
}

/// Returns the type and the values of an expression that can be computed for all rows.
#[track_caller]
fn values(cel: &str) -> (ColumnType, Value) {
    let (ty, values) = computed(cel).unwrap_or_else(|error| panic!("{cel}: {error}"));
    (ty, values.into_iter().map(|value| value.unwrap_or_else(|error| panic!("{cel}: {error}"))).collect())
}

#[test]
fn every_example_has_its_value() {
    let number = |value: &Value| value.as_f64();
    for function in FUNCTIONS {
        assert!(!function.examples.is_empty() && function.doc.ends_with('.'), "{}", function.name);
        for (cel, expected) in function.examples {
            let expected: Value = serde_json::from_str(expected).unwrap();
            let olders = function.also.map(|also| cel.replace(&format!("{}(", function.name), &format!("{also}(")));
            for cel in std::iter::once((*cel).to_owned()).chain(olders) {
                let (_, found) = values(&cel);
                let same =
                    found[0] == expected || number(&found[0]).is_some() && number(&found[0]) == number(&expected);
                assert!(same, "{cel}: {found}, not {expected}");
            }
        }
    }
    let names = functions::names();
    assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
}

#[test]
fn a_method_is_also_a_function_of_text() {
    assert_eq!(verdicts("lower(name) == name.lower() && contains(name, 'x')"), "no | yes | ?name");
    assert_eq!(wrong("weight.log10() > 1"), "log10: `log10` cannot be called like this (write `log10(…)`)");
    assert_eq!(wrong("all([1], 1)"), "all: `all` cannot be called like this (write `value.all(…)`)");
}

#[test]
fn the_type_of_a_column_does_not_depend_on_the_values() {
    use ColumnType::{Boolean, Float, Integer, Text};
    for (cel, ty) in [
        ("atoms + 1", Integer),
        ("atoms / 1", Float),
        ("atoms * 2.0", Float),
        ("atoms % 2", Integer),
        ("-weight", Float),
        ("abs(atoms)", Integer),
        ("round(weight)", Float),
        ("max(atoms, int)", Integer),
        ("max(atoms, weight)", Float),
        ("max([atoms, 2])", Integer),
        ("oral ? atoms : null", Integer),
        ("oral ? atoms : weight", Float),
        ("coalesce(weight, atoms, 0)", Float),
        ("coalesce(name, 'none')", Text),
        ("name.split('p')[0] + '-'", Text),
        ("[atoms, 1].map(x, x + 1)[0]", Integer),
        ("[atoms, 1].map(x, x * 0.5)[1]", Float),
        ("[1, 2].filter(x, x > 1)[0]", Integer),
        ("weight == null", Boolean),
        ("size(name)", Integer),
        ("name", Text),
    ] {
        assert_eq!(computed(cel).map(|(ty, _)| ty), Ok(ty), "{cel}");
        let (table, expression) = (table().gather(&[]), Expression::new(cel).unwrap());
        assert_eq!(expression.compute(&table, None).map(|computation| computation.ty()), Ok(ty), "{cel} of no rows");
    }
    for (cel, why) in [
        ("null", "does not follow"),
        ("oral ? 'x' : 1", "does not follow"),
        ("[1, 2]", "is a list"),
        ("name.split('x')", "is a list"),
    ] {
        assert!(computed(cel).unwrap_err().contains(why), "{cel}");
    }
}

#[test]
fn a_declared_type_is_checked() {
    let table = table();
    let value = |cel: &str, declared| {
        let computation = Expression::new(cel).unwrap().compute(&table, Some(declared)).map_err(|e| e.to_string())?;
        computation.value(0)
    };
    assert_eq!(value("atoms", ColumnType::Float), Ok(json!(13.0)));
    assert_eq!(value("weight / weight", ColumnType::Integer), Ok(json!(1)));
    assert_eq!(
        value("weight / 2", ColumnType::Integer),
        Err("expected an integer of 64 bits, found `90.1`".to_owned())
    );
    assert_eq!(
        value("9007199254740993", ColumnType::Float).unwrap_err(),
        "no float equals the integer `9007199254740993`"
    );
    assert!(value("name", ColumnType::Float).unwrap_err().contains("declares floats, but the values are text"));
    assert_eq!(value("null", ColumnType::Text), Ok(Value::Null));
    assert_eq!(value("oral ? 'x' : 1", ColumnType::Text), Ok(json!("x")));
    assert_eq!(value("oral ? 1 : 'x'", ColumnType::Text), Err("expected text, found a number".to_owned()));
    assert!(value("'\\u0000'", ColumnType::Text).unwrap_err().contains("U+0000"));
}

#[test]
fn missing_values_make_a_result_missing_and_coalesce_replaces_them() {
    use ColumnType::{Float, Integer, Text};
    assert_eq!(values("log10(weight * 0 + 1)"), (Float, json!([0.0, null, 0.0])));
    assert_eq!(values("min(weight, 200)"), (Float, json!([180.2, null, 200.0])));
    assert_eq!(values("coalesce(weight, atoms, -1)"), (Float, json!([180.2, 1.0, 500.0])));
    assert_eq!(values("coalesce(atoms, int)"), (Integer, json!([13, 1, null])));
    assert_eq!(values("coalesce(null, name, null)"), (Text, json!(["aspirin", "x", null])));
    assert_eq!(values("weight > 200 ? weight : null"), (Float, json!([null, null, 500.0])));
    assert_eq!(verdicts("coalesce(weight, 0) > 100"), "yes | no | yes");
    assert_eq!(values("extract(name, '(.)i')"), (Text, json!(["p", null, null])));
    assert_eq!(values("size(extract(name, 'i.*'))"), (Integer, json!([4, null, null])));
    assert_eq!(verdicts("extract(name, 'p(.)') == 'i'"), "yes | ?name | ?name");
    let error = computed("coalesce(1 / (atoms - 13), 0)").unwrap().1[0].clone().unwrap_err();
    assert_eq!(error, "`/`: a number is divided by zero", "an error is not a missing value");
}

#[test]
fn what_has_no_value_is_an_error_of_the_row() {
    for (cel, why) in [
        ("log10(0)", "`log10`: expected a number greater than 0, found `0`"),
        ("ln(-1)", "`ln`: expected a number greater than 0, found `-1`"),
        ("log2(atoms - 13)", "`log2`: expected a number greater than 0, found `0`"),
        ("sqrt(-1)", "the result is not a number"),
        ("pow(-8, 1 / 3)", "`pow`: a negative number has only powers with an integer exponent"),
        ("pow(0, -1)", "`pow`: 0 has no negative power"),
        ("exp(1000)", "the result is too large for a number"),
        ("pow(10, 400)", "the result is too large for a number"),
        ("round(1.5, 18)", "`round`: the number of decimals is an integer from 0 to 17, not `18`"),
        ("convert(1, name, 'M')", "`aspirin` is not a unit of concentration"),
        ("split(name, '')[0]", "`split`: the separator is empty"),
        ("split(name, 'i')[9]", "index 9 is out of range for a list of 3"),
        ("replace(name, '', 'x')", "`replace`: the text to replace is empty"),
        ("extract(name, 'a', int)", "the pattern has 0 groups, no number 1"),
        ("extract(name, '(?<b>a)', name)", "the pattern has no group `aspirin`; its groups are `b`"),
        ("int(name)", "`int`: `aspirin` is not an integer"),
    ] {
        let error = computed(cel).unwrap().1[0].clone().unwrap_err();
        assert!(error.starts_with(why), "{cel}: {error}");
    }
}

#[test]
fn a_function_of_a_column_of_another_type_is_refused_before_any_row() {
    let error = |cel: &str| {
        let table = table();
        let error = Expression::new(cel).unwrap().compute(&table, None).err().unwrap();
        format!("{}; {}", error.message, error.help.unwrap_or_default())
    };
    let found = error("log10(name)");
    assert!(
        found.starts_with("`log10` cannot be applied to text: the column `name` is text; to read it as"),
        "{found}"
    );
    assert_eq!(
        error("lower(weight)"),
        "`lower` cannot be applied to a number: the column `weight` is a number; write `string(…)` around it"
    );
    for (cel, why) in [
        ("max(name, 1)", "`max` cannot be applied to text: the column `name` is text; to read it as"),
        ("-name", "`-` cannot be applied to text: the column `name` is text"),
        ("!weight", "`!` cannot be applied to a number: the column `weight` is a number"),
    ] {
        assert!(error(cel).starts_with(why), "{cel}: {}", error(cel));
    }
    assert_eq!(wrong("extract(name, '[0-9]+', 1) == ''"), "1: the pattern has 0 groups, no number 1");
    assert_eq!(wrong("name.extract('(?<b>a)', 'c') == ''"), "'c': the pattern has no group `c`; its groups are `b`");
    assert_eq!(error("min()"), "`min` expects at least 1 argument, found 0; ");
    assert_eq!(wrong("round(weight, 1, 2) > 1"), "round(weight, 1, 2) > 1: `round` expects 1 or 2 arguments, found 3");
    assert_eq!(wrong("coalesce(weight) > 1"), "coalesce(weight) > 1: `coalesce` expects at least 2 arguments, found 1");
    assert_eq!(wrong("extract(name, '(') == ''"), "'(': the pattern is not a regular expression: unclosed group");
    assert_eq!(
        wrong("name.replaceMatches('[', '') == ''"),
        "'[': the pattern is not a regular expression: unclosed character class"
    );
    assert!(
        wrong("convert(weight, 'nm', 'M') > 1")
            .starts_with("'nm': `nm` is not a unit of concentration; did you mean `nM`?")
    );
    assert!(wrong("convert(weight, 'ug/mL', 'M') > 1").starts_with("'M': `ug/mL` cannot be converted to `M`"));
}

#[test]
fn the_unit_of_a_column_is_kept_and_checked() {
    let numbers = || Values::floats([35.0]);
    let table = Table::new([
        (Column::new("ic50", ColumnType::Float).with_unit("nM"), numbers()),
        (Column::new("ki", ColumnType::Float).with_unit("nM"), numbers()),
        (Column::new("weight", ColumnType::Float).with_unit("g/mol"), numbers()),
        (Column::new("micro", ColumnType::Float).with_unit("µM"), numbers()),
        (Column::new("uM", ColumnType::Float).with_unit("uM"), numbers()),
    ])
    .unwrap();
    let unit = |cel: &str| {
        let computation = Expression::new(cel).unwrap().compute(&table, None).map_err(|error| error.message)?;
        Ok::<_, String>(computation.unit().map(str::to_owned))
    };
    for (cel, expected) in [
        ("ic50", Some("nM")),
        ("round(convert(ic50, 'nM', 'µM'), 2)", Some("µM")),
        ("max(ic50, ki) - min(ic50, ki)", Some("nM")),
        ("coalesce(ic50, ki)", Some("nM")),
        ("ic50 > 1 ? -ic50 : ki", Some("nM")),
        ("micro + max(uM, micro)", Some("µM")),
        ("math.greatest(ic50, ki)", Some("nM")),
        ("ic50 > 30 ? ic50 : 0", None),
        ("ic50 / ki", None),
        ("-log10(convert(ic50, 'nmol/L', 'M'))", None),
    ] {
        assert_eq!(unit(cel), Ok(expected.map(str::to_owned)), "{cel}");
    }
    let refused = unit("convert(ic50, 'uM', 'M')").unwrap_err();
    assert_eq!(refused, "the column `ic50` is in `nM`, but `convert` takes it to be in `uM`");
    assert!(unit("convert(weight, 'uM', 'M')").is_err());
    for (cel, found) in [
        ("convert(round(ic50, 1), 'uM', 'M')", "nM"),
        ("convert(convert(ic50, 'nM', 'uM'), 'nM', 'M')", "uM"),
        ("convert(ic50 > 1 ? ic50 : ki, 'M', 'nM')", "nM"),
    ] {
        let refused = unit(cel).unwrap_err();
        assert!(refused.starts_with(&format!("the values are in `{found}`, but `convert`")), "{cel}: {refused}");
    }
}

#[test]
fn columns_in_different_units_are_not_computed_with_unconverted() {
    let column = |name, unit| (Column::new(name, ColumnType::Float).with_unit(unit), Values::floats([35.0]));
    let table = Table::new([column("nano", "nM"), column("micro", "uM"), column("weight", "g/mol")]).unwrap();
    let computed = |cel: &str| Expression::new(cel).unwrap().compute(&table, None).map(drop);
    for (cel, symbol) in [
        ("nano + micro", "+"),
        ("nano - round(micro)", "-"),
        ("max(nano, 1, micro)", "max"),
        ("coalesce(nano, micro)", "coalesce"),
        ("nano < micro", "<"),
        ("nano == micro", "=="),
        ("weight > 1 ? nano : micro", "? :"),
    ] {
        let error = computed(cel).unwrap_err();
        assert_eq!(error.message, format!("`{symbol}` is applied to values in `nM` and in `uM`"), "{cel}");
        assert_eq!(error.help.as_deref(), Some("write `convert(…, 'uM', 'nM')` around the latter"));
    }
    for cel in ["nano / weight", "nano * micro", "nano + convert(micro, 'uM', 'nM')", "nano > 1 && micro > 1"] {
        assert_eq!(computed(cel), Ok(()), "{cel}");
    }
    // Conditions have always compared the bare numbers.
    assert_eq!(Expression::new("nano == micro").unwrap().over(&table).unwrap().test(0), Verdict::True);
}

#[test]
fn a_computed_null_is_a_missing_value() {
    use ColumnType::{Float, Integer};
    assert_eq!(values("round(weight > 200 ? log10(weight) : null, 2)"), (Float, json!([null, null, 2.7])));
    assert_eq!(values("1 + (atoms > 5 ? atoms : null)"), (Integer, json!([14, null, null])));
    assert_eq!(values("-(atoms > 5 ? atoms : null)"), (Integer, json!([-13, null, null])));
    assert_eq!(values("max([1, atoms > 5 ? atoms : null])"), (Integer, json!([13, null, null])));
    assert_eq!(values("coalesce((atoms > 5 ? atoms : null) * 2, 0)"), (Integer, json!([26, 0, 0])));
    assert_eq!(verdicts("(atoms > 5 ? atoms : null) > 1"), "yes | ?atoms | ?atoms");
    assert_eq!(verdicts("atoms > 5 ? true : null"), "yes | ?atoms | ?atoms");
    assert_eq!(verdicts("(atoms > 5 ? true : null) || name == 'x'"), "yes | yes | ?name");
    assert_eq!(verdicts("!(atoms > 5 ? true : null)"), "no | ?atoms | ?atoms");
    assert!(verdicts("null").starts_with("the expression is null; expected true or false"));
}

#[test]
fn one_can_ask_whether_a_result_is_missing() {
    assert_eq!(verdicts("extract(name, 'p') == null"), "no | yes | yes");
    assert_eq!(verdicts("null != extract(name, 'p')"), "yes | no | no");
    assert_eq!(verdicts("weight * 2 == null || atoms + 1 == null"), "no | yes | yes");
    assert_eq!(verdicts("(atoms > 5 ? atoms : null) == null"), "no | yes | yes");
    assert_eq!(verdicts("['a1', 'b'].map(x, extract(x, '[0-9]')).exists(x, x == null)"), "yes | yes | yes");
    assert_eq!(verdicts("null == null"), "yes | yes | yes");
    assert!(verdicts("1 / (atoms - 13) == null").starts_with("`/`: a number is divided by zero | no | yes"));
}

#[test]
fn macros_go_through_lists() {
    for holds in [
        "[1, 2, 3].map(x, x * 2) == [2, 4, 6] && [1, 2, 3].map(x, x > 1, x * 2) == [4, 6]",
        "[1, 2, 3].filter(x, x != 2) == [1, 3] && size([]) == 0",
        "[1, 2].all(x, [3, x].exists(y, y == x + 2 || y == x)) && [1, 2, 2].exists_one(x, x == 1)",
        "[0, 1].exists(x, 1 / x == 1) && ![0, 1].all(x, 1 / x == 2)",
        "[[1, 2], [3]].map(x, size(x)) == [2, 1] && [1].map(x, [2].map(x, x)[0] + x) == [3]",
    ] {
        assert_eq!(verdicts(holds), "yes | yes | yes", "{holds}");
    }
    assert!(verdicts("[0, 1].all(x, 1 / x == 1)").starts_with("`/`: a number is divided by zero"));
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

/// Returns the time and the verdict of `cel` for a row with one text of `length` bytes.
fn worked(cel: &str, length: usize) -> (std::time::Duration, Verdict<'static>) {
    let text = Values::texts(["x".repeat(length)]);
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
        (format!("size({}name{}) > 0", "replace(".repeat(6), ", 'x', 'xxxxxxxxxxxxxxxx')".repeat(6)), 1_000),
        (format!("size({}name{}) > 0", "replaceMatches(".repeat(6), ", '.', '$0$0$0$0$0$0$0$0$0')".repeat(6)), 1_000),
        ("size(split(name, 'x')) > 0".to_owned(), 3_000_000),
        (format!("size([name]{}[0]) > 0", ".map(x, [x, x, x, x].join(x))".repeat(4)), 100_000),
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

//! What an expression says of a row depends on the values in it, and not on whether a file's column was read as whole numbers
//! or as others, which its other rows decide.

use chem_runtime::artifact::{Column, ColumnType, Table, Values};
use chem_runtime::step::{Expression, Verdict};
use chem_tests::values::cases;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Whole numbers that a column of either type holds exactly.
const VALUES: &[i64] = &[
    0,
    1,
    -1,
    2,
    3,
    -7,
    6,
    8,
    13,
    1_000_003,
    (1 << 53) - 1,
    1 << 53,
    -(1 << 53),
    (1 << 53) + 2,
    1_000_000_000_000_000_000,
    1 << 62,
    i64::MIN,
];

const LITERALS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "2.0",
    "0.5",
    "-2.5",
    "7",
    "1e3",
    "9007199254740993",
    "9007199254740992.0",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808.0",
    "1e300",
];

fn number() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![3 => select(vec!["a", "b"]), 2 => select(LITERALS)].prop_map(str::to_owned);
    leaf.prop_recursive(3, 12, 2, |inner| {
        let two = (inner.clone(), inner.clone());
        let operator = select(vec!["+", "-", "*", "/", "%"]);
        let one = select(vec![
            "int",
            "double",
            "math.abs",
            "math.ceil",
            "math.floor",
            "math.round",
            "math.sign",
            "math.sqrt",
            "math.trunc",
        ]);
        let pair = select(vec!["quotient", "math.greatest", "math.least"]);
        prop_oneof![
            4 => (two.clone(), operator).prop_map(|((a, b), op)| format!("({a} {op} {b})")),
            2 => (inner.clone(), one).prop_map(|(a, function)| format!("{function}({a})")),
            2 => (two.clone(), pair).prop_map(|((a, b), function)| format!("{function}({a}, {b})")),
            1 => inner.clone().prop_map(|a| format!("-({a})")),
            1 => inner.clone().prop_map(|a| format!("size(string({a}))")),
            1 => (two.clone(), inner).prop_map(|((a, b), c)| format!("({a} < {b} ? {b} : {c})")),
            1 => two.prop_map(|(a, b)| format!("[{a}, {b}].map(x, x + 1)[1]")),
        ]
    })
}

fn condition() -> impl Strategy<Value = String> {
    let order = select(vec!["<", "<=", ">", ">=", "==", "!="]);
    let two = || (number(), number());
    prop_oneof![
        4 => (two(), order).prop_map(|((a, b), op)| format!("{a} {op} {b}")),
        1 => (two(), number()).prop_map(|((a, b), c)| format!("{a} in [{b}, {c}]")),
        1 => two().prop_map(|(a, b)| format!("string({a}) == string({b})")),
        1 => two().prop_map(|(a, b)| format!("string({a}).contains('5') || [{b}] == [{a}]")),
        1 => two().prop_map(|(a, b)| format!("[{a}, {b}].exists(x, x % 2 == 0)")),
    ]
}

/// What `cel` says of each row where the columns are read as whole numbers, or else as others.
fn verdicts(cel: &str, rows: &[(i64, i64)], whole: (bool, bool)) -> Vec<Verdict<'static>> {
    let column = |name: &str, values: Vec<i64>, whole: bool| match whole {
        true => (Column::new(name, ColumnType::Integer), Values::integers(values)),
        false => {
            let floats = values.into_iter().map(|value| Some(value as f64));
            (Column::new(name, ColumnType::Float), Values::floats(floats))
        }
    };
    let a = column("a", rows.iter().map(|(a, _)| *a).collect(), whole.0);
    let b = column("b", rows.iter().map(|(_, b)| *b).collect(), whole.1);
    let table = Table::new([a, b]).unwrap();
    let expression = Expression::new(cel).unwrap();
    let condition = match expression.over(&table) {
        Ok(condition) => condition,
        Err(error) => return vec![Verdict::Error(error.to_string())],
    };
    let verdict = |row| match condition.test(row) {
        Verdict::True => Verdict::True,
        Verdict::False => Verdict::False,
        Verdict::Error(reason) => Verdict::Error(reason),
        Verdict::Missing(_) => panic!("{cel} misses a value"),
    };
    (0..rows.len()).map(verdict).collect()
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn a_verdict_does_not_depend_on_how_a_column_was_read(
        cel in condition(),
        rows in vec((select(VALUES), select(VALUES)), 1..6),
    ) {
        let expected = verdicts(&cel, &rows, (true, true));
        for whole in [(true, false), (false, true), (false, false)] {
            prop_assert_eq!(&verdicts(&cel, &rows, whole), &expected, "{} with {:?}", cel, whole);
        }
    }
}

#[test]
fn the_share_of_rotatable_bonds_is_a_share() {
    let rows = [(6, 8), (8, 2), (8, 7)];
    for whole in [(true, true), (false, false)] {
        let expected = vec![Verdict::True, Verdict::True, Verdict::True];
        assert_eq!(verdicts("a / b > 0.3", &rows, whole), expected);
        assert_eq!(verdicts("b / a > 0.2", &rows, whole), expected);
    }
}

//! Describes the functions of expressions: the reference as Markdown.

use std::fmt::Write as _;

use crate::step::expression::{FUNCTIONS, FunctionGroup, FunctionSpec};

/// The text above the table of functions.
const PREAMBLE: &str = r#"# Expressions

An expression computes a value from a row of a table: a condition (`where` of `table.filter` and `molecules.filter`) or a new
column (`table.compute`). It is text in the [Common Expression Language](https://cel.dev) with the functions below.
`chem steps --functions` prints the same list. This page is generated from the table of functions; a test evaluates every
example.

| write | for |
|---|---|
| `logp`, `row["Mol Weight"]` | the value of a column; the second form for a name that is not an identifier |
| `params.max_logp` | the value of a parameter of the flow |
| `5`, `2.5e-3`, `'text'`, `true`, `null`, `[1, 2]` | numbers, text, booleans, a missing value, a list |
| `+ - * /`, `%` | arithmetic; `/` is exact division, `+` also joins texts |
| `== != < <= > >=`, `x in [1, 2]` | comparison; numbers are compared exactly |
| `&&`, <code>&#124;&#124;</code>, `!` | and, or, not |
| `logp > 3 ? 'high' : 'low'` | a condition with two values |
| `ic50 == null`, `ic50 != null` | whether a value is missing |

- **Missing values.** The result is missing if it depends on a missing value, as in SQL: a condition then does not hold, and a
  new column has no value there. What a missing value cannot change is decided: `logp > 3 || true` is true. `coalesce(x, 0)`
  replaces a missing value.
- **Errors.** A division by zero, the logarithm of 0, a text that is not a number, a result that is too large: each is an error
  of the row, never a missing value. A condition guards it: `x > 0 ? log10(x) : null`.
- **Numbers.** There is one type of number. Integers are exact up to 64 bits; whether a column was read as integers or floats
  makes no difference to a value. Logarithms and powers are computed by a library that is part of the program, so that all
  machines give the same digits.
- **YAML.** Put an expression in quotes if it contains `: ` or ` #`, or begins with one of `[ { ' " ! & * % @`.
  Inside `{ … }` also if it contains a comma or a bracket.
"#;

/// Returns the reference of all functions.
pub fn function_reference() -> String {
    let mut page = PREAMBLE.to_owned();
    for group in FunctionGroup::ALL {
        // Writing to a `String` never fails.
        let _ = write!(page, "\n## {}\n\n| function | result | examples |\n|---|---|---|\n", group.title());
        for function in FUNCTIONS.iter().filter(|function| function.group == group) {
            let examples: Vec<String> =
                function.examples.iter().map(|(cel, value)| format!("{} is {}", code(cel), code(value))).collect();
            let (signature, result) = (code(function.signature), function_result(function).replace('|', "&#124;"));
            let _ = writeln!(page, "| {signature} | {result} | {} |", examples.join("<br>"));
        }
    }
    page
}

/// Returns what a function gives, and its other name.
pub(crate) fn function_result(function: &FunctionSpec) -> String {
    match function.also {
        Some(also) => format!("{} Also called `{also}`.", function.doc),
        None => function.doc.to_owned(),
    }
}

/// Formats code for a cell of a Markdown table.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

//! The table of functions, in the order of the documentation.

use super::super::number::{Number, Operation};
use super::Call::{Both, Method, Plain};
use super::Function as Work;
use super::FunctionGroup::{Lists, Numbers, Text, Values};
use super::{Call, FunctionGroup, FunctionSpec, Gives, Takes, numbers, patterns, text, units, values};

type Examples = &'static [(&'static str, &'static str)];

const fn of(
    group: FunctionGroup,
    (name, signature): (&'static str, &'static str),
    (call, least, most): (Call, usize, usize),
    (gives, function): (Gives, Work),
    doc: &'static str,
    examples: Examples,
) -> FunctionSpec {
    FunctionSpec {
        name,
        also: None,
        group,
        signature,
        doc,
        examples,
        call,
        takes: (least, most),
        gives,
        pattern: None,
        function,
    }
}

impl FunctionSpec {
    const fn also(self, name: &'static str) -> Self {
        Self { also: Some(name), ..self }
    }

    /// Sets the index of the argument that is a regular expression.
    const fn with_pattern(self, index: usize) -> Self {
        Self { pattern: Some(index), ..self }
    }
}

const MANY: usize = usize::MAX;

/// The functions that an expression may call, and the macros over lists: a fixed list, so that a new release of the library
/// that parses expressions cannot change the meaning of a stored flow.
pub const FUNCTIONS: &[FunctionSpec] = &[
    of(
        Numbers,
        ("abs", "abs(number)"),
        (Plain, 1, 1),
        (Gives::LikeFirst, Work::Number(Number::magnitude)),
        "The absolute value.",
        &[("abs(-2.5)", "2.5")],
    )
    .also("math.abs"),
    of(
        Numbers,
        ("ceil", "ceil(number)"),
        (Plain, 1, 1),
        (Gives::LikeFirst, Work::Number(|number| Ok(number.rounded(f64::ceil)))),
        "The least integer that is not below the number.",
        &[("ceil(2.1)", "3"), ("ceil(-2.1)", "-2")],
    )
    .also("math.ceil"),
    of(
        Numbers,
        ("floor", "floor(number)"),
        (Plain, 1, 1),
        (Gives::LikeFirst, Work::Number(|number| Ok(number.rounded(f64::floor)))),
        "The greatest integer that is not above the number.",
        &[("floor(2.9)", "2"), ("floor(-2.1)", "-3")],
    )
    .also("math.floor"),
    of(
        Numbers,
        ("round", "round(number[, decimals])"),
        (Plain, 1, 2),
        (Gives::LikeFirst, Work::Values(&[Takes::Number, Takes::Number], numbers::round)),
        "The nearest integer, or the nearest number with this many decimals (0 to 17). The exact value of the number counts: \
         2.675 is a little less than halfway. Halves are rounded away from zero, unlike in Python.",
        &[("round(2.5)", "3"), ("round(6.5229, 2)", "6.52"), ("round(2.675, 2)", "2.67"), ("round(-0.125, 2)", "-0.13")],
    )
    .also("math.round"),
    of(
        Numbers,
        ("trunc", "trunc(number)"),
        (Plain, 1, 1),
        (Gives::LikeFirst, Work::Number(|number| Ok(number.rounded(f64::trunc)))),
        "The number without its decimals.",
        &[("trunc(-2.9)", "-2")],
    )
    .also("math.trunc"),
    of(
        Numbers,
        ("sign", "sign(number)"),
        (Plain, 1, 1),
        (Gives::Integer, Work::Number(|number| Ok(number.sign()))),
        "-1, 0 or 1.",
        &[("sign(-0.5)", "-1")],
    )
    .also("math.sign"),
    of(
        Numbers,
        ("quotient", "quotient(dividend, divisor)"),
        (Plain, 2, 2),
        (Gives::Integer, Work::Numbers(|left, right| Operation::Quotient.apply(left, right))),
        "The integer quotient, truncated toward zero. `/` is exact division, and `%` the remainder.",
        &[("quotient(7, 2)", "3"), ("quotient(-7, 2)", "-3"), ("7 / 2", "3.5"), ("-7 % 2", "-1")],
    ),
    of(
        Numbers,
        ("sqrt", "sqrt(number)"),
        (Plain, 1, 1),
        (Gives::Float, Work::Number(Number::square_root)),
        "The square root. A negative number is an error.",
        &[("sqrt(2)", "1.4142135623730951")],
    )
    .also("math.sqrt"),
    of(
        Numbers,
        ("pow", "pow(base, exponent)"),
        (Plain, 2, 2),
        (Gives::Float, Work::Numbers(numbers::pow)),
        "The power. A negative power of 0, and a fractional power of a negative number, are errors.",
        &[("pow(2, 10)", "1024"), ("pow(10, -9)", "0.000000001"), ("pow(2, 0.5)", "1.4142135623730951")],
    ),
    of(
        Numbers,
        ("exp", "exp(number)"),
        (Plain, 1, 1),
        (Gives::Float, Work::Number(numbers::exp)),
        "e to the power of the number.",
        &[("exp(0)", "1"), ("round(exp(1), 6)", "2.718282")],
    ),
    of(
        Numbers,
        ("ln", "ln(number)"),
        (Plain, 1, 1),
        (Gives::Float, Work::Number(numbers::ln)),
        "The natural logarithm. 0 and negative numbers are errors.",
        &[("ln(10)", "2.302585092994046")],
    ),
    of(
        Numbers,
        ("log2", "log2(number)"),
        (Plain, 1, 1),
        (Gives::Float, Work::Number(numbers::log2)),
        "The logarithm to base 2. 0 and negative numbers are errors.",
        &[("log2(1024)", "10")],
    ),
    of(
        Numbers,
        ("log10", "log10(number)"),
        (Plain, 1, 1),
        (Gives::Float, Work::Number(numbers::log10)),
        "The logarithm to base 10. 0 and negative numbers are errors.",
        &[("log10(1000)", "3"), ("-log10(convert(30, 'nM', 'M'))", "7.522878745280337")],
    ),
    of(
        Numbers,
        ("max", "max(number, …) or max(list)"),
        (Plain, 1, MANY),
        (Gives::LikeAll, Work::Extreme { greatest: true }),
        "The greatest of the numbers. Missing if one of them is missing; `coalesce` replaces missing values.",
        &[("max(2, 3.5)", "3.5"), ("max([1, 2, 3])", "3")],
    )
    .also("math.greatest"),
    of(
        Numbers,
        ("min", "min(number, …) or min(list)"),
        (Plain, 1, MANY),
        (Gives::LikeAll, Work::Extreme { greatest: false }),
        "The least of the numbers. Missing if one of them is missing; `coalesce` replaces missing values.",
        &[("min(2, 3.5)", "2"), ("min([1, 2, 3])", "1")],
    )
    .also("math.least"),
    of(
        Text,
        ("contains", "contains(text, part)"),
        (Both, 2, 2),
        (Gives::Boolean, Work::Texts(|text, part| Ok(text.contains(part)))),
        "Whether the text contains the part.",
        &[("'aspirin'.contains('pir')", "true")],
    ),
    of(
        Text,
        ("startsWith", "startsWith(text, beginning)"),
        (Both, 2, 2),
        (Gives::Boolean, Work::Texts(|text, part| Ok(text.starts_with(part)))),
        "Whether the text begins with the other.",
        &[("'CHEMBL25'.startsWith('CHEMBL')", "true")],
    ),
    of(
        Text,
        ("endsWith", "endsWith(text, end)"),
        (Both, 2, 2),
        (Gives::Boolean, Work::Texts(|text, part| Ok(text.ends_with(part)))),
        "Whether the text ends with the other.",
        &[("'aspirin'.endsWith('n')", "true")],
    ),
    of(
        Text,
        ("lower", "lower(text)"),
        (Both, 1, 1),
        (Gives::Text, Work::Text(str::to_lowercase)),
        "The text in lower case.",
        &[("lower('Äpfel')", "\"äpfel\"")],
    ),
    of(
        Text,
        ("upper", "upper(text)"),
        (Both, 1, 1),
        (Gives::Text, Work::Text(str::to_uppercase)),
        "The text in upper case.",
        &[("upper('µm')", "\"ΜM\"")],
    ),
    of(
        Text,
        ("lowerAscii", "lowerAscii(text)"),
        (Both, 1, 1),
        (Gives::Text, Work::Text(str::to_ascii_lowercase)),
        "The text with the letters A to Z in lower case, and others unchanged.",
        &[("'ÄB'.lowerAscii()", "\"Äb\"")],
    ),
    of(
        Text,
        ("upperAscii", "upperAscii(text)"),
        (Both, 1, 1),
        (Gives::Text, Work::Text(str::to_ascii_uppercase)),
        "The text with the letters a to z in upper case, and others unchanged.",
        &[("'äb'.upperAscii()", "\"äB\"")],
    ),
    of(
        Text,
        ("trim", "trim(text)"),
        (Both, 1, 1),
        (Gives::Text, Work::Text(|text| text.trim().to_owned())),
        "The text without white space at both ends.",
        &[("trim(' a b ')", "\"a b\"")],
    ),
    of(
        Text,
        ("replace", "replace(text, old, new)"),
        (Both, 3, 3),
        (Gives::Text, Work::Values(&[Takes::Text, Takes::Text, Takes::Text], text::replace)),
        "The text with every occurrence of `old` replaced.",
        &[("replace('1,234,567', ',', '')", "\"1234567\"")],
    ),
    of(
        Text,
        ("replaceMatches", "replaceMatches(text, pattern, new)"),
        (Both, 3, 3),
        (Gives::Text, Work::Values(&[Takes::Text, Takes::Text, Takes::Text], text::replace_matches)),
        "The text with every match of a regular expression replaced. `$1` and `${name}` in `new` mean groups, and `$$` \
         for a dollar sign.",
        &[(r"replaceMatches('2024-05-17', '(\\d+)-(\\d+)-(\\d+)', '$3.$2.$1')", "\"17.05.2024\"")],
    )
    .with_pattern(1),
    of(
        Text,
        ("matches", "matches(text, pattern)"),
        (Both, 2, 2),
        (Gives::Boolean, Work::Texts(patterns::matches)),
        "Whether a regular expression matches anywhere in the text; `^` and `$` match its ends.",
        &[("'aspirin'.matches('^asp')", "true")],
    )
    .with_pattern(1),
    of(
        Text,
        ("extract", "extract(text, pattern[, group])"),
        (Both, 2, 3),
        (Gives::Text, Work::Values(&[Takes::Text, Takes::Text, Takes::Any], text::extract)),
        "The first match of a regular expression: its first group, or the group with this number or name; without groups, the \
         whole match. Missing if the pattern does not match.",
        &[
            ("extract('CHEMBL25', '[0-9]+')", "\"25\""),
            ("int(extract('IC50 = 30 nM', '= *([0-9]+)'))", "30"),
            ("extract('pH 7.4, 37 C', '(?<ph>[0-9.]+), (?<t>[0-9]+)', 't')", "\"37\""),
            ("coalesce(extract('unknown', '[0-9]+'), 'none')", "\"none\""),
        ],
    )
    .with_pattern(1),
    of(
        Text,
        ("split", "split(text, separator)"),
        (Both, 2, 2),
        (Gives::ListOfText, Work::Values(&[Takes::Text, Takes::Text], text::split)),
        "The list of the parts between the separators. `[0]` is the first part; an index beyond the last is an error.",
        &[("split('a;b;c', ';')[1]", "\"b\""), ("size('a;b;c'.split(';'))", "3")],
    ),
    of(
        Text,
        ("join", "join(list, separator)"),
        (Both, 2, 2),
        (Gives::Text, Work::Values(&[Takes::Any, Takes::Text], text::join)),
        "The texts of a list, with the separator between them.",
        &[("['a', 'b'].join('-')", "\"a-b\"")],
    ),
    of(
        Values,
        ("coalesce", "coalesce(value, …)"),
        (Plain, 2, MANY),
        (Gives::LikeAll, Work::Coalesce),
        "The first of the values that is not missing.",
        &[("coalesce(null, 0)", "0"), ("coalesce(1, 2)", "1")],
    ),
    of(
        Values,
        ("convert", "convert(number, from, to)"),
        (Plain, 3, 3),
        (Gives::Float, Work::Values(&[Takes::Number, Takes::Text, Takes::Text], units::convert)),
        "The number in another unit of concentration: `M`, `mM`, `uM` (or `µM`), `nM`, `pM`, `fM`, `mol/L` and its parts, \
         `mol/m3`; or `g/L`, `mg/mL`, `ug/mL`, `ng/mL` and the like. `from` must agree with the unit of a column that has one. \
         A mass is not converted to an amount of substance: divide by the molecular weight.",
        &[
            ("convert(35, 'nM', 'M')", "0.000000035"),
            ("convert(2.5, 'µM', 'nM')", "2500"),
            ("convert(180.16, 'mg/L', 'g/L') / 180.16", "0.001"),
        ],
    ),
    of(
        Values,
        ("bool", "bool(value)"),
        (Plain, 1, 1),
        (Gives::Boolean, Work::Any(values::bool_of)),
        "`true` for the texts `1`, `t`, `true`, `TRUE` and `True`, `false` for `0`, `f`, `false`, `FALSE` and `False`.",
        &[("bool('true')", "true")],
    ),
    of(
        Values,
        ("double", "double(value)"),
        (Plain, 1, 1),
        (Gives::Float, Work::Any(values::double_of)),
        "The number that a text spells, or a number as a float.",
        &[("double('1e-3')", "0.001")],
    ),
    of(
        Values,
        ("int", "int(value)"),
        (Plain, 1, 1),
        (Gives::Integer, Work::Any(values::int_of)),
        "The integer that a text spells, or a number without its decimals.",
        &[("int('42')", "42"), ("int(-2.9)", "-2")],
    ),
    of(
        Values,
        ("string", "string(value)"),
        (Plain, 1, 1),
        (Gives::Text, Work::Any(values::string_of)),
        "A number or a boolean as text.",
        &[("string(2.50)", "\"2.5\""), ("'batch ' + string(7)", "\"batch 7\"")],
    ),
    of(
        Values,
        ("size", "size(text) or size(list)"),
        (Both, 1, 1),
        (Gives::Integer, Work::Any(values::size_of)),
        "The number of characters, or of values in a list.",
        &[("size('µM')", "2"), ("size([1, 2, 3])", "3")],
    ),
    of(
        Lists,
        ("all", "list.all(x, condition)"),
        (Method, 3, 3),
        (Gives::Other, Work::Macro),
        "Whether the condition holds for all values of the list.",
        &[("[1, 2].all(x, x > 0)", "true")],
    ),
    of(
        Lists,
        ("exists", "list.exists(x, condition)"),
        (Method, 3, 3),
        (Gives::Other, Work::Macro),
        "Whether the condition holds for at least one value of the list.",
        &[("[1, 2].exists(x, x > 1)", "true")],
    ),
    of(
        Lists,
        ("exists_one", "list.exists_one(x, condition)"),
        (Method, 3, 3),
        (Gives::Other, Work::Macro),
        "Whether the condition holds for exactly one value of the list.",
        &[("[1, 2].exists_one(x, x > 0)", "false")],
    ),
    of(
        Lists,
        ("filter", "list.filter(x, condition)"),
        (Method, 3, 3),
        (Gives::Other, Work::Macro),
        "The values of the list for which the condition holds.",
        &[("size([1, 2, 3].filter(x, x > 1))", "2")],
    ),
    of(
        Lists,
        ("map", "list.map(x[, condition], value)"),
        (Method, 3, 4),
        (Gives::Other, Work::Macro),
        "The list of the results, for the values for which the condition holds.",
        &[("max('3;1;2'.split(';').map(x, int(x)))", "3")],
    ),
];

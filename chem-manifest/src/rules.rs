//! The table of rules: every code that a check can report.
//!
//! Codes are permanent, because scripts and searches rely on them: the number of a retired rule is never reused. Each
//! rule has a page in `docs/diagnostics` with a wrong and a right example.

use serde::Serialize;

use crate::names::nearest;

/// Whether a diagnostic prevents the flow from running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The flow cannot run.
    Error,
    /// The flow can run, but probably does not do what its author intended.
    Warning,
}

/// A rule of the check.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// `E` for an error or `W` for a warning, then four digits, of which the first two name the group.
    pub code: &'static str,
    /// Whether a violation prevents the flow from running.
    pub severity: Severity,
    /// A summary of the mistake, without the user's own names.
    pub title: &'static str,
    /// The Markdown page that `chem check --explain` prints.
    pub page: &'static str,
}

impl Rule {
    /// Returns the rule with this code, ignoring case.
    pub fn named(code: &str) -> Option<&'static Self> {
        RULES.iter().copied().find(|rule| rule.code.eq_ignore_ascii_case(code))
    }

    /// Returns the rule whose code was probably meant: one with the same number, or one within a typo.
    pub fn nearest(code: &str) -> Option<&'static Self> {
        let number = code.trim_start_matches(|first: char| !first.is_ascii_digit());
        let same_number =
            RULES.iter().copied().find(|rule| rule.code[1..].trim_start_matches('0') == number.trim_start_matches('0'));
        same_number.or_else(|| Self::named(nearest(code, RULES.iter().map(|rule| rule.code))?))
    }
}

macro_rules! rules {
    ($($name:ident = $code:literal $severity:ident $title:literal;)*) => {
        $(#[doc = concat!("`", $code, "`: ", $title, ".")]
        pub static $name: Rule = Rule {
            code: $code,
            severity: Severity::$severity,
            title: $title,
            page: include_str!(concat!("../diagnostics/", $code, ".md")),
        };)*

        /// All rules, ordered by code.
        pub static RULES: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    TOO_MANY = "E0001" Error "too many errors to list";

    // The text and its YAML syntax.
    UNREADABLE = "E0101" Error "the manifest cannot be read";
    NOT_UTF8 = "E0102" Error "the manifest is not UTF-8";
    TOO_LARGE = "E0103" Error "the manifest is too large";
    SYNTAX = "E0104" Error "the manifest is not YAML";
    DUPLICATE_KEY = "E0105" Error "duplicate key";
    SEVERAL_DOCUMENTS = "E0106" Error "more than one document";
    TAG = "E0107" Error "tags are not allowed";
    ANCHOR = "E0108" Error "anchors, aliases and merge keys are not allowed";
    KEY_NOT_TEXT = "E0109" Error "a key is not text";
    NUMBER = "E0110" Error "a number cannot be represented exactly";
    TOO_DEEP = "E0111" Error "values are nested too deeply";
    NUL_CHARACTER = "E0112" Error "text contains U+0000";

    // The shape of a manifest.
    NOT_A_MANIFEST = "E0201" Error "the manifest is not a mapping";
    UNKNOWN_KEY = "E0202" Error "unknown key";
    MISSING_KEY = "E0203" Error "missing key";
    WRONG_TYPE = "E0204" Error "wrong type of value";
    NO_STEPS = "E0205" Error "the flow has no steps";
    BAD_NAME = "E0206" Error "invalid name";
    DUPLICATE_ID = "E0207" Error "duplicate step id";

    // The parameters of the flow.
    UNKNOWN_PARAM = "E0301" Error "unknown flow parameter";
    BAD_PLACEHOLDER = "E0302" Error "invalid placeholder";
    LIST_IN_TEXT = "E0303" Error "a list cannot be inserted into text";
    UNUSED_PARAM = "W0304" Warning "unused flow parameter";
    BAD_OVERRIDE = "E0305" Error "`--set` expects `name=value`";
    UNKNOWN_OVERRIDE = "E0306" Error "`--set` names an unknown flow parameter";
    OVERRIDE_TYPE = "E0307" Error "`--set` gives a value of the wrong type";

    // Step types, their parameters and their files.
    UNKNOWN_STEP_TYPE = "E0401" Error "unknown step type";
    MISSING_STEP_PARAM = "E0402" Error "missing step parameter";
    UNKNOWN_STEP_PARAM = "E0403" Error "unknown step parameter";
    STEP_PARAM_TYPE = "E0404" Error "a step parameter has the wrong type";
    STEP_PARAM_RANGE = "E0405" Error "a step parameter is out of range";
    STEP_PARAM_CHOICE = "E0406" Error "a step parameter is not one of the allowed values";
    STEP_PARAM_FORM = "E0407" Error "a step parameter is malformed";
    EXPRESSION = "E0408" Error "invalid expression";
    NO_SUCH_FILE = "E0409" Error "input file not found";
    UNKNOWN_COLUMN = "E0410" Error "unknown column";
    WRITES_OVER_INPUT = "E0411" Error "a step overwrites a file that the flow reads";
    WRITTEN_TWICE = "E0412" Error "two sinks write the same file";
    CANNOT_SUCCEED = "E0413" Error "a step cannot succeed with these parameters";
    NO_SUCH_PROGRAM = "E0414" Error "program not found";
    UNDECLARED_FILE = "W0415" Warning "a program uses an undeclared file";
    STEP_SOURCE = "E0416" Error "a module does not define step types";
    STEP_ENVIRONMENT = "E0417" Error "the environment cannot run the steps of the modules";

    // The order of the steps and their wiring.
    FIRST_NOT_SOURCE = "E0501" Error "the first step is not a source";
    SOURCE_AFTER_FIRST = "E0502" Error "a source after the first step";
    UNKNOWN_STEP = "E0503" Error "an input is wired to an unknown step";
    LATER_STEP = "E0504" Error "an input is wired to a later step";
    OWN_STEP = "E0505" Error "an input is wired to its own step";
    WIRED_TO_SINK = "E0506" Error "an input is wired to a sink";
    UNKNOWN_OUTPUT = "E0507" Error "an input is wired to an unknown output";
    UNKNOWN_PORT = "E0508" Error "unknown input";
    OPEN_PORT = "E0509" Error "a required input is not wired";
    WRONG_KIND = "E0510" Error "an input receives the wrong kind of artifact";
    UNUSED_STEP = "W0511" Warning "unused step output";
    NOT_A_FLOW = "E0512" Error "the steps do not form a flow";
    MARKED_NOT_SOURCE = "E0513" Error "a step marked as a source is not one";
    SAME_OUTPUT_TWICE = "W0514" Warning "two inputs take the same output, one by default";

    // Retries, timeouts, gates and resources.
    ATTEMPTS = "E0601" Error "the number of attempts is out of range";
    TIME = "E0602" Error "invalid or out-of-range duration";
    RETRY_ON = "E0603" Error "unknown class of failures to retry";
    GATE_SCHEMA = "E0604" Error "a gate's schema is not a valid JSON Schema";
    PRINCIPAL = "E0605" Error "invalid list of principals";
    RESOURCES = "E0606" Error "invalid or out-of-range resource";

    // Flows that a step runs once for each combination of values, and steps that run in shards.
    MAP_WITH_OTHERS = "E0701" Error "a step has keys that exclude each other";
    MAP_VALUES = "E0702" Error "`over` gives no usable values";
    MAP_PARAM = "E0703" Error "`map` gives a parameter that its flow does not take";
    MAP_FLOW = "E0704" Error "a flow cannot run as a child";
    MAP_TAKE = "E0705" Error "`take` names what no child puts out";
    MAP_SHARDS = "E0706" Error "steps cannot run in shards";
    MAP_DEPTH = "E0707" Error "children are nested too deep";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_begin_with_their_severity() {
        assert!(RULES.is_sorted_by_key(|rule| &rule.code[1..]));
        for pair in RULES.windows(2) {
            assert_ne!(pair[0].code[1..], pair[1].code[1..], "two rules share a number");
        }
        for rule in RULES {
            let letter = if rule.severity == Severity::Error { 'E' } else { 'W' };
            assert!(rule.code.starts_with(letter) && rule.code.len() == 5, "{}", rule.code);
        }
    }

    #[test]
    fn a_code_is_found_in_any_case_and_the_nearest_is_suggested() {
        assert_eq!(Rule::named("e0410"), Some(&UNKNOWN_COLUMN));
        for (code, expected) in [("W0410", Some("E0410")), ("410", Some("E0410")), ("E041O", Some("E0410"))] {
            assert_eq!(Rule::named(code), None);
            assert_eq!(Rule::nearest(code).map(|rule| rule.code), expected, "{code}");
        }
        assert_eq!(Rule::nearest("nonsense"), None);
        assert_eq!(Rule::nearest(""), None);
    }
}

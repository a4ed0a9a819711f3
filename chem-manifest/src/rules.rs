//! The table of rules: every code that a check can report.
//!
//! A code is for ever: scripts and searches rely on it. A rule that is no longer needed leaves its number behind. Each
//! rule has a page in `docs/diagnostics`, with an example of what is wrong and of what is right.

use serde::Serialize;

use crate::names::nearest;

/// Whether a flow can run although a rule is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, and something is probably not as it was meant.
    Warning,
}

/// A rule of the check.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// What names it: `E` for an error or `W` for a warning, and a number whose first two digits are the group.
    pub code: &'static str,
    /// Whether a flow can run in spite of it.
    pub severity: Severity,
    /// What is wrong when it speaks.
    pub title: &'static str,
    /// What `chem check --explain` says of it: its page, in Markdown.
    pub page: &'static str,
}

impl Rule {
    /// The rule with this code, in either letter case.
    pub fn named(code: &str) -> Option<&'static Self> {
        RULES.iter().copied().find(|rule| rule.code.eq_ignore_ascii_case(code))
    }

    /// The rule whose code was probably meant: one with the same number, or a slip of the pen away.
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

        /// All rules, by code.
        pub static RULES: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    TOO_MANY = "E0001" Error "there are more errors than are listed";

    // The text, and whether it is YAML of the kind that manifests are written in.
    UNREADABLE = "E0101" Error "the manifest cannot be read";
    NOT_UTF8 = "E0102" Error "the manifest is not UTF-8";
    TOO_LARGE = "E0103" Error "the manifest is too large";
    SYNTAX = "E0104" Error "the manifest is not YAML";
    DUPLICATE_KEY = "E0105" Error "a key stands twice";
    SEVERAL_DOCUMENTS = "E0106" Error "there is more than one document";
    TAG = "E0107" Error "a value has a tag";
    ANCHOR = "E0108" Error "a value has an anchor, or stands for one that has";
    KEY_NOT_TEXT = "E0109" Error "a key is not text";
    NUMBER = "E0110" Error "a number cannot be held exactly";
    TOO_DEEP = "E0111" Error "values are nested too deeply";
    NUL_CHARACTER = "E0112" Error "a text has the character U+0000";

    // The shape of a manifest.
    NOT_A_MANIFEST = "E0201" Error "the manifest is not a mapping";
    UNKNOWN_KEY = "E0202" Error "there is no such key";
    MISSING_KEY = "E0203" Error "a key is missing";
    WRONG_TYPE = "E0204" Error "a key has a value of another type";
    NO_STEPS = "E0205" Error "the flow has no steps";
    BAD_NAME = "E0206" Error "a name does not have the form of one";
    DUPLICATE_ID = "E0207" Error "two steps have one id";

    // The parameters of the flow.
    UNKNOWN_PARAM = "E0301" Error "there is no such parameter of the flow";
    BAD_PLACEHOLDER = "E0302" Error "a placeholder has another form";
    LIST_IN_TEXT = "E0303" Error "a list cannot be put into text";
    UNUSED_PARAM = "W0304" Warning "a parameter of the flow is not used";
    BAD_OVERRIDE = "E0305" Error "`--set` is not followed by `name=value`";
    UNKNOWN_OVERRIDE = "E0306" Error "`--set` names no parameter of the flow";
    OVERRIDE_TYPE = "E0307" Error "`--set` gives a value of another type";

    // Step types and their parameters.
    UNKNOWN_STEP_TYPE = "E0401" Error "there is no such step type";
    MISSING_STEP_PARAM = "E0402" Error "a parameter of a step is missing";
    UNKNOWN_STEP_PARAM = "E0403" Error "a step has no such parameter";
    STEP_PARAM_TYPE = "E0404" Error "a parameter of a step has another type";
    STEP_PARAM_RANGE = "E0405" Error "a parameter of a step is out of range";
    STEP_PARAM_CHOICE = "E0406" Error "a parameter of a step is not one of the allowed values";
    STEP_PARAM_FORM = "E0407" Error "a parameter of a step does not have the form that it needs";
    EXPRESSION = "E0408" Error "an expression cannot be used";
    NO_SUCH_FILE = "E0409" Error "an input file is not there";
    UNKNOWN_COLUMN = "E0410" Error "no earlier step produces a column";
    WRITES_OVER_INPUT = "E0411" Error "a step writes over a file that the flow reads";
    WRITTEN_TWICE = "E0412" Error "two sinks write one file";
    CANNOT_SUCCEED = "E0413" Error "a step cannot succeed with these parameters";
    NO_SUCH_PROGRAM = "E0414" Error "a program to run is not on this machine";
    UNDECLARED_FILE = "W0415" Warning "a file that a program uses is not declared";

    // The order of the steps and what feeds what.
    FIRST_NOT_SOURCE = "E0501" Error "the first step is not a source";
    SOURCE_AFTER_FIRST = "E0502" Error "a source stands after the first step";
    UNKNOWN_STEP = "E0503" Error "an input is wired to a step that is not there";
    LATER_STEP = "E0504" Error "an input is wired to a later step";
    OWN_STEP = "E0505" Error "an input is wired to its own step";
    WIRED_TO_SINK = "E0506" Error "an input is wired to a sink";
    UNKNOWN_OUTPUT = "E0507" Error "an input is wired to an output that is not there";
    UNKNOWN_PORT = "E0508" Error "a step has no such input";
    OPEN_PORT = "E0509" Error "nothing feeds a required input";
    WRONG_KIND = "E0510" Error "an input is fed the wrong kind of artifact";
    UNUSED_STEP = "W0511" Warning "no step takes what a step gives";
    NOT_A_FLOW = "E0512" Error "the steps do not make a flow";

    // How a step is run.
    ATTEMPTS = "E0601" Error "the number of attempts is out of range";
    TIME = "E0602" Error "a time does not have the form of one, or is out of range";
    RETRY_ON = "E0603" Error "a step cannot be retried on such failures";
    GATE_SCHEMA = "E0604" Error "the schema of a gate is no JSON Schema";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_say_how_grave_they_are() {
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
    fn a_code_is_found_however_it_is_written_and_the_nearest_is_suggested() {
        assert_eq!(Rule::named("e0410"), Some(&UNKNOWN_COLUMN));
        for (written, meant) in [("W0410", Some("E0410")), ("410", Some("E0410")), ("E041O", Some("E0410"))] {
            assert_eq!(Rule::named(written), None);
            assert_eq!(Rule::nearest(written).map(|rule| rule.code), meant, "{written}");
        }
        assert_eq!(Rule::nearest("nonsense"), None);
        assert_eq!(Rule::nearest(""), None);
    }
}

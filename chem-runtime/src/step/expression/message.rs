//! Translates the library's syntax errors for the author of an expression.

use cel::ParseErrors;

use super::ExpressionError;
use super::tree::MAX_DEPTH;

/// Returns the first error of a parse. Later errors are usually consequences of it.
pub(super) fn of_syntax(text: &str, errors: &ParseErrors) -> ExpressionError {
    let Some(first) = errors.errors.first() else {
        return ExpressionError::new("the expression cannot be parsed");
    };
    let start = offset(text, first.pos);
    let message = first.msg.strip_prefix("Syntax error: ").unwrap_or(&first.msg);
    let rest = text.get(start..).unwrap_or_default();
    let word = word(rest);
    let at = start..start + word.len();
    if message.contains("Recursion limit") {
        let message = format!("the expression is nested too deeply; the limit is {MAX_DEPTH} levels");
        return ExpressionError::new(message).with_help("split it into two steps");
    }
    if rest.is_empty() {
        let error = match message.strip_prefix("missing ") {
            Some(missing) => {
                format!("missing {} at the end", missing.split(" at ").next().unwrap_or(missing).replace('\'', "`"))
            }
            None => "expected a value at the end".to_owned(),
        };
        return ExpressionError::new(error).at(start..start);
    }
    if message.starts_with("token recognition error") {
        return unknown_token(rest, start);
    }
    if message.starts_with("mismatched input")
        || message.starts_with("extraneous input")
        || message.starts_with("no viable")
    {
        let error = ExpressionError::new(format!("unexpected `{word}`")).at(at);
        return match word {
            "and" | "AND" => error.with_help("write `&&`"),
            "or" | "OR" => error.with_help("write `||`"),
            "not" | "NOT" => error.with_help("write `!`"),
            _ => error,
        };
    }
    if let Some(missing) = message.strip_prefix("missing ") {
        let missing = missing.split(" at ").next().unwrap_or(missing).replace('\'', "`");
        return ExpressionError::new(format!("missing {missing} before `{word}`")).at(at);
    }
    if let Some(name) = message.strip_prefix("reserved identifier: ") {
        let error = ExpressionError::new(format!("`{name}` is a reserved word")).at(at);
        return error.with_help(format!("write `row[\"{name}\"]` for a column of that name"));
    }
    if message.starts_with("invalid int literal") || message.starts_with("invalid double literal") {
        return ExpressionError::new(format!("the number `{word}` is too large")).at(at);
    }
    ExpressionError::new(message.to_owned()).at(at)
}

fn unknown_token(rest: &str, start: usize) -> ExpressionError {
    let first = rest.chars().next().unwrap_or_default();
    let at = start..start + first.len_utf8();
    let error = ExpressionError::new(format!("unexpected `{first}`"));
    match first {
        '=' => error.at(at).with_help("write `==` to compare"),
        '&' => error.at(at).with_help("write `&&`"),
        '|' => error.at(at).with_help("write `||`"),
        '\'' | '"' => ExpressionError::new("unclosed quote or invalid escape").at(at),
        _ if first.is_alphabetic() => {
            error.at(at).with_help("write `row[\"…\"]` for a column whose name is not an identifier")
        }
        _ => error.at(at),
    }
}

/// Converts the library's line and column, both from 1 and the latter in characters, to a byte offset.
fn offset(text: &str, (line, column): (isize, isize)) -> usize {
    let line = usize::try_from(line - 1).unwrap_or(0);
    let column = usize::try_from(column - 1).unwrap_or(0);
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at)
}

/// Returns the token at the start of `rest`, approximately.
fn word(rest: &str) -> &str {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
    let is_double = ["&&", "||", "==", "!=", "<=", ">="].iter().any(|operator| rest.starts_with(operator));
    let end = match end {
        0 if is_double => 2,
        0 => rest.chars().next().map_or(0, char::len_utf8),
        end => end,
    };
    &rest[..end]
}

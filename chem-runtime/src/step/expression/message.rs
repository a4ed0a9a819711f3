//! What the library says, in the words of who wrote the expression.

use cel::ParseErrors;

use super::ExpressionError;
use super::parse::MAX_DEPTH;

/// The first error of a parse. Those after it are mostly its echoes.
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
        let message = format!("the expression is nested too deeply; {MAX_DEPTH} levels are the limit");
        return ExpressionError::new(message).with_help("split it over two steps");
    }
    if rest.is_empty() {
        let error = match message.strip_prefix("missing ") {
            Some(missing) => {
                format!("{} is missing at the end", missing.split(" at ").next().unwrap_or(missing).replace('\'', "`"))
            }
            None => "the expression ends where a value is needed".to_owned(),
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
        let error = ExpressionError::new(format!("`{word}` is not expected here")).at(at);
        return match word {
            "and" | "AND" => error.with_help("write `&&`"),
            "or" | "OR" => error.with_help("write `||`"),
            "not" | "NOT" => error.with_help("write `!`"),
            _ => error,
        };
    }
    if let Some(missing) = message.strip_prefix("missing ") {
        let missing = missing.split(" at ").next().unwrap_or(missing).replace('\'', "`");
        return ExpressionError::new(format!("{missing} is missing before `{word}`")).at(at);
    }
    if let Some(name) = message.strip_prefix("reserved identifier: ") {
        let error = ExpressionError::new(format!("`{name}` is a reserved word")).at(at);
        return error.with_help(format!("a column of that name is `row[\"{name}\"]`"));
    }
    if message.starts_with("invalid int literal") || message.starts_with("invalid double literal") {
        return ExpressionError::new(format!("`{word}` is too large for a number")).at(at);
    }
    ExpressionError::new(message.to_owned()).at(at)
}

fn unknown_token(rest: &str, start: usize) -> ExpressionError {
    let first = rest.chars().next().unwrap_or_default();
    let at = start..start + first.len_utf8();
    let error = ExpressionError::new(format!("`{first}` has no meaning here"));
    match first {
        '=' => error.at(at).with_help("write `==` to compare"),
        '&' => error.at(at).with_help("write `&&`"),
        '|' => error.at(at).with_help("write `||`"),
        '\'' | '"' => ExpressionError::new("the text that begins here does not end, or has a wrong escape").at(at),
        _ if first.is_alphabetic() => error.at(at).with_help("a column whose name is no identifier is `row[\"…\"]`"),
        _ => error.at(at),
    }
}

/// Where the library's line and column, both from 1 and the latter in characters, are.
fn offset(text: &str, (line, column): (isize, isize)) -> usize {
    let line = usize::try_from(line - 1).unwrap_or(0);
    let column = usize::try_from(column - 1).unwrap_or(0);
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at)
}

/// The token that `rest` begins with, roughly.
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

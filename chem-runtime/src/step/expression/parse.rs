//! Parses expressions.
//!
//! The library's parser is recursive and does not limit long chains of operators, so it runs on a thread whose stack
//! suffices for any expression of [`MAX_LENGTH`] bytes. A tree deeper than [`MAX_DEPTH`] is refused there, so that evaluation
//! does not overflow the stack of any thread.

use std::sync::OnceLock;

use cel::Env;
use cel::common::ast::IdedExpr;

use super::names::resolve;
use super::tree::{MAX_DEPTH, Parsed, for_each_child};
use super::{ExpressionError, message};

/// The maximum length of an expression, in bytes.
pub const MAX_LENGTH: usize = 10_000;

/// Several times the stack that any [`MAX_LENGTH`] bytes take in a debug build.
const PARSER_STACK: usize = 64 << 20;

pub(super) fn parse(text: &str) -> Result<Parsed, ExpressionError> {
    if text.trim().is_empty() {
        return Err(ExpressionError::new("the expression is empty").with_help("write a condition, such as `logp <= 5`"));
    }
    if text.len() > MAX_LENGTH {
        return Err(ExpressionError::new(format!("the expression is longer than {MAX_LENGTH} bytes")));
    }
    let parsed = std::thread::scope(|scope| {
        let parser = std::thread::Builder::new().stack_size(PARSER_STACK).spawn_scoped(scope, || parse_here(text));
        parser.map(std::thread::ScopedJoinHandle::join)
    });
    match parsed {
        Ok(Ok(parsed)) => parsed,
        Ok(Err(_)) => Err(ExpressionError::new("the expression cannot be parsed")),
        Err(error) => Err(ExpressionError::new(format!("the expression cannot be parsed: no thread for it: {error}"))),
    }
}

fn parse_here(text: &str) -> Result<Parsed, ExpressionError> {
    let program = environment().compile(text).map_err(|errors| message::of_syntax(text, &errors))?;
    let (root, info) = (program.expression().clone(), program.source_info());
    let depth = depth(&root);
    if depth > MAX_DEPTH {
        return Err(ExpressionError::new(format!(
            "the expression is nested {depth} levels deep; the limit is {MAX_DEPTH}"
        ))
        .with_help("split it into two steps"));
    }
    resolve(root, text, info)
}

/// Returns the environment with the macros for parsing. The permitted functions are in [`FUNCTIONS`](super::FUNCTIONS).
fn environment() -> &'static Env {
    static ENVIRONMENT: OnceLock<Env> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut env = Env::stdlib().with_optional_support(false);
        // Fails only if a name is declared twice, which the test `every_example_has_its_value` would detect.
        drop(cel::extensions::math(&mut env));
        env
    })
}

fn depth(expr: &IdedExpr) -> usize {
    let mut deepest = 0;
    for_each_child(&expr.expr, &mut |child| deepest = deepest.max(depth(child)));
    deepest + 1
}

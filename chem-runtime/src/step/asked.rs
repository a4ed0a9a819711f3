//! What a program says of itself, such as its version, as the identity of the parameter that asks for it.

use serde_json::{Value, json};

const ANSWER: &str = "answer";

/// Returns the identity of a command that was answered in this way.
pub(crate) fn identity_of_answer(command: &[String], answer: &str) -> Value {
    json!({ "command": command, ANSWER: answer })
}

/// Returns the answer in the identity of a parameter; `None` if the parameter asks no program.
pub(crate) fn answer_in(identity: &Value) -> Option<&str> {
    let members = identity.as_object().filter(|members| members.len() == 2 && members.contains_key("command"))?;
    members.get(ANSWER)?.as_str()
}

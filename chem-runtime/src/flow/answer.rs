//! What an answer to a gate may bring along, as a JSON Schema says.

use serde_json::Value;

/// Why an answer is not what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The schema is no JSON Schema.
    #[error("the schema of the gate cannot be used: {0}")]
    Schema(String),
    /// There is data, and nobody asked for any.
    #[error("the gate asks for no data; approve without")]
    NotAsked,
    /// There is no data, or not a mapping.
    #[error("the gate asks for data: a JSON object")]
    NoObject,
    /// The data are not as the schema says.
    #[error("the data are not as the gate asks: {}", .0.join("; "))]
    Invalid(Vec<String>),
}

/// Checks that `schema` is a JSON Schema, without going elsewhere for parts of it.
pub fn check_schema(schema: &Value) -> Result<(), AnswerError> {
    jsonschema::validator_for(schema).map(drop).map_err(|error| AnswerError::Schema(told(&error)))
}

/// Checks that `data` are what the `schema` of a gate asks for.
pub fn check_answer(schema: Option<&Value>, data: Option<&Value>) -> Result<(), AnswerError> {
    let (schema, data) = match (schema, data) {
        (None, None) => return Ok(()),
        (None, Some(_)) => return Err(AnswerError::NotAsked),
        (Some(schema), Some(data)) if data.is_object() => (schema, data),
        (Some(_), _) => return Err(AnswerError::NoObject),
    };
    let validator = jsonschema::validator_for(schema).map_err(|error| AnswerError::Schema(told(&error)))?;
    let problems: Vec<String> = validator.iter_errors(data).map(|error| told(&error)).collect();
    if problems.is_empty() { Ok(()) } else { Err(AnswerError::Invalid(problems)) }
}

/// A problem and where it is.
fn told(error: &jsonschema::ValidationError<'_>) -> String {
    match error.instance_path().as_str() {
        "" => error.to_string(),
        path => format!("{error} at `{path}`"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn data_are_held_to_the_schema() {
        let schema = json!({
            "type": "object",
            "properties": {"limit": {"type": "number", "minimum": 0}},
            "required": ["limit"],
            "additionalProperties": false,
        });
        let check = |data: Value| check_answer(Some(&schema), Some(&data)).map_err(|error| error.to_string());
        assert_eq!(check(json!({"limit": 3.5})), Ok(()));
        assert!(check(json!({"limit": -1})).unwrap_err().contains("at `/limit`"));
        let both = check(json!({"limt": 1})).unwrap_err();
        assert!(both.contains("limt") && both.contains("limit") && both.contains("; "), "{both}");
        assert_eq!(check_answer(Some(&schema), None), Err(AnswerError::NoObject));
        assert_eq!(check_answer(Some(&json!({})), Some(&json!([1]))), Err(AnswerError::NoObject));
        assert_eq!(check_answer(None, Some(&json!({}))), Err(AnswerError::NotAsked));
        assert_eq!(check_answer(None, None), Ok(()));
    }

    #[test]
    fn a_schema_is_one_by_itself() {
        assert_eq!(check_schema(&json!({"type": "object"})), Ok(()));
        for bad in [json!({"type": "objekt"}), json!(3), json!({"$ref": "https://example.org/other.json"})] {
            assert!(matches!(check_schema(&bad), Err(AnswerError::Schema(_))), "{bad}");
        }
    }
}

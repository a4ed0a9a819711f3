//! Validates the data in answers to gates against their JSON Schema.

use serde_json::Value;

/// Why the data in an answer is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The schema is not a valid JSON Schema.
    #[error("the schema of the gate cannot be used: {0}")]
    Schema(String),
    /// The answer contains data, but the gate has no schema.
    #[error("the gate accepts no data; approve without data")]
    NotAsked,
    /// The answer contains no data, or not an object.
    #[error("the gate requires data: a JSON object")]
    NoObject,
    /// The data violates the schema.
    #[error("the data violates the schema of the gate: {}", .0.join("; "))]
    Invalid(Vec<String>),
    /// The gate has a schema, and this program was built without the feature `gate-schemas`.
    #[error(
        "the gate has a schema, and this program cannot check data against it: build it with the feature `gate-schemas` \
         of chem-runtime"
    )]
    NotBuilt,
}

/// Checks that `schema` is a valid JSON Schema. Does not resolve references to other documents.
///
/// # Errors
/// [`AnswerError::Schema`] if it is not, and [`AnswerError::NotBuilt`] without the feature `gate-schemas`.
pub(crate) fn check_schema(schema: &Value) -> Result<(), AnswerError> {
    violations(schema, None).map(drop)
}

/// Validates `data` against the `schema` of a gate.
pub(crate) fn check_answer(schema: Option<&Value>, data: Option<&Value>) -> Result<(), AnswerError> {
    let (schema, data) = match (schema, data) {
        (None, None) => return Ok(()),
        (None, Some(_)) => return Err(AnswerError::NotAsked),
        (Some(schema), Some(data)) if data.is_object() => (schema, data),
        (Some(_), _) => return Err(AnswerError::NoObject),
    };
    let problems = violations(schema, Some(data))?;
    if problems.is_empty() { Ok(()) } else { Err(AnswerError::Invalid(problems)) }
}

/// Returns how `data`, if there are any, violate a valid schema.
#[cfg(feature = "gate-schemas")]
fn violations(schema: &Value, data: Option<&Value>) -> Result<Vec<String>, AnswerError> {
    let validator = jsonschema::validator_for(schema).map_err(|error| AnswerError::Schema(describe(&error)))?;
    Ok(data.map(|data| validator.iter_errors(data).map(|error| describe(&error)).collect()).unwrap_or_default())
}

#[cfg(not(feature = "gate-schemas"))]
fn violations(_: &Value, _: Option<&Value>) -> Result<Vec<String>, AnswerError> {
    Err(AnswerError::NotBuilt)
}

/// Describes a violation and its location in the data.
#[cfg(feature = "gate-schemas")]
fn describe(error: &jsonschema::ValidationError<'_>) -> String {
    match error.instance_path().as_str() {
        "" => error.to_string(),
        path => format!("{error} at `{path}`"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[cfg(feature = "gate-schemas")]
    #[test]
    fn data_is_validated_against_the_schema() {
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

    #[cfg(not(feature = "gate-schemas"))]
    #[test]
    fn data_that_cannot_be_validated_are_refused() {
        let schema = json!({"type": "object"});
        assert_eq!(check_schema(&schema), Err(AnswerError::NotBuilt));
        assert_eq!(check_answer(Some(&schema), Some(&json!({}))), Err(AnswerError::NotBuilt));
        assert!(AnswerError::NotBuilt.to_string().contains("the feature `gate-schemas` of chem-runtime"));
        assert_eq!(check_answer(None, None), Ok(()));
    }

    #[cfg(feature = "gate-schemas")]
    #[test]
    fn a_schema_must_be_self_contained() {
        assert_eq!(check_schema(&json!({"type": "object"})), Ok(()));
        for bad in [json!({"type": "objekt"}), json!(3), json!({"$ref": "https://example.org/other.json"})] {
            assert!(matches!(check_schema(&bad), Err(AnswerError::Schema(_))), "{bad}");
        }
    }
}

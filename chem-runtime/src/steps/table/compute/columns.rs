//! The parameter `columns` of `table.compute`.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::prelude::*;
use crate::step::{ColumnReference, InvalidKind, PathPart};

/// Columns to compute, in order: the name of each, and the expression that gives its values.
#[derive(Debug, Clone, PartialEq)]
pub struct ComputedColumns(Vec<(String, Expression)>);

impl ComputedColumns {
    /// Creates the parameter.
    ///
    /// # Errors
    /// Fails if there is no column, or if two have the same name.
    pub fn new(columns: impl IntoIterator<Item = (String, Expression)>) -> Result<Self, InvalidParam> {
        let columns: Vec<_> = columns.into_iter().collect();
        if columns.is_empty() {
            return Err(InvalidParam::new("the list is empty; expected at least one column"));
        }
        let mut names = HashSet::new();
        for (index, (name, _)) in columns.iter().enumerate() {
            if !names.insert(name) {
                let error = InvalidParam::new(format!("the column `{name}` is computed twice"));
                return Err(error.within(PathPart::Key(name.clone())).within(PathPart::Index(index)));
            }
        }
        Ok(Self(columns))
    }

    /// Returns the names and the expressions.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Expression)> {
        self.0.iter().map(|(name, expression)| (name.as_str(), expression))
    }

    /// Returns the location of a column in the value of the parameter.
    pub(super) fn path(&self, name: &str) -> Vec<PathPart> {
        let index = self.0.iter().position(|(known, _)| known == name).unwrap_or_default();
        vec![PathPart::Index(index), PathPart::Key(name.to_owned())]
    }
}

impl ParamValue for ComputedColumns {
    fn ty() -> ParamType {
        ParamType::List(Box::new(ParamType::Map(Box::new(ParamType::Expression))))
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        let advice = "write each column after a `- ` on a line of its own: `- pIC50: 9 - log10(ic50)`";
        let Value::Array(items) = value else {
            let found = match value {
                Value::Object(_) => "a mapping, which has no order",
                _ => "a single value",
            };
            let error = InvalidParam::new(format!("expected a list of columns, found {found}"));
            return Err(error.of_kind(InvalidKind::Type).with_help(advice));
        };
        let mut columns = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let column = column(item).map_err(|error| match error.help {
                Some(_) => error.within(PathPart::Index(index)),
                None => error.with_help(advice).within(PathPart::Index(index)),
            })?;
            columns.push(column);
        }
        Self::new(columns)
    }

    fn write(&self) -> Value {
        let item = |(name, expression): &(String, Expression)| {
            Value::Object(Map::from_iter([(name.clone(), expression.write())]))
        };
        self.0.iter().map(item).collect()
    }

    /// Returns the columns of the input that the expressions name: an expression may also name an earlier one's column.
    fn named_columns(&self) -> Vec<ColumnReference> {
        let (mut computed, mut named) = (HashSet::new(), Vec::new());
        for (index, (name, expression)) in self.0.iter().enumerate() {
            let of_input = expression.named_columns().into_iter().filter(|column| !computed.contains(&column.name));
            named.extend(
                of_input.map(|column| column.within(PathPart::Key(name.clone())).within(PathPart::Index(index))),
            );
            computed.insert(name.clone());
        }
        named
    }
}

fn column(item: &Value) -> Result<(String, Expression), InvalidParam> {
    let Value::Object(members) = item else {
        return Err(InvalidParam::new("expected the name of a column with an expression").of_kind(InvalidKind::Type));
    };
    let mut members = members.iter();
    let (Some((name, expression)), None) = (members.next(), members.next()) else {
        return Err(InvalidParam::new("expected one column in each item of the list"));
    };
    if name.is_empty() {
        return Err(InvalidParam::new("the name of a column is empty"));
    }
    let expression = Expression::read(expression).map_err(|error| error.within(PathPart::Key(name.clone())))?;
    Ok((name.clone(), expression))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_written_as_they_are_read_and_name_only_what_the_input_has() {
        let value = json!([{"b": "a + params.x"}, {"c": "b * d"}]);
        let given = json!([{"b": {"cel": "a + params.x", "params": {"x": 2}}}, {"c": "b * d"}]);
        let columns = ComputedColumns::read(&given).unwrap();
        assert_eq!(ComputedColumns::read(&columns.write()).unwrap(), columns);
        assert_eq!(columns.write(), given);
        let named: Vec<String> = columns.named_columns().into_iter().map(|column| column.name).collect();
        assert_eq!(named, ["a", "d"]);
        assert!(matches!(ComputedColumns::read(&value).unwrap_err().kind, InvalidKind::UnboundParam(_)));
    }

    #[test]
    fn a_column_is_named_once_with_one_expression() {
        for (value, why) in [
            (json!({"b": "1"}), "which has no order"),
            (json!([]), "at least one"),
            (json!([{"b": "1", "c": "2"}]), "one column in each item"),
            (json!([{"b": "1"}, {"b": "2"}]), "`b` is computed twice"),
            (json!([{"": "1"}]), "empty"),
            (json!(["b = 1"]), "name of a column with an expression"),
        ] {
            let error = ComputedColumns::read(&value).unwrap_err();
            assert!(error.message.contains(why), "{value}: {}", error.message);
        }
    }
}

//! What `chem_flow describe` says of modules, and the step types made of it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::artifact::{ArtifactValue as _, Column, ColumnType, Dataset, Table};
use crate::step::{
    FileWritten, MAIN_OUTPUT, Make, OutputSpec, ParamSpec, ParamType, PortSpec, RowsSpec, StepKind, StepReturn as _,
    StepSpec, WithRejects,
};

/// The version of the format that this program reads.
pub(super) const PROTOCOL: u32 = 1;

/// The port of the rows of a step that works on rows.
pub(super) const ROWS_PORT: &str = "table";

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Description {
    pub(super) protocol: u32,
    pub(super) interpreter: Value,
    pub(super) modules: Vec<Module>,
}

impl Description {
    pub(super) fn steps(&self) -> impl Iterator<Item = &DescribedStep> {
        self.modules.iter().flat_map(|module| &module.steps)
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Module {
    /// The path of the file or the name of the package, as the manifest writes it.
    pub(super) module: String,
    #[serde(default)]
    pub(super) steps: Vec<DescribedStep>,
    /// Why the module has no steps.
    #[serde(default)]
    pub(super) error: Option<String>,
    /// Where its code failed.
    #[serde(default)]
    pub(super) traceback: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DescribedStep {
    pub(super) name: String,
    pub(super) version: u32,
    pub(super) kind: StepKind,
    pub(super) doc: String,
    pub(super) file: String,
    pub(super) line: u32,
    pub(super) rows: Option<DescribedRows>,
    pub(super) inputs: Vec<DescribedInput>,
    pub(super) outputs: Vec<DescribedOutput>,
    pub(super) params: Vec<DescribedParam>,
    pub(super) effects: bool,
    pub(super) cache: bool,
    pub(super) approximate: bool,
    pub(super) identity: DescribedIdentity,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DescribedRows {
    /// The columns that the step reads; `None` for all.
    pub(super) columns: Option<Vec<String>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DescribedInput {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) optional: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DescribedOutput {
    pub(super) name: String,
    /// The columns; `None` if they are known only after the step has run.
    pub(super) columns: Option<Vec<DescribedColumn>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DescribedColumn {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) ty: ColumnType,
    pub(super) unit: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DescribedParam {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) ty: DescribedType,
    pub(super) default: Option<Value>,
    pub(super) doc: String,
    pub(super) unit: Option<String>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) one_of: Vec<String>,
    pub(super) example: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DescribedType {
    Boolean,
    Integer,
    Number,
    Text,
    Column,
    InputFile,
    OutputFile,
    List(Box<DescribedType>),
    Optional(Box<DescribedType>),
    Map(Box<DescribedType>),
}

/// What the result of a step depends on, besides its inputs and parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DescribedIdentity {
    pub(super) code: Vec<Code>,
    pub(super) distributions: Vec<Distribution>,
    pub(super) interpreter: InterpreterVersion,
    pub(super) files: Vec<DataFile>,
    pub(super) watched: Vec<Watched>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Code {
    pub(super) module: String,
    pub(super) definition: Option<String>,
    pub(super) sha256: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Distribution {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) record_sha256: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct InterpreterVersion {
    pub(super) implementation: String,
    pub(super) version: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DataFile {
    pub(super) path: String,
    pub(super) sha256: String,
}

/// A file whose change makes a description invalid.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Watched {
    pub(super) path: PathBuf,
    /// The hash of the content. Without it and without a time, the file must stay missing.
    #[serde(default)]
    pub(super) sha256: Option<String>,
    #[serde(default)]
    pub(super) mtime_ns: Option<u64>,
    #[serde(default)]
    pub(super) size: Option<u64>,
}

impl DescribedOutput {
    /// Returns the declared columns; `None` if they are known only after the step has run.
    pub(super) fn declared(&self) -> Option<Vec<Column>> {
        let column =
            |column: &DescribedColumn| Column { unit: column.unit.clone(), ..Column::new(&column.name, column.ty) };
        Some(self.columns.as_ref()?.iter().map(column).collect())
    }
}

impl DescribedType {
    pub(super) fn param_type(&self) -> ParamType {
        match self {
            Self::Boolean => ParamType::Boolean,
            Self::Integer => ParamType::Integer { min: i64::MIN, max: i64::MAX as u64 },
            Self::Number => ParamType::Number,
            Self::Text => ParamType::Text,
            Self::Column => ParamType::Column,
            Self::InputFile => ParamType::InputFile,
            Self::OutputFile => ParamType::OutputFile,
            Self::List(inner) => ParamType::List(Box::new(inner.param_type())),
            Self::Optional(inner) => ParamType::Optional(Box::new(inner.param_type())),
            Self::Map(inner) => ParamType::Map(Box::new(inner.param_type())),
        }
    }
}

impl DescribedStep {
    /// Returns the parameters that name files which the step writes.
    pub(super) fn written(&self) -> impl Iterator<Item = &str> {
        let writes = |param: &&DescribedParam| matches!(param.ty, DescribedType::OutputFile);
        self.params.iter().filter(writes).map(|param| param.name.as_str())
    }

    /// Makes the step type. Like that of a step in Rust, it lives as long as the program; each description makes it once.
    pub(super) fn spec(&self) -> StepSpec {
        StepSpec {
            name: kept(&self.name),
            version: self.version,
            kind: self.kind,
            cache: self.cache,
            effects: self.effects,
            approximate: self.approximate,
            rows: self.rows.as_ref().map(|rows| match &rows.columns {
                Some(names) => RowsSpec::Columns(kept_all(names.iter().map(|name| kept(name)))),
                None => RowsSpec::All,
            }),
            doc: kept(&self.doc),
            inputs: kept_all(self.inputs.iter().map(|input| self.port(input))),
            outputs: self.outputs(),
            params: kept_all(self.params.iter().map(param)),
            code: kept(&self.identity.code_hash()),
            defined_in: ("", kept(&self.file), self.line),
        }
    }

    fn port(&self, input: &DescribedInput) -> PortSpec {
        let kind =
            if input.kind == "file" { <FileWritten as crate::artifact::ArtifactValue>::KIND } else { Table::KIND };
        PortSpec { name: kept(&input.name), kind, optional: input.optional, rows: self.rows.is_some() }
    }

    fn outputs(&self) -> &'static [OutputSpec] {
        if self.rows.is_some() {
            return WithRejects::<Dataset>::OUTPUTS;
        }
        let tables = self.outputs.iter().map(|output| OutputSpec::of::<Table>(kept(&output.name)));
        let files = self.written().enumerate().map(|(index, name)| {
            let name = if index == 0 && self.outputs.is_empty() { MAIN_OUTPUT } else { kept(name) };
            OutputSpec::of::<FileWritten>(name)
        });
        kept_all(tables.chain(files))
    }
}

fn param(param: &DescribedParam) -> ParamSpec {
    let ty = param.ty.param_type();
    let default = param.default.clone();
    ParamSpec {
        name: kept(&param.name),
        doc: kept(&param.doc),
        ty: Make::Closure(Box::leak(Box::new(move || ty.clone()))),
        default: default.map(|value| Make::Closure(Box::leak(Box::new(move || value.clone())))),
        unit: param.unit.as_deref().map(kept),
        min: param.min,
        max: param.max,
        one_of: kept_all(param.one_of.iter().map(|text| kept(text))),
        example: param.example.as_deref().map(kept),
        columns_of: None,
    }
}

fn kept(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn kept_all<T>(items: impl Iterator<Item = T>) -> &'static [T] {
    Box::leak(items.collect::<Vec<T>>().into_boxed_slice())
}

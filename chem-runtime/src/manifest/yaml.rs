//! Writes manifests as YAML.

use chem_manifest::document::Manifest;
use chem_manifest::{Diagnostic, Source};

/// Why a manifest value cannot be written as YAML.
#[derive(Debug, thiserror::Error)]
pub enum UnwritableManifest {
    /// The manifest parser rejects it.
    #[error("{}", messages(.0))]
    Refused(Vec<Diagnostic>),
    /// The manifest parser would read it as another manifest.
    #[error("a manifest cannot hold these values: read again, they would be others")]
    ReadsOtherwise,
    /// The value cannot be serialized as YAML.
    #[error(transparent)]
    Yaml(#[from] serde_yaml::Error),
    /// The value cannot be serialized as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Writes `manifest` as YAML that reads as the same value.
///
/// ```
/// use chem_runtime::manifest::document::{Manifest, Step};
/// use chem_runtime::manifest::{Source, check, to_yaml};
/// use chem_runtime::step::{Registry, StepId};
///
/// let mut seed = Step::new(StepId::new("seed")?, "demo.seed");
/// seed.with.insert("text".into(), "no".into());
/// let yaml = to_yaml(&Manifest::new(StepId::new("hello")?, vec![seed]))?;
/// assert_eq!(yaml, "flow: hello\nsteps:\n- id: seed\n  uses: demo.seed\n  with:\n    text: no\n");
/// let checked = check(&Source::new("hello.yaml", &yaml), &[], Registry::linked()?, ".".as_ref());
/// assert!(checked.definition.is_some());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// Returns what makes the manifest invalid: a placeholder that names no parameter, an input that names no earlier step,
/// values nested too deeply.
pub fn to_yaml(manifest: &Manifest) -> Result<String, UnwritableManifest> {
    let yaml = serde_yaml::to_string(manifest)?;
    if reads_as(&yaml, manifest).is_ok() {
        return Ok(yaml);
    }
    // A YAML 1.2 parser reads some texts that `serde_yaml` writes as something else: `1e999`, which `serde_yaml` does
    // not take for a number, has no quotes, and a U+2028, which ended a line in YAML 1.1, is followed by the spaces of
    // an indentation. In JSON, which is YAML, every text is in quotes.
    let json = plainly(&serde_json::to_string_pretty(manifest)?) + "\n";
    reads_as(&json, manifest).map(|()| json)
}

/// Writes a text as a YAML scalar, in quotes where it would be read as something else.
#[cfg(feature = "cli")]
pub(crate) fn yaml_text(text: &str) -> Result<String, UnwritableManifest> {
    Ok(serde_yaml::to_string(text)?.trim_end().to_owned())
}

/// Escapes the characters of `json` that YAML does not allow, or that end a line for some YAML parsers. They occur only
/// in texts, which are in quotes.
fn plainly(json: &str) -> String {
    let mut plain = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                plain.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            character => plain.push(character),
        }
    }
    plain
}

fn reads_as(text: &str, manifest: &Manifest) -> Result<(), UnwritableManifest> {
    let read = Manifest::read(&Source::new("manifest", text)).map_err(UnwritableManifest::Refused)?;
    if read == *manifest { Ok(()) } else { Err(UnwritableManifest::ReadsOtherwise) }
}

fn messages(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error());
    errors.map(|diagnostic| diagnostic.message.as_str()).collect::<Vec<_>>().join("; ")
}

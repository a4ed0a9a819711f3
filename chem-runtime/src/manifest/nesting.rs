//! Which flows are around a flow: those that run it as a child.

use std::path::{Path, PathBuf};

use chem_manifest::Source;

use crate::step::place_of;

/// How deep children are nested: a run has children, these have children, and these as well.
pub(super) const MOST_DEPTH: usize = 3;

/// The flows around a flow, with the flow itself.
pub(super) struct Nesting {
    manifests: Vec<PathBuf>,
    depth: usize,
}

impl Nesting {
    /// Returns that of a flow that no other runs.
    pub(super) fn of(source: &Source, directory: &Path) -> Self {
        let name = Path::new(source.name());
        Self { manifests: vec![place_of(&directory.join(name)), place_of(name)], depth: 0 }
    }

    /// Returns that of a child, with the path of its manifest if it has one of its own.
    pub(super) fn with_child(&self, manifest: Option<&Path>) -> Self {
        let manifests = self.manifests.iter().cloned().chain(manifest.map(place_of)).collect();
        Self { manifests, depth: self.depth + 1 }
    }

    /// Returns whether a flow around is the one in `manifest`.
    pub(super) fn has(&self, manifest: &Path) -> bool {
        self.manifests.contains(&place_of(manifest))
    }

    /// Returns whether the flow cannot have children.
    pub(super) fn is_deepest(&self) -> bool {
        self.depth >= MOST_DEPTH
    }
}

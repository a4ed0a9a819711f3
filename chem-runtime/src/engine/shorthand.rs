//! The methods of [`Run`] by shorter names: for the default run, and with an id.

#[cfg(doc)]
use super::Run;
use super::{CoreEngineError, FlowEngine};
use crate::artifact::Artifact;
use crate::event::{FlowEvent, FlowId};
use crate::fingerprint::Fingerprint;
use crate::flow::FlowInstance;

impl FlowEngine {
    /// Runs the next step of the default run: see [`Run::next`].
    pub fn next(&self) -> Result<FlowInstance, CoreEngineError> {
        self.default_run().next()
    }

    /// Runs the default run to its end: see [`Run::run_to_end`].
    pub fn run_to_end(&self) -> Result<FlowInstance, CoreEngineError> {
        self.default_run().run_to_end()
    }

    /// Runs the default run to its end and returns its id.
    pub fn run_to_end_default_flow(&self) -> Result<FlowId, CoreEngineError> {
        self.run_to_end().map(|instance| instance.flow_id())
    }

    /// Runs `flow_id` to its end: see [`Run::run_to_end`].
    pub fn run(&self, flow_id: FlowId) -> Result<FlowInstance, CoreEngineError> {
        self.handle(flow_id).run_to_end()
    }

    /// Returns the events of the default run: see [`Run::events`].
    pub fn events(&self) -> Result<Vec<FlowEvent>, CoreEngineError> {
        self.default_run().events()
    }

    /// Returns the events of a run: see [`Run::events`].
    pub fn events_for(&self, flow_id: FlowId) -> Result<Vec<FlowEvent>, CoreEngineError> {
        self.handle(flow_id).events()
    }

    /// Returns one letter for each event of the default run: see [`Run::event_variants`].
    pub fn event_variants(&self) -> Result<String, CoreEngineError> {
        self.default_run().event_variants()
    }

    /// Returns one letter for each event of a run: see [`Run::event_variants`].
    pub fn event_variants_for(&self, flow_id: FlowId) -> Result<String, CoreEngineError> {
        self.handle(flow_id).event_variants()
    }

    /// Returns the fingerprint of the default run: see [`Run::flow_fingerprint`].
    pub fn flow_fingerprint(&self) -> Result<Option<Fingerprint>, CoreEngineError> {
        self.default_run().flow_fingerprint()
    }

    /// Returns the fingerprint of a run: see [`Run::flow_fingerprint`].
    pub fn flow_fingerprint_for(&self, flow_id: FlowId) -> Result<Option<Fingerprint>, CoreEngineError> {
        self.handle(flow_id).flow_fingerprint()
    }

    /// Returns the main output of a step of the default run: see [`Run::last_step_output`].
    pub fn last_step_output(&self, step_id: &str) -> Result<Option<Artifact>, CoreEngineError> {
        self.default_run().last_step_output(step_id)
    }

    /// Returns the main output of a step of a run: see [`Run::last_step_output`].
    pub fn last_step_output_for(&self, flow_id: FlowId, step_id: &str) -> Result<Option<Artifact>, CoreEngineError> {
        self.handle(flow_id).last_step_output(step_id)
    }
}

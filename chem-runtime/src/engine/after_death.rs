//! Resumes a run whose process died: records the death, and fails the step if it was one too many.

use serde_json::json;

use super::deaths::{DIED, Verdict, count};
use super::run::{Session, Until};
use super::{CoreEngineError, FlowEngine};
use crate::event::{FlowEventKind, FlowId, StepFailed, StepSignal};
use crate::flow::{FlowInstance, StepStatus};
use crate::store::{Holder, PersistenceError};

impl FlowEngine {
    /// Resumes a run whose lease had this `epoch` when its holder died. Records the death; `judge` decides what follows from that
    /// many deaths at the step with that index.
    ///
    /// # Errors
    /// Fails like [`run`](FlowEngine::run).
    pub(super) fn run_after_death(
        &self,
        flow_id: FlowId,
        holder: &Holder,
        epoch: u64,
        judge: &dyn Fn(&FlowInstance, usize, u32) -> Result<Verdict, PersistenceError>,
    ) -> Result<FlowInstance, CoreEngineError> {
        let mut session = Session::load(self, flow_id)?;
        // Otherwise another process had the lease meanwhile, and has recorded the death if it got that far.
        let is_next = session.epoch() == Some(epoch + 1);
        let running = session.instance().current().filter(|(_, step)| is_next && step.status == StepStatus::Running);
        if let Some((step_index, step)) = running {
            let (step_id, fingerprint) = (step.id.clone(), step.fingerprint());
            let deaths = count(&self.store.list(flow_id)?) + 1;
            let verdict = judge(session.instance(), step_index, deaths)?;
            tracing::warn!(%flow_id, step = %step_id, %holder, deaths, "the process that ran the step died");
            let mut data = json!({ "deaths": deaths, "host": holder.host, "process": holder.pid });
            if let Some(job) = &holder.job {
                data["job"] = json!(job);
            }
            let signal = StepSignal { data, signal: DIED.to_owned(), step_id: step_id.clone(), step_index };
            session.hold(FlowEventKind::StepSignal(signal).into())?;
            if let Verdict::Fails { error, due_to_rows } = verdict {
                let failed = StepFailed {
                    causes: Vec::new(),
                    deaths: if due_to_rows { deaths } else { 0 },
                    error,
                    fingerprint,
                    left_behind: false,
                    step_id,
                    step_index,
                    transient: false,
                    usage: None,
                };
                session.hold(FlowEventKind::StepFailed(failed).into())?;
            }
        }
        self.drive_session(session, Until::FlowEnds)
    }
}

use super::*;

/// Gives a text.
#[derive(Step)]
#[step("code.given", version = 1, source)]
pub(super) struct Given {
    /// The text.
    text: String,
}

impl RunStep for Given {
    type Inputs = ();
    type Output = Text;

    fn run(&self, (): (), _: &ExecutionContext<'_>) -> Result<Text, StepError> {
        Ok(Text(self.text.clone()))
    }
}

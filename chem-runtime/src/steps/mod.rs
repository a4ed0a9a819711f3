//! x
pub mod demo {
    /// x
    #[derive(Debug, Clone)]
    pub struct Characters {}
}

//! A pool for the database that the environment names.

use super::provider::{PgPool, PoolSettings};
use super::schema;
use super::url::PostgresUrl;
use crate::store::{PersistenceError, StoreUrl};

/// Creates a pool for the database in `DATABASE_URL`, and migrates it to the newest schema. Reads the size of the pool
/// from `DATABASE_POOL_MAX` and `DATABASE_POOL_MIN`.
///
/// # Errors
/// [`PersistenceError::Unusable`] names what is missing or invalid; [`PersistenceError::Backend`] if no server answers.
pub fn build_dev_pool_from_env() -> Result<PgPool, PersistenceError> {
    let variable = |name: &str| std::env::var(name).ok();
    let text = variable("DATABASE_URL").filter(|text| !text.is_empty()).ok_or_else(|| {
        unusable("`DATABASE_URL` is not set; it names a database, as in `postgres://USER@HOST/DATABASE`".to_owned())
    })?;
    let url: PostgresUrl = text.parse().map_err(|error| match text.parse::<StoreUrl>() {
        Ok(other) => unusable(format!("`DATABASE_URL` names `{other}`, which is not a PostgreSQL database")),
        Err(_) => unusable(format!("`DATABASE_URL`: {error}")),
    })?;
    let pool = PgPool::connect(&url, PoolSettings::from_variables(variable)?)?;
    schema::migrate(&pool)?;
    Ok(pool)
}

fn unusable(message: String) -> PersistenceError {
    PersistenceError::Unusable { message, source: None }
}
